from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attention_core.training import bucketed, pad

few = settings(max_examples=50, derandomize=True, deadline=None, database=None)


def test_pad_fills_up_to_the_longest():
    assert pad([[5, 6], [], [7]], 9).tolist() == [[5, 6], [9, 9], [7, 9]]
    assert pad([[1]], 0).dtype == torch.long
    assert pad([[]], 0).shape == (1, 0)


@few
@given(st.lists(st.integers(1, 30), max_size=60), st.integers(1, 100), st.integers(0, 2**32))
def test_every_sequence_is_in_one_batch_that_fits(lengths, batch_tokens, seed):
    batches = bucketed(lengths, batch_tokens, seed)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        padded = max(lengths[i] for i in batch) * len(batch)
        assert padded <= batch_tokens or len(batch) == 1
    assert bucketed(lengths, batch_tokens, seed) == batches


def test_like_lengths_are_side_by_side():
    lengths = [1 + i * 7 % 20 for i in range(200)]
    batches = bucketed(lengths, 60, seed=3)
    ranges = sorted((min(x), max(x)) for x in ([lengths[i] for i in batch] for batch in batches))
    assert all(one[1] <= other[0] for one, other in pairwise(ranges))


def test_no_batch_could_take_the_next_sequence():
    """Batches are as full as they may be: 6 tokens are three sequences of two."""
    assert sorted(map(len, bucketed([2] * 8, 6, seed=0))) == [2, 3, 3]


@pytest.mark.parametrize("what", ["batches", "equal lengths"])
def test_the_seed_changes_the_order(what):
    lengths = list(range(1, 40)) if what == "batches" else [4] * 40
    orders = {str(bucketed(lengths, 8, seed)) for seed in range(5)}
    assert len(orders) == 5
