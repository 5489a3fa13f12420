"""Each constraint by hand, and all of them through the searches."""

import pytest
import torch

from attention_core.search import (
    BeginsWith,
    EnsembleState,
    MinimumLength,
    NoRepeatedNgram,
    beam_search,
    greedy_search,
    sample,
)

END, WORDS = 0, 5


def forbidden(constraint, *prefixes):
    """The forbidden words after each prefix, of two rows for each source."""
    tokens = torch.tensor(prefixes, dtype=torch.long).unflatten(0, (-1, 2))
    logits = torch.randn(*tokens.shape[:2], WORDS)
    found = constraint(tokens, logits)
    assert found.shape == logits.shape
    gone = found.isneginf()
    assert torch.equal(found[~gone], logits[~gone]), "what is allowed stays as it is"
    return [row.nonzero()[:, 0].tolist() for row in gone.flatten(0, 1)]


def test_no_end_before_the_minimum_length():
    """The end is the third token at the earliest."""
    constraint = MinimumLength(3, END)
    assert forbidden(constraint, [], []) == [[END]] * 2
    assert forbidden(constraint, [1], [2]) == [[END]] * 2
    assert forbidden(constraint, [1, 2], [2, 2]) == [[]] * 2
    assert forbidden(MinimumLength(1, END), [], []) == [[]] * 2


def test_no_ngram_comes_twice():
    bigrams = NoRepeatedNgram(2)
    assert forbidden(bigrams, [], []) == forbidden(bigrams, [1], [2]) == [[]] * 2
    assert forbidden(bigrams, [1, 1], [1, 2]) == [[1], []]
    assert forbidden(bigrams, [1, 2, 1, 3, 1], [1, 2, 3, 4, 2]) == [[2, 3], [3]]
    assert forbidden(NoRepeatedNgram(1), [1, 3, 1], [4, 4, 4]) == [[1, 3], [4]]
    trigrams = NoRepeatedNgram(3)
    assert forbidden(trigrams, [1, 2, 3, 2, 3, 1, 2], [1, 2, 3, 1, 1, 3, 2]) == [[3], []]


def test_an_ngram_that_came_is_forbidden_however_often_others_did():
    """One word behind two equal beginnings, one of which is not what was said last."""
    assert forbidden(NoRepeatedNgram(2), [1, 3, 2, 3, 1], [2, 3, 1, 3, 1]) == [[3], [3]]


def test_each_source_begins_with_its_own_tokens():
    constraint = BeginsWith([[3, 1], [2], []])
    but = {word: [other for other in range(WORDS) if other != word] for word in range(WORDS)}
    assert forbidden(constraint, *[[]] * 6) == [but[3]] * 2 + [but[2]] * 2 + [[]] * 2
    assert forbidden(constraint, *[[1]] * 6) == [but[1]] * 2 + [[]] * 4
    assert forbidden(constraint, *[[1, 1]] * 6) == [[]] * 6


def flat(tokens, memory, state):
    """A model to which a word is the likelier the higher it is."""
    return torch.arange(float(WORDS)).expand(tokens.numel(), WORDS), state, None


def all_searches(sources=1, **options):
    begin = torch.zeros(sources, dtype=torch.long)
    options = {"begin": begin, "end": END, "max_length": 4, **options}
    given = (flat, None, EnsembleState())
    return {
        "greedy": [[found] for found in greedy_search(*given, **options)],
        "beam": beam_search(*given, width=3, **options),
        "sample": sample(*given, samples=3, **options),
    }


def test_log_probabilities_stay_the_models_own():
    own = torch.arange(float(WORDS)).log_softmax(-1)
    constraints = [NoRepeatedNgram(1), BeginsWith([[2]]), MinimumLength(3, END)]
    for found in all_searches(constraints=constraints).values():
        for one in found[0]:
            assert one.log_probabilities == pytest.approx(own[one.tokens].tolist())
    assert all_searches(constraints=constraints)["greedy"][0][0].tokens == [2, 4, 3, 1]


@pytest.mark.parametrize("kind", ["greedy", "beam", "sample"])
def test_a_row_without_a_word_ends_unfinished(kind):
    """A word that is not to come twice is to come twice; beside a source that may end."""
    constraints = [NoRepeatedNgram(1), BeginsWith([[3, 3, 1], [2, END], []])]
    stuck, ended, free = all_searches(sources=3, constraints=constraints)[kind]
    for one in stuck:
        assert (one.tokens, len(one.log_probabilities), one.finished) == ([3], 1, False)
    for one in ended:
        assert (one.tokens, one.finished) == ([2, END], True)
    for one in free:
        assert one.finished or len(one.tokens) == 4


@pytest.mark.parametrize("kind", ["greedy", "beam", "sample"])
def test_nothing_may_be_said_at_all(kind):
    def silence(prefixes, logits):
        return torch.full_like(logits, -torch.inf)

    for one in all_searches(constraints=[silence])[kind][0]:
        assert (one.tokens, one.log_probabilities, one.finished) == ([], [], False)
        assert one.score == one.log_probability == 0.0


def test_any_function_is_a_constraint():
    def even(prefixes, logits):
        return logits.masked_fill(torch.arange(WORDS) % 2 == 1, -torch.inf)

    for found in all_searches(constraints=[even]).values():
        assert {token for one in found[0] for token in one.tokens} <= {0, 2, 4}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MinimumLength(0, END), "length: expected at least 1, got 0"),
        (lambda: NoRepeatedNgram(0), "size: expected at least 1, got 0"),
        (lambda: BeginsWith([[1], [2, -1]]), "prefixes: expected tokens of at least 0, got -1"),
        (
            lambda: all_searches(constraints=[BeginsWith([[1], [2]])]),
            "prefixes: expected one for each of 1 sources, got 2",
        ),
        (
            lambda: all_searches(constraints=[BeginsWith([[1, WORDS]])]),
            "prefixes: expected tokens below 5, got 5",
        ),
    ],
)
def test_impossible_ones_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
