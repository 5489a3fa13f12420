"""Search on step functions that are tables: what comes after what, and how likely."""

import math

import pytest
import torch
from torch.testing import assert_close

from attention_core.parts.types import DecoderState
from attention_core.search import beam_search, greedy_search

END, A, B, C = range(4)


class Table:
    """p(next | last) as rows, which no state changes; the weights are those of the last token."""

    def __init__(self, table):
        self.logits = torch.zeros(4, 4)
        for last, row in table.items():
            self.logits[last] = -torch.inf
            for word, probability in row.items():
                self.logits[last, word] = math.log(probability)
        self.calls = 0

    def __call__(self, tokens, memory, state):
        self.calls += 1
        return self.logits[tokens], state, torch.nn.functional.one_hot(tokens, 4).float()


def start(sources=1):
    return DecoderState(
        torch.zeros(sources, 1, 1), None, None, torch.zeros(sources, dtype=torch.long)
    )


def search(kind, table, begin=(A,), **options):
    options = {"begin": torch.tensor(begin), "end": END, "max_length": 5, **options}
    return kind(table, None, start(len(begin)), **options)


# B is the likelier first word, but C leads to the surer end.
GARDEN_PATH = {A: {B: 0.6, C: 0.4}, B: {END: 0.4, B: 0.3, C: 0.3}, C: {END: 0.9, C: 0.1}}


def test_greedy_takes_the_garden_path_and_a_beam_does_not():
    greedy = search(greedy_search, Table(GARDEN_PATH))[0]
    assert greedy.tokens == [B, END] and greedy.finished
    assert greedy.log_probabilities == pytest.approx([math.log(0.6), math.log(0.4)])
    assert greedy.score == greedy.log_probability == pytest.approx(math.log(0.24))
    best, second = search(beam_search, Table(GARDEN_PATH), width=2, length_penalty=0.0)[0]
    assert (best.tokens, second.tokens) == ([C, END], [B, END])
    assert best.score == pytest.approx(math.log(0.36))


def test_the_end_counts_in_probability_and_length():
    best = search(beam_search, Table(GARDEN_PATH), width=2, length_penalty=2.0)[0][0]
    assert best.log_probabilities == pytest.approx([math.log(0.4), math.log(0.9)])
    assert best.score == pytest.approx(math.log(0.36) / 4)


def test_a_higher_penalty_prefers_longer_ones():
    """log 0.5 for one token, or log 0.4 for three."""
    table = {A: {END: 0.5, B: 0.5}, B: {C: 1.0}, C: {END: 0.8, A: 0.2}}
    firsts = {
        alpha: search(beam_search, Table(table), width=2, length_penalty=alpha)[0][0].tokens
        for alpha in (0.0, 1.0)
    }
    assert firsts == {0.0: [END], 1.0: [B, C, END]}


def test_weights_are_of_the_parent_row():
    """Both beams come of C, the second row: what they looked at is C's history."""
    table = {A: {B: 0.55, C: 0.45}, B: {A: 0.3, B: 0.3, C: 0.3, END: 0.1}, C: {A: 0.5, B: 0.5}}
    nbest = search(beam_search, Table(table), width=2, max_length=2)[0]
    assert sorted(found.tokens for found in nbest) == [[C, A], [C, B]]
    for found in nbest:
        assert found.weights.argmax(-1).tolist() == [A, C]  # the tokens that were read


def test_each_source_begins_with_its_own_token():
    table = Table(GARDEN_PATH)
    greedy = search(greedy_search, table, begin=(A, C))
    assert [found.tokens for found in greedy] == [[B, END], [END]]
    beam = search(beam_search, table, begin=(A, C), width=2, length_penalty=0.0)
    assert [nbest[0].tokens for nbest in beam] == [[C, END], [END]]


def test_it_stops_once_all_have_finished():
    greedy, narrow = Table(GARDEN_PATH), Table(GARDEN_PATH)
    search(greedy_search, greedy, begin=(A, C))
    search(beam_search, narrow, begin=(A, C), width=1)
    assert greedy.calls == narrow.calls == 2


def test_what_the_length_limit_cuts_off_is_unfinished():
    table = Table({A: {B: 1.0}, B: {B: 1.0}})
    (greedy,), ((best,),) = search(greedy_search, table), search(beam_search, table, width=1)
    for found in (greedy, best):
        assert found.tokens == [B] * 5 and not found.finished


def test_open_prefixes_fill_the_places_that_are_left():
    nbest = search(beam_search, Table({A: {END: 0.5, B: 0.5}, B: {B: 1.0}}), width=2)[0]
    ended = {tuple(found.tokens): found.finished for found in nbest}
    assert ended == {(END,): True, (B,) * 5: False}


def test_results_hold_no_graph():
    scale = torch.ones((), requires_grad=True)
    table = Table(GARDEN_PATH)

    def step(*given):
        logits, state, weights = table(*given)
        return logits * scale, state, weights * scale

    for found in (search(greedy_search, step)[0], search(beam_search, step, width=2)[0][0]):
        assert not found.weights.requires_grad


def test_state_rows_and_repeats():
    hidden = torch.arange(3.0)[:, None, None]
    state = DecoderState(hidden, None, hidden[:, 0] + 10, torch.arange(3))
    picked = state.rows(torch.tensor([2, 0, 0]))
    assert picked.position.tolist() == [2, 0, 0] and picked.cell is None
    assert_close(picked.feed[:, 0], torch.tensor([12.0, 10.0, 10.0]))
    assert state.repeated(2).position.tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("options", [{"width": 0}, {"max_length": 0}])
def test_limits_must_be_positive(options):
    with pytest.raises(ValueError, match="expected at least 1, got"):
        search(beam_search, Table({}), **options)
    if "max_length" in options:
        with pytest.raises(ValueError, match="max_length: expected at least 1, got 0"):
            search(greedy_search, Table({}), **options)
