"""Numbers as a piece of a page."""

import math
import re

import pytest

from attention_core.plots import doubts_html, table_html


def test_a_bar_is_as_long_as_its_number_beside_the_largest():
    html = table_html("t", ["word", "e"], [["a", 2.0], ["b", -1.0], ["c", 0.0]], bars={1: None})
    assert re.findall(r'class="(bar[^"]*)"><span>([^<]+)</span><i style="--w:([\d.]+)"', html) == [
        ("bar", "2.000", "1.00"),
        ("bar below", "-1.000", "0.50"),
        ("bar", "0.000", "0.00"),
    ]


def test_a_bar_can_be_a_share_of_a_given_number():
    assert "--w:0.20" in table_html("t", ["p"], [[0.2], [0.1]], bars={0: 1})


def test_a_column_of_zeros_has_no_bars():
    assert table_html("t", ["e"], [[0.0]], bars={0: None}).count("--w:0.00") == 1


def test_a_table_without_rows_has_its_headings():
    assert table_html("t", ["word"], []).count("<th ") == 1


def test_texts_are_text():
    html = table_html("<b>", ["<i>"], [["<u>"]]) + doubts_html(["<s>"], [-9.0])
    assert not re.search(r"<(b|u|s)>|<i>", html)


@pytest.mark.parametrize(("p", "shown"), [(0.49, "49%"), (0.51, None)])
def test_a_doubted_word_shows_its_probability(p, shown):
    html = doubts_html(["dog"], [math.log(p)])
    assert f"--d:{1 - p:.2f}" in html
    assert re.findall("<rt>(.*?)</rt>", html) == ([shown] if shown else [])
