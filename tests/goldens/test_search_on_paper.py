"""A beam of width two over three words, worked by hand."""

import math

import pytest
import torch

from attention_core.parts.types import DecoderState
from attention_core.search import beam_search, greedy_search

END, A, B = range(3)

# What comes after a word, b being the one to begin with:  end   a     b
STAYING = torch.tensor([[0.00, 0.00, 0.00], [0.30, 0.45, 0.25], [0.10, 0.55, 0.35]])
ENDING = torch.tensor([[0.00, 0.00, 0.00], [0.60, 0.20, 0.20], [0.10, 0.55, 0.35]])


def found(search, table, **options):
    def step(tokens, memory, state):
        return table[tokens].log(), state, None

    start = DecoderState(torch.zeros(1, 1, 1), None, None, torch.zeros(1, dtype=torch.long))
    return search(step, None, start, begin=torch.tensor([B]), end=END, max_length=3, **options)[0]


def test_greedy():
    # a, 0.55; after a: a, 0.45; after a: a, 0.45; and three words are the limit
    best = found(greedy_search, STAYING)
    assert (best.tokens, best.finished) == ([A, A, A], False)
    assert math.exp(best.score) == pytest.approx(0.55 * 0.45 * 0.45)


def test_beam_of_two():
    """The two best prefixes stay open; one that ends among the best two is done.

    Step 1:  a 0.55    b 0.35    end 0.10                             a and b stay
    Step 2:  a a   0.55 · 0.45 = 0.2475      b a   0.35 · 0.55 = 0.1925
             a b   0.55 · 0.25 = 0.1375      b b   0.35 · 0.35 = 0.1225
             a end 0.55 · 0.30 = 0.1650      b end 0.35 · 0.10 = 0.0350
             a a and b a are the best two; "a end" is the third, and too late
    Step 3:  a a a 0.2475 · 0.45 = 0.1114    b a a 0.1925 · 0.45 = 0.0866
             and what ends, 0.0743 and 0.0578, is not among the best two: the limit cuts both off
    """
    best = found(beam_search, STAYING, width=2, length_penalty=0.0)
    assert [one.tokens for one in best] == [[A, A, A], [B, A, A]]
    assert [math.exp(one.score) for one in best] == pytest.approx([0.11138, 0.08663], abs=1e-5)
    assert not any(one.finished for one in best)


def test_beam_of_two_that_finishes():
    """As above, with an end that is likelier after a.

    Step 1:  a 0.55    b 0.35    end 0.10                             a and b stay
    Step 2:  a end 0.55 · 0.60 = 0.3300      b a   0.35 · 0.55 = 0.1925
             a a   0.55 · 0.20 = 0.1100      b b   0.35 · 0.35 = 0.1225
             a b   0.55 · 0.20 = 0.1100      b end 0.35 · 0.10 = 0.0350
             "a end" is the best of all: done; b a and b b stay
    Step 3:  b a end 0.1925 · 0.60 = 0.1155  b b a   0.1225 · 0.55 = 0.0674
             b a a   0.1925 · 0.20 = 0.0385  b b b   0.1225 · 0.35 = 0.0429
             "b a end" is done too, and with two the search is
    """
    best = found(beam_search, ENDING, width=2, length_penalty=0.0)
    assert [one.tokens for one in best] == [[A, END], [B, A, END]]
    assert [math.exp(one.score) for one in best] == pytest.approx([0.33, 0.1155])
    assert all(one.finished for one in best)
    # With α = 2: log 0.33 / 2² = -0.2772, log 0.1155 / 3² = -0.2398, and the longer is the better.
    best = found(beam_search, ENDING, width=2, length_penalty=2.0)
    assert [one.tokens for one in best] == [[B, A, END], [A, END]]
    assert [one.score for one in best] == pytest.approx([-0.2398, -0.2772], abs=1e-4)
