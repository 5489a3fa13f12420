import warnings
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import get_font
from matplotlib.patches import PathPatch
from PIL import Image

from attention_core.errors import UserError
from attention_core.plots import alignment_arcs, alignment_heatmap, save, text
from attention_core.plots.text import CHINESE_FONT, legible, style, width

DRAWINGS = [alignment_heatmap, alignment_arcs]
SENTENCES = {
    "de": "Zwölf Boxkämpfer jagen „Viktor“ quer über den großen Sylter Deich .",
    "fr": "Où l’œuvre naïve « ça » déçoit : Noël , île , août !",
    "cs": "Příliš žluťoučký kůň úpěl ďábelské ódy , něžně …",
    "zh": "两 只 狗 在 海滩 上 奔跑 ， “ 你好 ” ！ 鹡鸰 ？ 《 书 》 。",
}


def written(figure: Figure) -> list[str]:
    labels = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        labels += [text.get_text() for text in axes.texts]
        labels += [tick.get_text() for tick in axes.get_xticklabels() + axes.get_yticklabels()]
    return labels


def overflow(figure: Figure) -> float:
    """How many pixels the drawing needs beyond the figure's edges."""
    box = figure.get_tightbbox().transformed(figure.dpi_scale_trans)
    return max(-box.x0, -box.y0, box.x1 - figure.bbox.width, box.y1 - figure.bbox.height)


@pytest.mark.parametrize("draw", DRAWINGS)
@pytest.mark.parametrize("language", SENTENCES)
def test_every_language_is_drawn_without_a_missing_glyph(draw, language, tmp_path):
    target = SENTENCES[language].split()
    weights = np.full((len(target), 2), 0.5)
    assert legible(SENTENCES[language]) == SENTENCES[language]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = draw(["a", "b"], target, weights, SENTENCES[language])
        for suffix in ("png", "svg", "pdf"):
            save(figure, tmp_path / f"drawing.{suffix}")
    assert {*target, "a", "b", SENTENCES[language]} <= {*written(figure)}


def test_heatmap_shows_the_weights_with_source_above_and_target_on_the_left():
    weights = np.array([[0.9, 0.1, 0.0], [0.2, 0.3, 0.5]])
    (axes,) = alignment_heatmap(["Cat", "chase", "mouse"], ["猫", "捉"], weights).axes
    (image,) = axes.images
    assert np.array_equal(image.get_array(), weights)
    assert (image.norm.vmin, image.norm.vmax) == (0, 1)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["Cat", "chase", "mouse"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["猫", "捉"]
    assert axes.xaxis.get_tick_params()["labeltop"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1], "the first target word belongs at the top"


def test_the_shorter_sentence_is_as_tall_as_the_longer():
    axes = alignment_arcs(["a", "b", "c", "d"], ["x", "y"], np.eye(2, 4)).axes[0]
    heights = {text.get_text(): text.get_position()[1] for text in axes.texts}
    assert heights["x"] == pytest.approx((heights["a"] + heights["b"]) / 2)
    assert heights["y"] == pytest.approx((heights["c"] + heights["d"]) / 2)


def test_arcs_are_as_thick_as_their_weights_and_join_their_words():
    figure = alignment_arcs(["a", "b"], ["x", "y"], [[0.8, 0.01], [0.2, 0.4]])
    (axes,) = figure.axes
    arcs = [patch for patch in axes.patches if isinstance(patch, PathPatch)]
    thickness = [arc.get_linewidth() for arc in arcs]
    assert np.allclose(np.array(thickness) / thickness[0], [1, 0.25, 0.5])
    heights = {text.get_text(): text.get_position()[1] for text in axes.texts}
    ends = [(arc.get_path().vertices[0, 1], arc.get_path().vertices[-1, 1]) for arc in arcs]
    pairs = [("a", "x"), ("a", "y"), ("b", "y")]
    assert np.allclose(ends, [(heights[source], heights[target]) for source, target in pairs])


@pytest.mark.parametrize("draw", DRAWINGS)
@pytest.mark.parametrize("sources,targets", [(1, 1), (3, 3), (25, 4), (4, 25), (130, 90)])
def test_all_labels_fit_at_any_size(draw, sources, targets):
    words = ["Donaudampfschifffahrtsgesellschaft", "ab", "老鼠"] * 50
    weights = np.full((targets, sources), 1 / sources)
    figure = draw(words[:sources], words[:targets], weights, "A title that is longer than that")
    assert overflow(figure) < 1
    assert max(figure.get_size_inches()) < 32


@pytest.mark.parametrize("draw", DRAWINGS)
def test_a_title_of_no_font_takes_the_room_of_its_boxes(draw, fonts):
    fonts()
    with pytest.warns(UserWarning, match="□ stands for it") as told:
        figure = draw(["a"], ["b"], np.ones((1, 1)), "\U00013000" * 60)
    assert overflow(figure) < 1
    assert all("stands for it" in str(each.message) for each in told)


@pytest.mark.parametrize("draw", DRAWINGS)
def test_an_address_however_long_takes_no_more_room_than_a_long_word(draw):
    long = "https://example.org/" + "a" * 5000
    figure = draw([long, "ab"], ["ab", long], np.full((2, 2), 0.5), long)
    assert overflow(figure) < 1
    assert max(figure.get_size_inches()) < 20
    assert sum("https://example.org/…" in label for label in written(figure)) == 2


@pytest.fixture
def fonts(monkeypatch):
    """Sets what fonts this machine has besides ours, for a test to say."""
    caches = (text._families, text._drawable)

    def install(**characters):
        drawn_by = text._drawn_by
        monkeypatch.setattr(text, "_installed", lambda: [*characters])
        monkeypatch.setattr(
            text,
            "_drawn_by",
            lambda name: {*map(ord, characters[name])} if name in characters else drawn_by(name),
        )
        for cache in caches:
            cache.cache_clear()

    yield install
    for cache in caches:
        cache.cache_clear()


@pytest.mark.parametrize("draw", DRAWINGS)
def test_formulas_are_harmless(draw, tmp_path):
    figure = draw(["$x^2$", "b"], ["_$\\frac"], [[0.5, 0.5]])
    save(figure, tmp_path / "drawing.png")
    assert {"$x^2$", "_$\\frac"} <= {*written(figure)}


@pytest.mark.parametrize("draw", DRAWINGS)
def test_a_character_of_no_font_is_a_box_and_a_warning(draw, fonts, tmp_path):
    fonts(Runes="ᚠ")
    with pytest.warns(UserWarning, match=r"can draw 🐶 \(U\+1F436\): □ stands for it") as told:
        figure = draw(["a 🐶🐶"], ["b"], [[1.0]])
    assert len(told) == 1
    save(figure, tmp_path / "drawing.png")  # itself without a warning
    assert "a □□" in written(figure)


def test_a_font_of_the_machine_draws_what_ours_lack(fonts):
    fonts(Runes="ᚠ", Emoji="🐶x", Animals="🐶")
    ours = style(12)["fontproperties"].get_family()
    assert legible("x 🐶") == "x 🐶"
    assert style(12)["fontproperties"].get_family() == [*ours, "Emoji"]


def test_the_fonts_of_the_machine_are_asked_in_an_order():
    families = text._installed()
    assert "DejaVu Sans" in families
    assert not [name for name in families if "Last Resort" in name]  # boxes for everything
    chinese = [name for name in families if name.endswith(" SC")]
    assert families[: len(chinese)] == chinese


@pytest.mark.parametrize("draw", DRAWINGS)
def test_an_svg_needs_no_font(draw, tmp_path):
    save(draw(["<b>&", "שלום"], ["老鼠"], [[0.5, 0.5]]), tmp_path / "drawing.svg")
    root = ElementTree.parse(tmp_path / "drawing.svg").getroot()
    parts = [part.tag.rpartition("}")[2] for part in root.iter()]
    assert "path" in parts and "text" not in parts


def test_a_right_to_left_word_begins_on_the_right():
    figure = Figure(figsize=(2, 2), dpi=100)
    figure.text(0.3, 0.4, "\N{HEBREW LETTER LAMED}\N{HEBREW LETTER SHIN}", **style(60))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    rows, columns = np.nonzero(np.asarray(canvas.buffer_rgba())[..., 0] < 128)
    assert columns[rows.argmin()] > columns.min() + 20  # lamed, the first, is the tall one


@pytest.mark.parametrize("draw", DRAWINGS)
def test_words_and_weights_must_match(draw):
    with pytest.raises(UserError, match=r"\(T, S\) = \(1, 2\).*got \(2, 1\)"):
        draw(["a", "b"], ["x"], [[0.5], [0.5]])
    with pytest.raises(UserError, match="at least one of each"):
        draw([], [], np.zeros((0, 0)))


def test_the_settings_of_matplotlib_stay_as_they_are():
    before = dict(matplotlib.rcParams)
    alignment_heatmap(["a"], ["猫"], [[1.0]]).draw_without_rendering()
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("suffix,head", [("png", b"\x89PNG"), ("PDF", b"%PDF"), ("svg", b"<?xml")])
def test_save_writes_the_format_of_the_suffix(suffix, head, tmp_path):
    path = tmp_path / f"drawing.{suffix}"
    save(alignment_heatmap(["a"], ["b"], [[1.0]]), str(path))
    assert path.read_bytes().startswith(head)


def test_save_draws_dark_where_the_weight_is(tmp_path):
    save(alignment_heatmap(["a", "b"], ["x", "y"], np.eye(2)), tmp_path / "drawing.png")
    picture = np.asarray(Image.open(tmp_path / "drawing.png").convert("L"), dtype=float)
    height, width_ = picture.shape
    assert picture[int(height * 0.4), int(width_ * 0.4)] < 80
    assert picture[int(height * 0.4), int(width_ * 0.8)] > 240


@pytest.mark.parametrize(
    "name,message",
    [
        ("drawing.jpeg", r"unknown suffix '.jpeg'.*\.pdf, \.png, \.svg"),
        ("drawing", "unknown suffix ''"),
        ("missing/drawing.png", "there is no folder"),
        ("folder.png", "Is a directory"),
    ],
)
def test_save_says_why_it_cannot(name, message, tmp_path):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(UserError, match=message) as caught:
        save(alignment_heatmap(["a"], ["b"], [[1.0]]), tmp_path / name)
    assert "\n" not in str(caught.value)


def test_the_chinese_font_holds_gb_2312_and_ships_with_its_licence():
    rows, cells = range(0xB0, 0xF8), range(0xA1, 0xFF)
    pairs = (bytes([row, cell]).decode("gb2312", "ignore") for row in rows for cell in cells)
    characters = {ord(character) for character in pairs if character}
    assert len(characters) == 6763
    assert characters <= get_font(CHINESE_FONT).get_charmap().keys()
    assert CHINESE_FONT.stat().st_size < 1_700_000
    assert "SIL OPEN FONT LICENSE" in (CHINESE_FONT.parent / "OFL.txt").read_text("utf-8")


def test_widths_grow_with_the_text_and_the_size():
    assert 0 < width("Hund", 12) < width("Hundert", 12)
    assert width("老鼠", 24) == pytest.approx(2 * width("老鼠", 12), rel=0.1)
    assert style(12)["parse_math"] is False
    assert Path(CHINESE_FONT).is_file()
