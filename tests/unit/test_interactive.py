"""The alignment to point at: its geometry, its words as text, what it says aloud."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from attention_core.errors import UserError
from attention_core.plots import alignment_arcs, alignment_html, save
from attention_core.plots.interactive import STYLE

WEIGHTS = [[0.7, 0.2, 0.1], [0.0, 0.015, 0.985]]


def drawn(*arguments, **options) -> ElementTree.Element:
    return ElementTree.fromstring(alignment_html(*arguments, **options))


def sides(part: ElementTree.Element) -> list[list[ElementTree.Element]]:
    """The labels of the source's words, then those of the target's."""
    return [side.findall("li/label") for side in part.findall("ol")]


def word(label: ElementTree.Element) -> str:
    return label.find("bdi").text


def of(element: ElementTree.Element) -> dict[str, str]:
    """The element's style."""
    return dict(rule.split(":") for rule in element.get("style").split(";"))


def ends(path: ElementTree.Element) -> tuple[float, float]:
    """The heights of a curve on the left and on the right."""
    x, y, *_, last_x, last_y = map(float, re.findall(r"[\d.]+", path.get("d")))
    assert {x, last_x} == {0, 1}
    return (y, last_y) if x == 0 else (last_y, y)


def test_there_is_an_arc_as_thick_as_each_weight_of_2_percent_and_more():
    page = drawn(["a", "b", "c"], ["x", "y"], WEIGHTS)
    source, target = sides(page.find("div"))
    assert ([*map(word, source)], [*map(word, target)]) == (["a", "b", "c"], ["x", "y"])
    found = {
        (word(label), ends(path)): float(of(path)["--w"])
        for label in source + target
        for path in label.iter("path")
    }
    left, right = {"a": 0.5, "b": 1.5, "c": 2.5}, {"x": 0.75, "y": 2.25}
    expected = {}
    for name, weights in zip("xy", WEIGHTS, strict=True):
        for other, weight in zip("abc", weights, strict=True):
            if weight >= 0.02:
                for own in (name, other):
                    expected[own, (left[other], right[name])] = pytest.approx(weight, abs=0.006)
    assert found == expected and len(found) == 8
    assert "stroke-width: calc(var(--w)*9px)" in STYLE


def test_the_words_at_the_other_ends_are_shaded_with_the_number():
    source, target = sides(drawn(["a", "b", "c"], ["x", "y"], WEIGHTS).find("div"))
    shades = [(of(shade), shade.find("small").text) for shade in target[0].iter("i")]
    assert shades == [
        ({"top": "16.67%", "--w": "0.70"}, "70%"),
        ({"top": "50.00%", "--w": "0.20"}, "20%"),
        ({"top": "83.33%", "--w": "0.10"}, "10%"),
    ]
    assert [of(shade)["top"] for shade in source[2].iter("i")] == ["75.00%", "25.00%"]


def test_a_screen_reader_says_the_words_that_go_together():
    source, target = sides(drawn(["a", "b", "c"], ["x", "y"], WEIGHTS).find("div"))
    said = [label.find("span").text for label in source + target]
    assert said == [
        ", looked at for x 70%",
        ", looked at for x 20%",
        ", looked at for y 98%, x 10%",
        ", which looked at a 70%, b 20%, c 10%",
        ", which looked at c 98%",
    ]
    for label in source + target:
        assert label.find("input").get("type") == "radio"
        hidden = label.findall("span")[1]
        assert hidden.get("aria-hidden") == "true" and hidden.find("svg") is not None


HOSTILE = ["<script>alert(1)</script>", "</style><img src=x onerror=alert(1)>", "\"'&lt;", "שלום"]


def test_words_are_text():
    page = drawn(HOSTILE, HOSTILE[::-1], np.eye(4)[::-1], title="<b onclick='x'>\"&")
    words = [label.text for label in page.iter("bdi")]
    assert words == [*HOSTILE, *HOSTILE[::-1]]
    plain = drawn(["a"] * 4, ["b"] * 4, np.eye(4)[::-1], title="t")
    assert [part.tag for part in page.iter()] == [part.tag for part in plain.iter()]
    assert page.get("aria-label") == page.find("h4").text == "<b onclick='x'>\"&"


def test_nothing_is_loaded_or_run():
    html = alignment_html(["a"], ["b"], [[1.0]], title="t")
    assert not re.search(r"<script|url\(|@import|\bsrc=|\bhref=|https?:|\bon\w+=", html)


def parts(weights) -> list[tuple[int, int]]:
    """How many target and source words stand together."""
    weights = np.asarray(weights)
    rows, columns = weights.shape
    page = drawn([f"s{i}" for i in range(columns)], [f"t{i}" for i in range(rows)], weights)
    found = [sides(part) for part in page.findall("div")]
    assert [word(label) for source, _ in found for label in source] == [
        f"s{i}" for i in range(columns)
    ]
    assert [word(label) for _, target in found for label in target] == [
        f"t{i}" for i in range(rows)
    ]
    return [(len(target), len(source)) for source, target in found]


@pytest.mark.parametrize("shapes", [[(2, 3)], [(2, 3), (4, 1)], [(1, 1), (3, 5), (2, 2)]])
def test_sentences_stand_apart(shapes):
    weights = np.zeros(np.sum(shapes, axis=0))
    row = column = 0
    for rows, columns in shapes:
        weights[row : row + rows, column : column + columns] = 1 / columns
        row, column = row + rows, column + columns
    assert parts(weights) == shapes


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([[0.0, 0.0]], [(1, 2)]),
        ([[0.0, 0.0], [0.0, 0.0]], [(2, 2)]),
        ([[0.0, 1.0], [1.0, 0.0]], [(2, 2)]),  # they cross
        ([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], [(1, 2), (1, 1)]),  # not looked at: stays before
        ([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]], [(1, 1), (2, 1)]),
        ([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], [(2, 1), (2, 1)]),
        ([[0.999, 0.001], [0.0, 1.0]], [(2, 2)]),  # by a faint one, which is not drawn
        ([[0.5, 0.0, 0.5], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], [(3, 3)]),
    ],
)
def test_words_that_a_weight_joins_stand_together(weights, expected):
    assert parts(weights) == expected


def test_characters_are_words_too():
    page = drawn("ab", "猫", [[0.5, 0.5]])
    assert [label.text for label in page.iter("bdi")] == ["a", "b", "猫"]


def test_weights_that_do_not_fit_are_told():
    with pytest.raises(UserError, match=r"\(T, S\) = \(1, 2\).*got \(2, 1\)"):
        alignment_html(["a", "b"], ["x"], [[0.5], [0.5]])


def test_a_page_is_saved(tmp_path):
    html = alignment_html(["a"], ["猫"], [[1.0]])
    save(html, tmp_path / "a.html")
    page = (tmp_path / "a.html").read_bytes().decode("utf-8")
    assert page.startswith("<!doctype html>") and html in page
    assert '<meta charset="utf-8">' in page and '<meta name="viewport"' in page


def test_a_page_is_no_picture_and_a_picture_no_page(tmp_path):
    with pytest.raises(UserError, match=r"unknown suffix '.png'.*Known: \.html\."):
        save(alignment_html(["a"], ["b"], [[1.0]]), tmp_path / "a.png")
    with pytest.raises(UserError, match=r"unknown suffix '.html'"):
        save(alignment_arcs(["a"], ["b"], [[1.0]]), tmp_path / "a.html")


def test_what_the_page_itself_says_can_be_in_another_language():
    wording = {
        "Point at a word, or choose it, to see its arcs alone.": "指向一个词",
        "All words": "全部",
        "looked at for": "译",
        "which looked at": "看",
        "nothing": "无",
        "Alignment": "对齐",
    }
    html = alignment_html(["a", "b"], ["x"], [[1.0, 0.0]], wording=wording)
    spoken = re.findall(r'class="read">, ([^<]*)<', html)
    assert spoken == ["译 x 100%", "译 无", "看 a 100%"]
    assert "指向一个词" in html and ">全部<" in html and 'aria-label="对齐"' in html
