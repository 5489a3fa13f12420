"""Search over random models, against enumeration and against plain Python, by any options."""

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tree import END, Allowed, Output, Tree, plain_beam

from attention_core.search import (
    BeginsWith,
    Constraint,
    EnsembleState,
    Hypothesis,
    MinimumLength,
    NoRepeatedNgram,
    beam_search,
    ensemble,
    greedy_search,
    sample,
)

many = settings(max_examples=150, derandomize=True, deadline=None, database=None)
few = settings(many, max_examples=15)

trees = st.builds(
    Tree,
    st.integers(0, 999),
    words=st.integers(2, 4),
    depth=st.integers(1, 4),
    sources=st.integers(1, 3),
    scale=st.sampled_from([0.3, 1.0, 3.0]),
)
penalties = st.sampled_from([0.0, 0.5, 1.0, 2.0])


class Rules(NamedTuple):
    """Constraints, and what they mean, said once more for each source."""

    constraints: list[Constraint]
    allowed: list[Allowed]


@st.composite
def rules(draw: st.DrawFn, tree: Tree) -> Rules:
    """Any constraints together, dead ends among them."""
    least, size = draw(st.integers(1, tree.depth)), draw(st.integers(1, 3))
    token = st.integers(0, tree.words - 1)
    begins = [draw(st.lists(token, max_size=tree.depth)) for _ in range(tree.sources)]

    def long_enough(tokens: list[int]) -> bool:
        return END not in tokens or len(tokens) >= least

    def new(tokens: list[int]) -> bool:
        grams = [tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1)]
        return len(set(grams)) == len(grams)

    pairs: list[tuple[Constraint, Any]] = [
        (MinimumLength(least, END), lambda source: long_enough),
        (NoRepeatedNgram(size), lambda source: new),
        (
            BeginsWith(begins),
            lambda source: (
                lambda tokens: tokens[: len(begins[source])] == begins[source][: len(tokens)]
            ),
        ),
    ]
    chosen = draw(st.lists(st.sampled_from(pairs), unique_by=id))

    def both(source: int) -> Allowed:
        return lambda tokens: all(rule(source)(tokens) for _, rule in chosen)

    return Rules([constraint for constraint, _ in chosen], list(map(both, range(tree.sources))))


def anything(tokens: list[int]) -> bool:
    return True


def found_by(search: Any, tree: Tree, **options: Any) -> Any:
    options = {"max_length": tree.depth, **options}
    begin = torch.zeros(tree.sources, dtype=torch.long)
    return search(tree.step, *tree.start(), begin=begin, end=END, **options)


def assert_same(
    found: list[Hypothesis],
    expected: list[Output],
    tree: Tree,
    source: int,
    alpha: float,
    beta: float,
) -> None:
    assert [one.tokens for one in found] == [one.tokens for one in expected]
    valid = tree.valid[source].tolist()
    for one, other in zip(found, expected, strict=True):
        assert one.log_probabilities == pytest.approx(other.gains)
        assert one.score == pytest.approx(other.score(alpha, beta, valid))
        assert one.finished == other.finished
        assert one.weights.shape == (len(other.tokens), 4)
        assert one.weights.tolist() == other.weights


@many
@given(st.data(), trees, penalties, penalties, st.sampled_from(["width", "best"]))
def test_a_beam_of_full_width_is_filtered_enumeration(data, tree, alpha, beta, stop):
    constraints, allowed = data.draw(rules(tree))
    nbests = found_by(
        beam_search,
        tree,
        width=tree.words**tree.depth,
        length_penalty=alpha,
        coverage_penalty=beta,
        stop=stop,
        constraints=constraints,
    )
    for source, nbest in enumerate(nbests):
        valid = tree.valid[source].tolist()
        expected = tree.outputs(source, allowed[source])
        expected.sort(key=lambda one: -one.score(alpha, beta, valid))
        assert_same(nbest, expected, tree, source, alpha, beta)


@many
@given(st.data(), trees, penalties, penalties, st.integers(1, 6), st.booleans())
def test_a_narrow_beam_is_a_plain_one(data, tree, alpha, beta, width, stopping):
    """And with ``stop="best"`` it finds what it would without ever stopping."""
    constraints, allowed = data.draw(rules(tree))
    nbests = found_by(
        beam_search,
        tree,
        width=width,
        length_penalty=alpha,
        coverage_penalty=beta,
        stop="width" if stopping else "best",
        constraints=constraints,
    )
    for source, nbest in enumerate(nbests):
        expected = plain_beam(
            tree, source, allowed[source], width=width, alpha=alpha, beta=beta, stopping=stopping
        )
        assert_same(nbest, expected, tree, source, alpha, beta)


deep_trees = st.builds(
    Tree,
    st.integers(0, 999),
    words=st.integers(2, 3),
    depth=st.integers(4, 7),
    sources=st.integers(1, 3),
    scale=st.sampled_from([0.3, 1.0, 3.0]),
)


@many
@given(deep_trees, penalties, st.sampled_from([0.0, 0.0, 0.1]), st.integers(1, 4))
def test_the_best_are_those_of_never_stopping(tree, alpha, beta, width):
    options = {"length_penalty": alpha, "coverage_penalty": beta, "width": width}
    nbests = found_by(beam_search, tree, stop="best", **options)
    for source, nbest in enumerate(nbests):
        expected = plain_beam(
            tree, source, anything, width=width, alpha=alpha, beta=beta, stopping=False
        )
        assert_same(nbest, expected, tree, source, alpha, beta)


@many
@given(st.data(), trees, penalties)
def test_width_one_is_greedy_under_any_constraints(data, tree, alpha):
    constraints, _ = data.draw(rules(tree))
    options = {"length_penalty": alpha, "constraints": constraints}
    nbests = found_by(beam_search, tree, width=1, **options)
    greedies = found_by(greedy_search, tree, **options)
    for (best,), greedy in zip(nbests, greedies, strict=True):
        assert (best.tokens, best.finished) == (greedy.tokens, greedy.finished)
        assert best.score == pytest.approx(greedy.score)
        assert torch.equal(best.weights, greedy.weights)


@many
@given(st.data(), trees, st.integers(1, 4))
def test_constraints_hold_on_every_hypothesis(data, tree, width):
    """Also on what is drawn; and an output goes on as long as a word is allowed."""
    constraints, allowed = data.draw(rules(tree))
    generator = torch.Generator().manual_seed(0)
    found = zip(
        found_by(beam_search, tree, width=width, constraints=constraints),
        found_by(sample, tree, samples=4, constraints=constraints, generator=generator),
        found_by(greedy_search, tree, constraints=constraints),
        strict=True,
    )
    for source, (beam, drawn, greedy) in enumerate(found):
        for one in (*beam, *drawn, greedy):
            parts = [one.tokens[:length] for length in range(1, len(one.tokens) + 1)]
            assert all(allowed[source](part) for part in parts)
            assert END not in one.tokens[:-1]
            if not one.finished and len(one.tokens) < tree.depth:
                assert not any(allowed[source]([*one.tokens, word]) for word in range(tree.words))


@many
@given(st.data(), trees)
def test_the_likeliest_word_alone_is_greedy(data, tree):
    constraints, _ = data.draw(rules(tree))
    only = data.draw(st.sampled_from([{"top_k": 1}, {"top_p": 1e-9}, {"top_k": 2, "top_p": 1e-9}]))
    options = {"constraints": constraints, "length_penalty": 0.5}
    drawn = found_by(sample, tree, samples=2, **only, **options)
    for both, greedy in zip(drawn, found_by(greedy_search, tree, **options), strict=True):
        for one in both:
            assert (one.tokens, one.finished) == (greedy.tokens, greedy.finished)
            assert one.score == greedy.score


def kept(probabilities: list[float], top_k: int | None, top_p: float | None) -> list[float]:
    """The probabilities of the likely words, with those of the others zero."""
    order = sorted(range(len(probabilities)), key=lambda word: -probabilities[word])[:top_k]
    total = sum(probabilities[word] for word in order)
    nucleus: list[int] = []
    while order and sum(probabilities[word] for word in nucleus) < (top_p or 1.0) * total:
        nucleus.append(order.pop(0))
    left = sum(probabilities[word] for word in nucleus)
    return [p / left if word in nucleus else 0.0 for word, p in enumerate(probabilities)]


def chances(
    tree: Tree,
    prefix: Output,
    allowed: Allowed,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
) -> Iterator[tuple[tuple[int, ...], float]]:
    """Every output that a sample may be, and how likely it is."""
    longer = [] if len(prefix.tokens) == tree.depth else tree.longer(prefix, allowed)
    if prefix.finished or not longer:
        yield tuple(prefix.tokens), 1.0
        return
    powers = [math.exp(one.gains[-1] / temperature) for one in longer]
    shares = kept([power / sum(powers) for power in powers], top_k, top_p)
    for one, share in zip(longer, shares, strict=True):
        if share:
            for tokens, chance in chances(tree, one, allowed, temperature, top_k, top_p):
                yield tokens, share * chance


def new_words(tokens: list[int]) -> bool:
    return len(set(tokens)) == len(tokens)


@pytest.mark.parametrize("constrained", [False, True])
@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"),
    [
        (1.0, None, None),
        (0.5, None, None),
        (2.0, 3, None),
        (1.0, None, 0.8),
        (0.7, 3, 0.9),
        (2.0, 2, 0.6),
    ],
)
def test_samples_come_as_often_as_they_are_likely(temperature, top_k, top_p, constrained):
    """χ² over whole outputs: one case in a thousand would be as far off by chance."""
    tree, samples = Tree(5, words=4, depth=3, sources=2, scale=0.5), 5000
    found = found_by(
        sample,
        tree,
        samples=samples,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        constraints=[NoRepeatedNgram(1)] if constrained else [],
        generator=torch.Generator().manual_seed(0),
    )
    for source, drawn in enumerate(found):
        allowed = new_words if constrained else anything
        root = Output(source, [], [], [])
        expected = dict(chances(tree, root, allowed, temperature, top_k, top_p))
        counts = Counter(tuple(one.tokens) for one in drawn)
        assert counts.keys() <= expected.keys()
        assert len(expected) > 3
        distance = sum(
            (counts[tokens] - samples * chance) ** 2 / (samples * chance)
            for tokens, chance in expected.items()
        )
        freedom = torch.tensor((len(expected) - 1) / 2)
        assert torch.special.gammaincc(freedom, torch.tensor(distance / 2)) > 1e-3


@few
@given(trees, st.integers(1, 4))
def test_an_ensemble_of_one_model_is_that_model(tree, width):
    memory, state = tree.start()
    begin = torch.zeros(tree.sources, dtype=torch.long)
    options = {"begin": begin, "end": END, "max_length": tree.depth, "width": width}
    alone = beam_search(tree.step, memory, state, coverage_penalty=0.5, **options)
    for members in (1, 3):
        together = beam_search(
            ensemble([tree.step] * members),
            (memory,) * members,
            EnsembleState([state] * members),
            coverage_penalty=0.5,
            **options,
        )
        for found, expected in zip(together, alone, strict=True):
            assert [one.tokens for one in found] == [one.tokens for one in expected]
            for one, other in zip(found, expected, strict=True):
                assert one.log_probabilities == pytest.approx(other.log_probabilities)
                assert one.score == pytest.approx(other.score)
                torch.testing.assert_close(one.weights, other.weights)


@few
@given(st.tuples(st.integers(0, 99), st.integers(100, 199)), st.booleans(), penalties)
def test_an_ensemble_enumerates_averaged_probabilities(seeds, together, alpha):
    first, second = (Tree(seed, words=3, depth=3) for seed in seeds)
    mean = Tree(0, words=3, depth=3)
    mean.logits = ((first.logits.softmax(-1) + second.logits.softmax(-1)) / 2).log()
    mean.weights = (first.weights + second.weights) / 2
    (memory, state), (other, another) = first.start(), second.start()
    nbests = beam_search(
        ensemble([first.step, second.step]),
        (memory, other),
        EnsembleState([state, another]),
        begin=torch.zeros(2, dtype=torch.long),
        end=END,
        max_length=3,
        width=27,
        length_penalty=alpha,
    )
    for source, nbest in enumerate(nbests):
        expected = mean.outputs(source, anything)
        expected.sort(key=lambda one: -one.score(alpha, 0.0, []))
        assert [one.tokens for one in nbest] == [one.tokens for one in expected]
        for one, other_one in zip(nbest, expected, strict=True):
            assert one.log_probabilities == pytest.approx(other_one.gains)
            torch.testing.assert_close(one.weights, torch.tensor(other_one.weights))
