"""A picture to point at: what a word lights, what a region shades, what is said aloud."""

import base64
import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from attention_core.errors import UserError
from captioner.pointing import DARKEST, pointing_html

PICTURE = Image.new("RGB", (80, 40), "red")
LEFT = [[0.8, 0.0], [0.2, 0.0]]
RIGHT = [[0.0, 0.1], [0.0, 0.4]]


def drawn(*words, grids=(LEFT, RIGHT), **options):
    html = pointing_html(PICTURE, "a dog", words or ("a", "dog"), grids, **options)
    return html, ElementTree.fromstring(html)


def veil(page, index) -> np.ndarray:
    source = page.findall("ol/li/label/img")[index].get("src")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))))


@pytest.mark.parametrize(("index", "corner"), [(0, (0, 0)), (1, (31, 31))])
def test_a_word_lights_where_it_looked_most(index, corner):
    alpha = veil(drawn()[1], index)[..., 3] / 255
    assert np.unravel_index(alpha.argmin(), alpha.shape) == corner
    assert alpha.min() < 0.01
    assert alpha[corner[0], 31 - corner[1]] == pytest.approx(DARKEST, abs=0.05)


def test_a_region_shades_words_by_how_much_they_looked_there():
    html, page = drawn()
    name = page.get("class").split()[1]
    rules = dict(re.findall(rf"\.{name}:has\(\.(c\d):is\([^{{]*\{{([^}}]*)\}}", html))
    assert rules == {
        "c0": "--w0:1.00;--w1:0.00",
        "c1": "--w0:0.00;--w1:0.25",
        "c2": "--w0:0.25;--w1:0.00",
        "c3": "--w0:0.00;--w1:1.00",
    }
    labels = page.findall("ol/li/label")
    assert [label.get("style") for label in labels] == [
        "--here:var(--w0, 0)",
        "--here:var(--w1, 0)",
    ]


def test_two_on_one_page_do_not_mix():
    first, second = (drawn(grids=grids)[1].get("class") for grids in ((LEFT, RIGHT), (LEFT, LEFT)))
    assert first != second


def test_a_screen_reader_says_places_and_words():
    _, page = drawn()
    words = [label.find("span").text for label in page.findall("ol/li/label")]
    assert words == [", looked most at row 1, column 1", ", looked most at row 2, column 2"]
    cells = [label.find("span").text for label in page.findall("div/label")]
    assert cells[0] == "row 1, column 1: a 100%, dog 0%"
    assert len(cells) == 4
    assert page.find("img").get("alt") == "a dog"


def test_it_is_said_in_another_language():
    html, _ = drawn(wording={"row {}, column {}": "第 {} 行第 {} 列", "All of it": "全部"})
    assert "第 1 行第 2 列: " in html and ">全部<" in html


def test_how_much_was_looked_at_all():
    assert [small.text for small in drawn(looked=[0.9, 0.123])[1].iter("small")] == ["90%", "12%"]


def test_words_are_text():
    assert "<b>" not in drawn("<b>", "x")[0]


def test_a_grid_for_each_word():
    with pytest.raises(UserError, match="2 words need 2 attention grids"):
        drawn(grids=[LEFT])
