"""What every search refuses, and the one line that says so."""

import pytest
import torch

from attention_core.parts.types import Memory
from attention_core.search import (
    EnsembleState,
    MinimumLength,
    beam_search,
    greedy_search,
    restricted,
    sample,
)

MEMORY = Memory(torch.zeros(2, 3, 1), None, torch.ones(2, 3, dtype=torch.bool), torch.zeros(2, 1))
every_search = pytest.mark.parametrize("search", [greedy_search, beam_search, sample])


def step(tokens, memory, state):
    return torch.zeros(tokens.numel(), 4), state, None


def refusal(search, memory=MEMORY, **options):
    given = {"begin": torch.tensor([1, 1]), "end": 0, "max_length": 5}
    assert search(step, memory, EnsembleState(), **given), "these are fine"
    with pytest.raises(ValueError) as caught:
        search(step, memory, EnsembleState(), **{**given, **options})
    return str(caught.value)


@every_search
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"begin": torch.tensor([1.0, 1.0])},
            "begin: expected torch.int64 of shape (2,), got torch.float32 of shape (2,)",
        ),
        (
            {"begin": torch.tensor([[1], [1]])},
            "begin: expected torch.int64 of shape (2,), got torch.int64 of shape (2, 1)",
        ),
        (
            {"begin": torch.tensor([1])},
            "begin: expected torch.int64 of shape (2,), got torch.int64 of shape (1,)",
        ),
        (
            {"begin": torch.tensor([1, 1], dtype=torch.int32)},
            "begin: expected torch.int64 of shape (2,), got torch.int32 of shape (2,)",
        ),
        ({"max_length": 0}, "max_length: expected at least 1, got 0"),
        ({"length_penalty": -0.1}, "length_penalty: expected at least 0, got -0.1"),
        ({"length_penalty": float("nan")}, "length_penalty: expected at least 0, got nan"),
        (
            {"constraints": [MinimumLength(6, 0)]},
            "constraints: expected a minimum length of at most max_length = 5, got 6",
        ),
    ],
)
def test_of_every_search(search, options, message):
    assert refusal(search, **options) == message


@every_search
def test_the_sources_of_an_ensemble_are_counted_too(search):
    message = refusal(search, memory=(MEMORY, MEMORY), begin=torch.tensor([1, 1, 1]))
    assert message.startswith("begin: expected torch.int64 of shape (2,), got")


@every_search
def test_a_memory_of_another_kind_may_hold_any_number(search):
    message = refusal(search, memory="anything", begin=torch.tensor(1))
    assert message == "begin: expected torch.int64 of shape (B,), got torch.int64 of shape ()"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 0}, "width: expected at least 1, got 0"),
        ({"coverage_penalty": -1.0}, "coverage_penalty: expected at least 0, got -1.0"),
        ({"stop": "early"}, "stop: expected one of width, best, got 'early'"),
    ],
)
def test_of_a_beam(options, message):
    assert refusal(beam_search, **options) == message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 0}, "samples: expected at least 1, got 0"),
        ({"temperature": 0.0}, "temperature: expected above 0, got 0.0"),
        ({"top_k": 0}, "top_k: expected at least 1, got 0"),
        ({"top_p": 0.0}, "top_p: expected above 0 and at most 1, got 0.0"),
        ({"top_p": 1.1}, "top_p: expected above 0 and at most 1, got 1.1"),
    ],
)
def test_of_sampling(options, message):
    assert refusal(sample, **options) == message


def test_of_a_restriction():
    with pytest.raises(ValueError, match="allowed: expected at least one word, got none of 4"):
        restricted(step, torch.zeros(4, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"allowed: expected torch\.bool of"):
        restricted(step, torch.ones(4, dtype=torch.long))


@every_search
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_logits_that_are_not_numbers(search, value):
    def broken(tokens, memory, state):
        return torch.full((tokens.numel(), 4), value), state, None

    with pytest.raises(ValueError, match="logits: expected numbers, got NaN or infinities"):
        search(broken, MEMORY, EnsembleState(), begin=torch.tensor([1, 1]), end=0, max_length=5)
