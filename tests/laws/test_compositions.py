"""The laws for every preset with every scorer and cell, over random sizes, lengths and masks."""

from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import PARTLY, WORDS, Source, unrolled
from torch import Tensor, nn
from torch.testing import assert_close

from attention_core.models import PRESETS, DecoderSizes, Seq2Seq, build_decoder
from attention_core.parts.encoders import TextEncoder
from attention_core.parts.rnn import CELLS
from attention_core.parts.scorers import SCORERS, Additive
from attention_core.parts.types import Memory

LOOKING_NOWHERE = ("sutskever", "cho", "context_and_previous", "show_and_tell")
EQUAL_SIZES = ("dot", "cosine")  # query and value


def scorers_of(preset: str) -> list[str | None]:
    if preset in LOOKING_NOWHERE:
        return [None]
    return ["additive"] if preset == "bahdanau_coverage" else list(SCORERS)


every_composition = pytest.mark.parametrize(
    ("preset", "scorer", "cell"),
    [
        (preset, scorer, cell)
        for preset in PRESETS
        for scorer in scorers_of(preset)
        for cell in CELLS
    ],
)
few = settings(max_examples=4, derandomize=True, deadline=None, database=None)


class Case(NamedTuple):
    model: Seq2Seq
    source: Source
    rows: int  # decoded for each source
    tokens: Tensor

    def decoded(self, source: Source | None = None) -> tuple[Tensor, Tensor | None]:
        memory, state = self.model.remember(*(source or self.source))
        return self.model.decoder(self.tokens, memory, state.repeated(self.rows))


@st.composite
def cases(draw: st.DrawFn, preset: str, scorer: str | None, cell: str) -> Case:
    """A model of any sizes with large weights, sources of any lengths, and target tokens."""
    torch.manual_seed(draw(st.integers(0, 99)))
    half, layers, normalised = draw(st.tuples(st.integers(1, 3), st.integers(1, 2), st.booleans()))
    hidden = 2 * half if scorer in EQUAL_SIZES else draw(st.integers(1, 5))
    sizes = DecoderSizes(
        vocabulary=WORDS,
        embedding=draw(st.integers(1, 4)),
        hidden=hidden,
        values=2 * half,
        summary=2 * half,
        attention=draw(st.integers(1, 4)),
        layers=layers,
        cell=cell,
        scorer=scorer,
        reach=draw(st.integers(1, 3)),
        normalised=normalised,
        dropout=0.3,
        variational=draw(st.booleans()),
    )
    decoder = build_decoder(preset, sizes)
    encoder = TextEncoder(decoder.embedding, cell, half, layers=layers, normalised=normalised)
    model = Seq2Seq(encoder, decoder).eval()
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.7)
    lengths = torch.tensor(draw(st.lists(st.integers(0, 5), min_size=1, max_size=3)))
    valid = torch.arange(int(lengths.max()) + draw(st.integers(0, 1))) < lengths[:, None]
    rows, steps = draw(st.integers(1, 3)), draw(st.integers(1, 5))
    tokens = torch.randint(WORDS, (rows * len(lengths), steps))
    return Case(model, Source(torch.randint(WORDS, valid.shape), valid), rows, tokens)


def stepping_is_the_run_at_once(case: Case) -> None:
    """In training too, where variational dropout is drawn once for the sequence."""
    decoder = case.model.decoder
    for training in (False, decoder.variational):
        decoder.train(training)
        memory, state = case.model.remember(*case.source)
        state = state.repeated(case.rows)
        logits, weights = decoder(case.tokens, memory, state)
        stepped, looked, _ = unrolled(decoder, case.tokens, memory, state)
        assert_close((stepped, looked), (logits, weights))
        decoder.eval()


def padding_changes_nothing(case: Case) -> None:
    (tokens, valid), positions = case.source, case.source.valid.size(1)
    more = torch.randint(WORDS, (len(tokens), 2))
    padded = Source(torch.cat([tokens, more], 1), nn.functional.pad(valid, (0, 2)))
    logits, weights = case.decoded()
    others, looked = case.decoded(padded)
    assert_close(others, logits)
    if weights is not None:
        assert_close(looked[..., :positions], weights)
        assert not looked[..., positions:].any()


def a_batch_is_its_sources_one_by_one(case: Case) -> None:
    logits, weights = case.decoded()
    for i, tokens in enumerate(case.tokens.split(case.rows)):
        source, mine = case.source.single(i), slice(i * case.rows, (i + 1) * case.rows)
        alone, looked = case._replace(tokens=tokens).decoded(source)
        assert_close(alone, logits[mine])
        if weights is not None:
            assert_close(looked, weights[mine, :, : source.valid.size(1)])


def weights_are_a_distribution(preset: str, case: Case) -> None:
    """Over real positions only, and at most one where a sentinel or a Gaussian takes its part."""
    _, weights = case.decoded()
    if weights is None:
        assert preset in LOOKING_NOWHERE
        return
    valid = case.source.valid.repeat_interleave(case.rows, 0)[:, None]
    assert (weights >= 0).all()
    assert not weights.masked_select(~valid).any()
    some = valid.any(-1).to(weights.dtype).expand(weights.shape[:-1])
    if preset in PARTLY:
        assert (weights.sum(-1) <= some + 1e-9).all()
    else:
        assert_close(weights.sum(-1), some)


def rows_are_a_tiled_memory(case: Case) -> None:
    memory, state = case.model.remember(*case.source)
    state = state.repeated(case.rows)
    tiled = Memory(*(None if x is None else x.repeat_interleave(case.rows, 0) for x in memory))
    run = case.model.decoder
    assert_close(run(case.tokens, memory, state), run(case.tokens, tiled, state))


def nothing_looks_ahead(case: Case) -> None:
    logits, weights = case.decoded()
    half = case.tokens.size(1) // 2
    changed = torch.cat([case.tokens[:, :half], (case.tokens[:, half:] + 1) % WORDS], 1)
    others, looked = case._replace(tokens=changed).decoded()
    assert_close(others[:, :half], logits[:, :half])
    if weights is not None:
        assert_close(looked[:, :half], weights[:, :half])


@every_composition
@few
@given(data=st.data())
@torch.no_grad()
def test_the_laws_hold(preset, scorer, cell, data):
    case = data.draw(cases(preset, scorer, cell))
    stepping_is_the_run_at_once(case)
    padding_changes_nothing(case)
    a_batch_is_its_sources_one_by_one(case)
    weights_are_a_distribution(preset, case)
    rows_are_a_tiled_memory(case)
    nothing_looks_ahead(case)


@few
@given(data=st.data())
@torch.no_grad()
def test_coverage_behind_the_rnn(data):
    """A wiring of no preset: attention with the new state that is told what was looked at."""
    case = data.draw(cases("luong", "additive", "gru"))
    decoder = case.model.decoder
    size = decoder.after.scorer
    decoder.after.scorer = Additive(size.query_size, size.value_size, size.key_size, coverage=True)
    nn.init.normal_(decoder.after.scorer.coverage.weight)
    stepping_is_the_run_at_once(case)
    padding_changes_nothing(case)
    a_batch_is_its_sources_one_by_one(case)
