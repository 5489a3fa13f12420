"""Search on step functions that are tables: what comes after what, and how likely."""

import math

import pytest
import torch
from torch.testing import assert_close

from attention_core.parts.types import DecoderState, Memory
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


# A long output that is likelier per token than the short ones that finish first.
SLOW = {A: {END: 0.4, B: 0.6}, B: {END: 0.1, C: 0.9}, C: {END: 0.99, C: 0.01}}


def test_the_first_to_finish_need_not_be_the_best():
    first = search(beam_search, Table(SLOW), width=1, length_penalty=1.0, max_length=9)
    assert first[0][0].tokens == [B, C, END]
    hasty, patient = Table(SLOW), Table(SLOW)
    early = search(beam_search, hasty, width=2, length_penalty=2.0)[0]
    best = search(beam_search, patient, width=2, length_penalty=2.0, stop="best")[0]
    assert [found.tokens for found in early] == [[B, END], [END]]
    assert [found.tokens for found in best] == [[B, C, END], [B, C, C, END]]
    assert (hasty.calls, patient.calls) == (2, 4)


def test_the_best_stops_as_soon_as_nothing_can_beat_it():
    """log 0.9 for one token: log 0.1 can't beat it where length does not count."""
    table = {A: {END: 0.9, B: 0.1}, B: {B: 0.7, C: 0.3}}
    lone = Table(table)
    found = search(beam_search, lone, width=1, length_penalty=0.0, stop="best", max_length=50)
    assert found[0][0].tokens == [END] and lone.calls == 1
    far = Table(table)  # log 0.1 / 50 would beat it, and log (0.1 · 0.7⁸) / 50, and no more
    search(beam_search, far, width=1, length_penalty=1.0, stop="best", max_length=50)
    assert far.calls == 10


@pytest.mark.parametrize("stop", ["width", "best"])
def test_it_stops_where_nothing_is_open(stop):
    table = Table({A: {END: 0.5, B: 0.5}, B: {END: 1.0}})
    found = search(beam_search, table, width=4, stop=stop, max_length=50)[0]
    assert sorted(one.tokens for one in found) == [[END], [B, END]]
    assert table.calls == 2


def covering(beta, **options):
    """A beam over sources of four positions, of which the first is none in the second source."""
    valid = torch.tensor([[True] * 4, [False, True, True, True]])
    memory = Memory(torch.zeros(2, 4, 1), None, valid, torch.zeros(2, 1))
    return beam_search(
        Table({A: {B: 0.6, END: 0.4}, B: {END: 1.0}}),
        memory,
        start(2),
        begin=torch.tensor([A, A]),
        end=END,
        max_length=3,
        width=2,
        length_penalty=0.0,
        coverage_penalty=beta,
        **options,
    )


@pytest.mark.parametrize("stop", ["width", "best"])
def test_coverage_counts_real_positions_never_looked_at(stop):
    """What is looked at are the tokens read: A, then B; a position missed is log 1e-10."""
    missed = math.log(1e-10)
    for source, (nbest, positions) in enumerate(zip(covering(0.5, stop=stop), (4, 3), strict=True)):
        scores = {tuple(found.tokens): found.score for found in nbest}
        assert scores == {
            (B, END): pytest.approx(math.log(0.6) + 0.5 * missed * (positions - 2)),
            (END,): pytest.approx(math.log(0.4) + 0.5 * missed * (positions - 1)),
        }, source
        assert all(found.log_probability > math.log(0.3) for found in nbest)


def test_coverage_moves_the_list_but_not_the_probabilities():
    table = {A: {END: 0.6, B: 0.4}, B: {END: 1.0}}
    memory = Memory(
        torch.zeros(1, 4, 1), None, torch.ones(1, 4, dtype=torch.bool), torch.zeros(1, 1)
    )
    options = {"begin": torch.tensor([A]), "end": END, "max_length": 3, "width": 2}
    plain, covered = (
        beam_search(
            Table(table), memory, start(), length_penalty=0.0, coverage_penalty=beta, **options
        )[0]
        for beta in (0.0, 0.1)
    )
    assert [found.tokens for found in plain] == [[END], [B, END]]
    assert [found.tokens for found in covered] == [[B, END], [END]]
    assert covered[0].log_probability == pytest.approx(math.log(0.4))


def test_coverage_needs_attention():
    memory = Memory(
        torch.zeros(1, 4, 1), None, torch.ones(1, 4, dtype=torch.bool), torch.zeros(1, 1)
    )

    def blind(tokens, memory, state):
        return torch.zeros(tokens.numel(), 4), state, None

    options = {"begin": torch.tensor([A]), "end": END, "max_length": 3, "coverage_penalty": 0.1}
    for step, given in ((blind, memory), (Table(GARDEN_PATH), None)):
        with pytest.raises(ValueError, match="coverage_penalty: expected a memory with `valid`"):
            beam_search(step, given, start(), **options)


def test_half_precision_is_summed_in_full():
    logits = torch.tensor([[0.1, 1.3, 2.7, 0.4]], dtype=torch.bfloat16)

    def step(tokens, memory, state):
        return logits.expand(tokens.numel(), 4), state, None

    for found in (search(beam_search, step)[0][0], search(greedy_search, step)[0]):
        gain = float(logits[0].float().log_softmax(-1)[B])
        assert found.log_probabilities == pytest.approx([gain] * 5)


def test_a_prefix_without_a_next_word_is_dropped():
    """B may not be followed; only where every first word is such a one, it is the result."""
    stuck = search(
        beam_search, Table(GARDEN_PATH), begin=(A, C), width=3, constraints=[no_word_after(B, END)]
    )
    assert [[found.tokens for found in nbest] for nbest in stuck] == [[[C, C, C, C, C]], [[C] * 5]]
    nothing = search(
        beam_search, Table(GARDEN_PATH), width=3, constraints=[no_word_after(B, C, END)]
    )
    assert [(found.tokens, found.finished) for found in nothing[0]] == [([B], False), ([C], False)]


def no_word_after(*words):
    """A constraint: nothing follows these words, and the end never comes."""

    def constraint(prefixes, logits):
        logits = logits.clone()
        logits[..., END] = -torch.inf
        for word in words if prefixes.size(-1) else ():
            logits[prefixes[..., -1] == word] = -torch.inf
        return logits

    return constraint
