"""Ensembles by hand: probabilities, weights, states, and what does not fit together."""

import pytest
import torch
from torch.testing import assert_close

from attention_core.search import EnsembleState, beam_search, ensemble, restricted


def model(logits, weights=None):
    """A step of one row that always says the same, and passes on its state and its memory."""

    def step(tokens, memory, state):
        return (
            torch.tensor([logits]).log(),
            (memory, state),
            None if weights is None else torch.tensor([weights]),
        )

    return step


def taken(*steps):
    memory = tuple(f"memory {i}" for i in range(len(steps)))
    state = EnsembleState(f"state {i}" for i in range(len(steps)))
    return ensemble(steps)(torch.tensor([0]), memory, state)


def test_probabilities_are_averaged():
    """Also of logits that are not normalised, and of a word that one member never says."""
    logits, state, _ = taken(model([0.5, 0.5, 0.0]), model([2.0, 6.0, 2.0]), model([0.3, 0.1, 0.6]))
    assert_close(logits.exp(), torch.tensor([[1.0, 1.2, 0.8]]) / 3)
    assert_close(logits.logsumexp(-1), torch.zeros(1))
    assert isinstance(state, EnsembleState)
    assert state == tuple((f"memory {i}", f"state {i}") for i in range(3))


def test_a_word_that_no_member_says():
    allowed = torch.tensor([True, False, True])
    steps = [
        restricted(model([0.5, 0.4, 0.1]), allowed),
        restricted(model([0.2, 0.3, 0.5]), allowed),
    ]
    logits, _, _ = taken(*steps)
    assert_close(logits.exp(), torch.tensor([[5 / 6 + 2 / 7, 0.0, 1 / 6 + 5 / 7]]) / 2)


def test_weights_are_the_mean_where_all_have_them():
    words = [0.5, 0.5]
    both = taken(model(words, [0.2, 0.8]), model(words, [0.6, 0.4]))[2]
    assert_close(both, torch.tensor([[0.4, 0.6]]))
    assert taken(model(words, [0.2, 0.8]), model(words))[2] is None
    assert taken(model(words, [0.2, 0.8]), model(words, [0.2, 0.8, 0.0]))[2] is None
    assert taken(model(words), model(words))[2] is None


class Row(tuple):
    """A member's state: one number for each row."""

    def rows(self, index):
        return Row(self[i] for i in index.tolist())

    def repeated(self, times):
        return Row(i for i in self for _ in range(times))


def test_states_are_picked_and_repeated_together():
    state = EnsembleState([Row([1, 2]), Row([3, 4])])
    assert state.rows(torch.tensor([1, 1, 0])) == (Row([2, 2, 1]), Row([4, 4, 3]))
    assert state.repeated(2) == (Row([1, 1, 2, 2]), Row([3, 3, 4, 4]))
    assert isinstance(state.rows(torch.tensor([0])).repeated(2), EnsembleState)


def test_members_search_in_step():
    """Each member's state follows its own rows: here it is the last token of the row."""

    def remembering(tokens, memory, state):
        previous = torch.tensor(state)
        assert memory == "own"
        logits = torch.stack([previous, previous + tokens, 1.0 - tokens], 1).float()
        return logits, Row(tokens.tolist()), None

    options = {"begin": torch.tensor([1, 2]), "end": 0, "max_length": 4, "width": 3}
    alone = beam_search(remembering, "own", Row([0, 1]), **options)
    together = beam_search(
        ensemble([remembering] * 2), ("own",) * 2, EnsembleState([Row([0, 1])] * 2), **options
    )
    assert [[one.tokens for one in found] for found in together] == [
        [one.tokens for one in found] for found in alone
    ]


def test_what_does_not_fit_is_told():
    with pytest.raises(ValueError, match="steps: expected at least one, got none"):
        ensemble([])
    with pytest.raises(ValueError, match=r"steps: expected one vocabulary, got sizes \[2, 3\]"):
        taken(model([0.5, 0.5, 0.0]), model([0.5, 0.5]))
    with pytest.raises(ValueError):
        ensemble([model([1.0])])(torch.tensor([0]), ("one", "two"), EnsembleState(["one"]))
