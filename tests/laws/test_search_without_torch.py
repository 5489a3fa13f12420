"""The numpy search finds what the torch search finds, on random models, by any options."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tree import END, Nodes, Tree

from attention_core import search
from attention_core.runtime import Search, beam_search

trees = st.builds(
    Tree,
    st.integers(0, 999),
    words=st.integers(2, 5),
    depth=st.integers(1, 5),
    sources=st.integers(1, 3),
    scale=st.sampled_from([0.3, 1.0, 3.0]),
)
options = st.builds(
    Search,
    beam=st.integers(1, 6),
    length_penalty=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    coverage_penalty=st.sampled_from([0.0, 0.5, 2.0]),
    stop=st.sampled_from(["width", "best"]),
    minimum_length=st.integers(1, 4),
    no_repeat_ngram=st.integers(0, 3),
)


def found_by_torch(tree, given, longest):
    constraints = [search.MinimumLength(min(given.minimum_length, longest), END)]
    if given.no_repeat_ngram:
        constraints.append(search.NoRepeatedNgram(given.no_repeat_ngram))
    return search.beam_search(
        tree.step,
        *tree.start(),
        begin=torch.zeros(tree.sources, dtype=torch.long),
        end=END,
        max_length=longest,
        width=given.beam,
        length_penalty=given.length_penalty,
        coverage_penalty=given.coverage_penalty,
        stop=given.stop,
        constraints=constraints,
    )


def found_by_numpy(tree, given, longest):
    positions, nodes = tree.start()

    def step(tokens, state):
        rows = Nodes(*(torch.from_numpy(state[name].ravel()) for name in ("node", "empty")))
        logits, after, weights = tree.step(torch.from_numpy(tokens.ravel()), None, rows)
        arrays = {"logits": logits, "weights": weights, **after._asdict()}
        arrays = {name: x.unflatten(0, tokens.shape).numpy() for name, x in arrays.items()}
        return arrays.pop("logits"), arrays, arrays.pop("weights")

    return beam_search(
        step,
        {name: each[:, None].numpy() for name, each in nodes._asdict().items()},
        begin=np.zeros(tree.sources, dtype=np.int64),
        end=END,
        search=Search(**{**vars(given), "max_length": longest}),
        valid=positions.valid.numpy(),
    )


@settings(max_examples=300, derandomize=True, deadline=None, database=None)
@given(trees, options)
def test_both_searches_find_the_same_in_as_many_steps(tree, given):
    expected = found_by_torch(tree, given, tree.depth)
    steps, tree.calls = tree.calls, 0
    found = found_by_numpy(tree, given, tree.depth)
    assert tree.calls == steps
    for ours, theirs in zip(found, expected, strict=True):
        assert [one.tokens for one in ours] == [one.tokens for one in theirs]
        for one, other in zip(ours, theirs, strict=True):
            assert one.log_probabilities == pytest.approx(other.log_probabilities, rel=1e-4)
            assert one.score == pytest.approx(other.score, rel=1e-4, abs=1e-6)
            assert one.finished == other.finished
            if one.tokens:
                assert one.weights.tolist() == other.weights.tolist()


@pytest.mark.parametrize(
    ("changes", "logits", "problem"),
    [
        ({"stop": "bset"}, 0.0, "stop: expected one of width, best, got 'bset'"),
        ({"coverage_penalty": 1.0}, 0.0, "coverage_penalty: expected `valid` and a step with"),
        ({}, np.nan, "logits: expected numbers, got NaN or infinities"),
        ({}, -np.inf, "logits: expected numbers, got NaN or infinities"),
    ],
)
def test_it_refuses_what_the_torch_search_does(changes, logits, problem):
    def step(tokens, state):
        return np.full((*tokens.shape, 4), logits), state, None

    with pytest.raises(ValueError, match=problem), np.errstate(invalid="ignore"):
        beam_search(step, {}, begin=np.array([1]), end=END, search=Search(**changes))
