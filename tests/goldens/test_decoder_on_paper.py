"""Cells, first states, readouts and whole steps worked by hand, with the numbers of ``paper``."""

import torch
from paper import equal, given, ln, tensor, u
from torch import nn

from attention_core.parts.attention import Attention
from attention_core.parts.decoder import RecurrentDecoder
from attention_core.parts.encoders import TextEncoder
from attention_core.parts.readouts import (
    AttentionalReadout,
    DeepReadout,
    FeedForwardReadout,
    HiddenReadout,
)
from attention_core.parts.rnn import RecurrentStack
from attention_core.parts.scorers import Additive, Bilinear
from attention_core.parts.starts import BridgeStart, CopyStart, PrefixStart, ProjectStart
from attention_core.parts.types import Encoded, RecurrentState

BOTH = torch.tensor([[True, True]])


def cell(weight_ih, weight_hh, bias_ih, bias_hh, layer=0):
    """The weights of a layer, by the names of torch's cells."""
    values = (weight_ih, weight_hh, bias_ih, bias_hh)
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return {f"cells.{layer}.{name}": value for name, value in zip(names, values, strict=True)}


def test_tanh_cell():
    stack = given(RecurrentStack("tanh", 1, 1), cell([[2 * u]], [[-4 * u]], [u], [u]))
    # x = 1, h = 1/2:  2u - 2u + u + u = 2u,  tanh = 4/5
    equal(stack.step(tensor(1), RecurrentState(tensor([1 / 2]))).hidden, [4 / 5])


def test_gru_cell():
    stack = given(
        RecurrentStack("gru", 1, 1),  # reset, update, new
        cell([[ln(3)], [0], [0]], [[0], [0], [8 / 3 * u]], [0, 0, u], [0, 0, 0]),
    )
    # x = 1, h = 1/2:  r = σ(ln 3) = 3/4        z = σ(0) = 1/2
    # n = tanh(u + r · 8/3 u · 1/2) = tanh(u + u) = 4/5
    # h' = (1 - z) n + z h = 1/2 · 4/5 + 1/2 · 1/2 = 13/20
    equal(stack.step(tensor(1), RecurrentState(tensor([1 / 2]))).hidden, [13 / 20])


def test_lstm_cell():
    stack = given(
        RecurrentStack("lstm", 1, 1),  # in, forget, new, out
        cell([[ln(3)], [0], [u], [0]], [[0]] * 4, [0, 0, 0, ln(2)], [0] * 4),
    )
    # x = 1, m = 2u - 3/4:  i = 3/4, f = 1/2, g = tanh(u) = 1/2, o = σ(ln 2) = 2/3
    # m' = 1/2 (2u - 3/4) + 3/4 · 1/2 = u       h' = 2/3 tanh(u) = 1/3
    found = stack.step(tensor(1), RecurrentState(tensor([0]), tensor([2 * u - 3 / 4])))
    equal(found.cell, [u])
    equal(found.hidden, [1 / 3])


def test_layer_normalised_tanh_cell():
    stack = given(
        RecurrentStack("tanh", 1, 2, normalised=True),
        {
            "cells.0.input.weight": [[10], [30]],
            "cells.0.recurrent.weight": [[500, 0], [100, 0]],
            "cells.0.input_norm.weight": [2 * u, u],
            "cells.0.input_norm.bias": [0, u],
            "cells.0.recurrent_norm.weight": [u, u],
            "cells.0.recurrent_norm.bias": [0, 0],
        },
    )
    # x = 1:       W_x x = (10, 30), mean 20, σ = 10:  (-1, 1), gain and bias: (-2u, u + u)
    # h = (1, 0):  W_h h = (500, 100), mean 300, σ = 200:  (1, -1), gain: (u, -u)
    # tanh(-2u + u, 2u - u) = (-1/2, 1/2), but for the 10⁻⁵ that guards LN's division
    found = stack.step(tensor(1), RecurrentState(tensor([1, 0])))
    equal(found.hidden, [-1 / 2, 1 / 2], to=1e-7)


def test_of_two_layers_the_second_reads_the_first():
    stack = given(
        RecurrentStack("tanh", 1, 1, 2),
        cell([[u]], [[0]], [0], [0]) | cell([[2 * u]], [[u]], [0], [0], layer=1),
    )
    # first: tanh(u) = 1/2        second: tanh(2u · 1/2 + u · 1) = tanh(2u) = 4/5
    equal(stack.step(tensor(1), RecurrentState(tensor([0], [1]))).hidden, [1 / 2], [4 / 5])


def test_bidirectional_encoder():
    encoder = given(
        TextEncoder(nn.Embedding(3, 1), "tanh", 1),
        {"embedding.weight": [[0], [1], [2]]}
        | {f"rnn.weight_ih_l0{way}": [[u]] for way in ("", "_reverse")}
        | {f"rnn.weight_hh_l0{way}": [[-2 * u]] for way in ("", "_reverse")}
        | {f"rnn.bias_{of}_l0{way}": [0] for of in ("ih", "hh") for way in ("", "_reverse")},
    )
    # tokens 1, 2:  → tanh(u) = 1/2, then tanh(2u - 2u · 1/2) = tanh(u) = 1/2
    #               ← of 2: tanh(2u) = 4/5, then of 1: tanh(u - 2u · 4/5) = tanh(-3/5 u)
    back = torch.tanh(torch.tensor(-3 / 5 * u)).item()
    encoded = encoder(torch.tensor([[1, 2]]), BOTH)
    equal(encoded.values, [1 / 2, back], [1 / 2, 4 / 5])
    equal(encoded.summary, 1 / 2, back)  # the end of each direction
    equal(encoded.final.hidden, [1 / 2, back])


def test_starts():
    stack, final = RecurrentStack("tanh", 1, 2), RecurrentState(tensor([1, 2]))
    equal(CopyStart()(tensor(0), final, stack).hidden, [1, 2])

    # summary 3:  tanh(3 · u/3, 3 · 0 - 2u) = (1/2, -4/5)
    project = given(
        ProjectStart(1, stack), {"project.weight": [[u / 3], [0]], "project.bias": [0, -2 * u]}
    )
    equal(project(tensor(3), None, stack).hidden, [1 / 2, -4 / 5])

    # f = (1, 2):  tanh(1 · u + 2 · u - u, 2 · u/2) = tanh(2u, u) = (4/5, 1/2)
    bridge = given(
        BridgeStart(2, 1, stack), {"hidden.weight": [[u, u], [0, u / 2]], "hidden.bias": [-u, 0]}
    )
    equal(bridge(tensor(0), final, stack).hidden, [4 / 5, 1 / 2])

    # summary 3 is read as (3e5 + 1e5, 1e5 - 3e5), normalised (1, -1):  tanh(u, -2u) = (1/2, -4/5)
    prefix = given(
        PrefixStart(1, 2), {"project.weight": [[1e5], [-1e5]], "project.bias": [1e5, 1e5]}
    )
    stack = RecurrentStack("tanh", 2, 2)
    given(stack, cell([[u, 0], [0, 2 * u]], [[9, 9], [9, 9]], [0, 0], [0, 0]))
    equal(prefix(tensor(3), None, stack).hidden, [1 / 2, -4 / 5])


def test_a_bridge_of_two_layers_reads_both():
    # f¹ = 1, f² = 2:  layer 1 gets tanh(u · 2) = 4/5, layer 2 gets tanh(u · 1) = 1/2
    stack = RecurrentStack("tanh", 1, 1, 2)
    bridge = given(
        BridgeStart(1, 2, stack), {"hidden.weight": [[0, u], [u, 0]], "hidden.bias": [0, 0]}
    )
    found = bridge(tensor(0), RecurrentState(tensor([1], [2])), stack)
    equal(found.hidden, [4 / 5], [1 / 2])


# Every readout: s = (1, 2), c = 3, y = -1.
PARTS = tensor(1, 2), tensor(3), tensor(-1)


def test_readouts():
    equal(HiddenReadout(2)(*PARTS), 1, 2)

    # maxout over [s; c; y]:  rows 1 + 3 = 4 and 2·2 - 1 = 3, of which 4;
    #                         rows -1 + 1 = 0 and -3 - 1 = -4, of which 0
    rows = [[1, 0, 1, 0], [0, 2, 0, 1], [-1, 0, 0, 0], [0, 0, -1, 1]]
    maxout = given(
        DeepReadout(2, 1, 1, 2, maxout=True), {"mix.weight": rows, "mix.bias": [0, 0, 1, 0]}
    )
    equal(maxout(*PARTS), 4, 0)

    # tanh of the first two rows, with a bias:  tanh(4u - 2u) = 4/5, tanh(3u - 4u) = -1/2
    scaled = [[u * x for x in row] for row in rows[:2]]
    deep = given(
        DeepReadout(2, 1, 1, 2, maxout=False),
        {"mix.weight": scaled, "mix.bias": [-2 * u, -4 * u]},
    )
    equal(deep(*PARTS), 4 / 5, -1 / 2)

    # [c; s] = (3, 1, 2):  tanh(3u - 2u) = 1/2, tanh(1u - 1.5 · 2u) = tanh(-2u) = -4/5
    attentional = given(AttentionalReadout(2, 1, 2), {"mix.weight": [[u, 0, -u], [0, u, -1.5 * u]]})
    equal(attentional(*PARTS), 1 / 2, -4 / 5)

    # [s; c] = (1, 2, 3):  1 + 3 = 4, and 2 - 3 = -1, of which nothing is left
    forward = given(
        FeedForwardReadout(2, 1, 2), {"mix.weight": [[1, 0, 1], [0, 1, -1]], "mix.bias": [0, 0]}
    )
    equal(forward(*PARTS), 4, 0)


# The steps: words 0, 1, 2 with embeddings 0, 0, 1; h₁ = (1, 0), h₂ = (0, 1).
EMBEDDING = {"embedding.weight": [[0], [0], [1]]}
WORD = torch.tensor([2])


def begun(decoder, *final):
    """Memory and first state of the source (h₁, h₂), whose summary is 1."""
    encoded = Encoded(
        tensor([1, 0], [0, 1]),
        BOTH,
        tensor(1),
        RecurrentState(tensor(*final)) if final else None,
    )
    memory = decoder.remember(encoded)
    return memory, decoder.begin(memory, encoded.final)


def prefixed(prefix, weights):
    return {f"{prefix}.{name}": weight for name, weight in weights.items()}


def test_a_step_of_bahdanau():
    recurrence = RecurrentStack("tanh", 3, 2)
    decoder = given(
        RecurrentDecoder(
            embedding=nn.Embedding(3, 1),
            start=ProjectStart(1, recurrence),
            recurrence=recurrence,
            before=Attention(Additive(2, 2, 1)),
            readout=DeepReadout(2, 2, 1, 1, maxout=True),
        ),
        EMBEDDING
        | {"start.project.weight": [[u], [0]], "start.project.bias": [0, 0]}
        | {"before.scorer.query.weight": [[2 * u, 0]]}
        | {"before.scorer.key.weight": [[0, u]], "before.scorer.key.bias": [0]}
        | {"before.scorer.energy.weight": [[10 / 3 * ln(3)]]}
        | prefixed(
            "recurrence",
            cell(
                [[0, 4 * u, 0], [2 * u, 0, -4 * u]],
                [[2 * u, 0], [0, 0]],
                [0, 0],
                [0, 0],
            ),
        )
        | {"readout.mix.weight": [[5, 0, 4, 0, 0], [0, 2, 0, 4, 1]], "readout.mix.bias": [0, 0]}
        | {"output": [[0], [ln(2) / 5], [ln(5) / 5]], "bias": [0, 0, 0]},
    )
    memory, state = begun(decoder)
    # s₀ = tanh(u · 1, 0) = (1/2, 0)
    equal(state.hidden, [1 / 2, 0])
    logits, state, weights = decoder.step(WORD, memory, state)
    # W_s s₀ = 2u · 1/2 = u       W_h h₁ = 0       W_h h₂ = u
    # e₁ = v tanh(u + 0) = v/2    e₂ = v tanh(u + u) = 4v/5    e₂ - e₁ = 3v/10 = ln 3
    # α = 1/4, 3/4                c = 1/4 h₁ + 3/4 h₂ = (1/4, 3/4)
    equal(weights, 1 / 4, 3 / 4)
    # [y; c] = (1, 1/4, 3/4):
    # s₁ = tanh(4u · 1/4 + 2u · 1/2, 2u - 4u · 3/4) = tanh(2u, -u) = (4/5, -1/2)
    equal(state.hidden, [4 / 5, -1 / 2])
    # [s; c; y] = (4/5, -1/2, 1/4, 3/4, 1):
    # r = max(5 · 4/5 + 4 · 1/4, 2 · -1/2 + 4 · 3/4 + 1) = max(5, 3) = 5
    # logits 5 · (0, ln 2 / 5, ln 5 / 5) = (ln 1, ln 2, ln 5)
    equal(logits, 0, ln(2), ln(5))
    equal(logits.softmax(-1), 1 / 8, 2 / 8, 5 / 8)


def test_two_steps_of_luong_with_input_feeding():
    decoder = given(
        RecurrentDecoder(
            embedding=nn.Embedding(3, 1),
            start=CopyStart(),
            recurrence=RecurrentStack("tanh", 2, 2),
            after=Attention(Bilinear(2, 2)),
            readout=AttentionalReadout(2, 2, 1),
            feed=True,
        ),
        EMBEDDING
        | prefixed(
            "recurrence",
            cell([[u, -5 / 4 * u], [u, -5 / 2 * u]], [[0, 0], [0, u]], [0, 0], [0, 0]),
        )
        | {"after.scorer.key.weight": [[0, 2 * ln(3)], [0, 0]]}
        | {"readout.mix.weight": [[u, u, 2 * u, 0]]}
        | {"output": [[0], [5 / 4 * ln(2)], [5 / 4 * ln(5)]], "bias": [0, 0, 0]},
    )
    memory, state = begun(decoder, [0, 1])
    # W h₁ = (0, 0), W h₂ = (2 ln 3, 0), once for the source
    equal(memory.keys, [0, 0], [2 * ln(3), 0])
    # Step 1: [y; r₀] = (1, 0), s₀ = (0, 1)
    # s₁ = tanh(u, u + u · 1) = (1/2, 4/5)
    # e₁ = 0, e₂ = 1/2 · 2 ln 3 = ln 3:  α = 1/4, 3/4, c = (1/4, 3/4)
    # r₁ = tanh(1/4 u + 3/4 u + 2u · 1/2) = tanh(2u) = 4/5
    # logits 4/5 · 5/4 (0, ln 2, ln 5)
    logits, state, weights = decoder.step(WORD, memory, state)
    equal(state.hidden, [1 / 2, 4 / 5])
    equal(weights, 1 / 4, 3 / 4)
    equal(state.feed, 4 / 5)
    equal(logits.softmax(-1), 1 / 8, 2 / 8, 5 / 8)
    # Step 2: [y; r₁] = (1, 4/5), s₁ = (1/2, 4/5)
    # s₂ = tanh(u - 5/4 · 4/5 u, u - 5/2 · 4/5 u + 4/5 u) = tanh(0, -1/5 u)
    # e₁ = e₂ = 0:  α = 1/2, 1/2, c = (1/2, 1/2)
    # r₂ = tanh(1/2 u + 1/2 u + 0) = tanh(u) = 1/2
    # logits 1/2 · 5/4 (0, ln 2, ln 5)
    logits, state, weights = decoder.step(WORD, memory, state)
    equal(state.hidden, [0, torch.tanh(torch.tensor(-u / 5)).item()])
    equal(weights, 1 / 2, 1 / 2)
    equal(state.feed, 1 / 2)
    equal(logits, 0, 5 / 8 * ln(2), 5 / 8 * ln(5))


def test_coverage_is_what_was_looked_at_before():
    """Three steps of a decoder whose query is nothing, so that coverage alone moves the weights."""
    recurrence = RecurrentStack("tanh", 3, 2)
    decoder = RecurrentDecoder(
        embedding=nn.Embedding(3, 1),
        start=ProjectStart(1, recurrence),
        recurrence=recurrence,
        before=Attention(Additive(2, 2, 1, coverage=True)),
        readout=HiddenReadout(2),
    ).double()
    given(
        decoder.before.scorer,
        {
            "query.weight": [[0, 0]],
            "key.weight": [[0, 2 * u]],
            "key.bias": [0],
            "energy.weight": [[5 / 4 * ln(3)]],
            "coverage.weight": [[-4 * u]],
        },
    )
    memory, state = begun(decoder)
    # W_h h₁ = 0, W_h h₂ = 2u.
    # Step 1, coverage (0, 0):        e = v tanh(0, 2u) = v (0, 4/5) = (0, ln 3):  α = 1/4, 3/4
    # Step 2, coverage (1/4, 3/4):    e = v tanh(0 - u, 2u - 3u):                  α = 1/2, 1/2
    # Step 3, coverage (3/4, 5/4):    e = v tanh(0 - 3u, 2u - 5u):                 α = 1/2, 1/2
    for covered, expected in (
        ([0, 0], [1 / 4, 3 / 4]),
        ([1 / 4, 3 / 4], [1 / 2, 1 / 2]),
        ([3 / 4, 5 / 4], [1 / 2, 1 / 2]),
    ):
        equal(state.coverage, *covered)
        _, state, weights = decoder.step(WORD, memory, state)
        equal(weights, *expected)
