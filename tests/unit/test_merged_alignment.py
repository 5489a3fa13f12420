"""Alignments of subwords merged into alignments of words, in scripts of every kind."""

import pytest
import torch

from attention_core import Tokenizer
from attention_core.plots import alignment_html
from attention_core.translation.text import _merged

TEXTS = ["孩子 孩子们在雪里玩", "the children are playing", "שלום עולם", "孩子们"]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(TEXTS * 20, vocabulary=320, languages=["zh"])


def encoded(tokenizer: Tokenizer, text: str) -> list[int]:
    return [*tokenizer.encode(text), tokenizer.eos]


@pytest.mark.parametrize(
    ("text", "words", "pieces"),
    [
        ("孩子们在雪里", ["孩子们", "在雪", "里"], [1, 1, 1]),  # a piece of three characters
        ("the 🐶 plays", ["the", "🐶", "plays"], [1, 5, None]),  # the space, and four bytes
        ("龘雪", ["龘", "雪"], [4, 1]),  # the space, and three bytes
        ("שלום עולם", ["שלום", "עולם"], [None, None]),
        ("<b>&</b>", ["<b>&</b>"], [None]),
    ],
)
def test_weights_of_pieces_become_those_of_words(tokenizer, text, words, pieces):
    """Into itself: a source word sums its pieces, a target word takes the mean of its own."""
    ids = encoded(tokenizer, text)
    found = tokenizer.words(ids)
    assert [word for word, _ in found] == [*words, "</s>"]
    assert sorted(place for _, places in found for place in places) == list(range(len(ids)))
    for (_, places), count in zip(found, pieces, strict=False):
        assert count in (None, len(places))
    generator = torch.Generator().manual_seed(0)
    weights = torch.rand(len(ids), len(ids), generator=generator).softmax(-1)
    merged = _merged(weights, found, found)
    for row, (_, rows) in zip(merged, found, strict=True):
        for weight, (_, columns) in zip(row, found, strict=True):
            expected = sum(weights[t, s] for t in rows for s in columns) / len(rows)
            assert weight.item() == pytest.approx(expected.item())
    assert merged.sum(1) == pytest.approx(1.0)
    assert alignment_html([word for word, _ in found], [word for word, _ in found], merged)


def test_a_translation_of_nothing_has_no_rows(tokenizer):
    source = tokenizer.words(encoded(tokenizer, "孩子"))
    assert _merged(torch.ones(1, 2), [], source).shape == (0, len(source))
