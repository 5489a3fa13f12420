import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import captioner.overlay
from attention_core.errors import UserError
from attention_core.plots import save
from captioner.overlay import attention_overlays, attention_sheet

EXAMPLES = Path(captioner.overlay.__file__).parent / "examples"


@pytest.fixture
def picture() -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def one_cell(row: int, column: int, shape: tuple[int, int] = (7, 7)) -> np.ndarray:
    grid = np.zeros(shape)
    grid[row, column] = 0.6
    return grid


def difference(overlay: Image.Image, picture: Image.Image) -> np.ndarray:
    """How far each pixel is from the picture, of shape (height, width)."""
    return np.abs(np.asarray(overlay, float) - np.asarray(picture, float)).mean(axis=-1)


def test_an_even_gaze_leaves_the_picture_as_it_is(picture):
    (overlay,) = attention_overlays(picture, ["a"], [np.full((7, 7), 1 / 49)])
    assert np.array_equal(np.asarray(overlay), np.asarray(picture))


def test_a_nearly_even_gaze_looks_nearly_even(picture):
    grid = 1 / 49 * (1 + 0.05 * np.random.default_rng(1).uniform(-1, 1, (7, 7)))
    even, focused = attention_overlays(picture, ["a", "dog"], [grid, one_cell(3, 3)])
    assert difference(even, picture).max() < 20
    assert difference(focused, picture).mean() > 40


@pytest.mark.parametrize("row,column", [(0, 0), (3, 5), (6, 2)])
def test_the_light_falls_where_the_word_looked(row, column, picture):
    (overlay,) = attention_overlays(picture, ["dog"], [one_cell(row, column)])
    far = difference(overlay, picture)
    rows, columns = np.mgrid[:60, :90]
    distance = np.hypot((rows + 0.5) / 60 * 7 - row - 0.5, (columns + 0.5) / 90 * 7 - column - 0.5)
    assert far[distance < 0.5].mean() < 20
    assert far[distance > 2].mean() > 40


def test_only_the_proportions_of_a_grid_matter(picture):
    grid = np.random.default_rng(2).random((5, 8))
    first, second = attention_overlays(picture, ["a", "b"], [grid, 7 * grid])
    assert np.abs(np.asarray(first, int) - np.asarray(second, int)).max() <= 1


def test_a_grid_of_zeros_is_all_shade(picture):
    (overlay,) = attention_overlays(picture, ["a"], [np.zeros((7, 7))])
    assert np.asarray(overlay).max() < 160


@pytest.mark.parametrize("mode", ["L", "P", "RGBA"])
def test_any_mode_of_picture_gives_rgb(mode, picture):
    (overlay,) = attention_overlays(picture.convert(mode), ["a"], [one_cell(0, 0)])
    assert (overlay.mode, overlay.size) == ("RGB", picture.size)


def test_a_large_picture_is_shrunk_and_the_given_one_kept():
    large = Image.new("RGB", (1600, 400), "red")
    (overlay,) = attention_overlays(large, ["a"], [one_cell(0, 0)])
    assert overlay.size == (640, 160)
    assert large.size == (1600, 400)


@pytest.mark.parametrize("grids", [[], [np.ones((7, 7))] * 3, [np.ones(49)] * 2])
def test_one_grid_for_each_word(grids, picture):
    with pytest.raises(UserError, match=r"2 words need 2 attention grids of shape \(h, w\)"):
        attention_overlays(picture, ["a", "dog"], grids)


@pytest.mark.parametrize("count", [0, 1, 3, 12, 13])
def test_a_sheet_has_the_picture_first_and_a_labelled_tile_for_each_word(count, picture):
    words = [f"w{index}" for index in range(count)]
    grids = [one_cell(index % 7, index % 5) for index in range(count)]
    figure = attention_sheet(picture, "A caption.", words, grids)
    tiles = [np.asarray(axes.images[0].get_array()) for axes in figure.axes]
    assert len(tiles) == count + 1
    assert np.array_equal(tiles[0], np.asarray(picture))
    overlays = attention_overlays(picture, words, grids)
    for tile, overlay in zip(tiles[1:], overlays, strict=True):
        assert np.array_equal(tile, np.asarray(overlay))
    assert [text.get_text() for text in figure.texts] == ["A caption.", "", *words]
    boxes = [axes.get_position().bounds for axes in figure.axes]
    assert len(set(boxes)) == count + 1
    assert all(x >= 0 and y >= 0 and x + w <= 1 and y + h <= 1 for x, y, w, h in boxes)


@pytest.mark.parametrize("size", [(16, 16), (640, 20), (20, 640)])
def test_sheets_of_long_and_foreign_words_fit_on_pictures_of_any_shape(size, tmp_path):
    words = ["Donaudampfschifffahrtsgesellschaftskapitän", "狗", "kůň", "$5"]
    caption = "Ein sehr langer Satz über einen Hund am Strand 一只狗在海滩上奔跑。"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = attention_sheet(Image.new("RGB", size), caption, words, [one_cell(1, 1)] * 4)
        boxes = [text.get_window_extent() for text in figure.texts]
        save(figure, tmp_path / "sheet.png")
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.width + 1 for box in boxes)


def test_the_sheet_tells_how_much_was_looked_at_all(picture):
    grids = [one_cell(1, 1)] * 2
    figure = attention_sheet(picture, "A dog.", ["a", "dog"], grids, [0.304, 0.956])
    assert [text.get_text() for text in figure.texts] == ["A dog.", "looked", "a 30%", "dog 96%"]
    plain = attention_sheet(picture, "A dog.", ["a", "dog"], grids)
    assert [text.get_text() for text in plain.texts] == ["A dog.", "", "a", "dog"]
    with pytest.raises(UserError, match="2 words need 2 shares, got 1"):
        attention_sheet(picture, "A dog.", ["a", "dog"], grids, [0.5])


def test_example_pictures_are_small_and_their_licences_named():
    readme = (EXAMPLES / "README.md").read_text("utf-8")
    paths = sorted(EXAMPLES.glob("*.jpg"))
    assert len(paths) >= 5
    for path in paths:
        with Image.open(path) as picture:
            assert (picture.format, picture.mode) == ("JPEG", "RGB")
            assert min(picture.size) >= 224 and max(picture.size) <= 640
        assert path.stat().st_size < 100_000
        assert f"`{path.name}`" in readme
