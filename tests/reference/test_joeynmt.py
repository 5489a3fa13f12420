"""JoeyNMT: its two attentions, and its recurrent decoder."""

from types import SimpleNamespace

import pytest
import torch
from foreign import copy, copy_recurrence, imported, large
from torch import nn
from torch.testing import assert_close

from attention_core.parts.attention import Attention
from attention_core.parts.decoder import RecurrentDecoder
from attention_core.parts.masks import valid_positions
from attention_core.parts.readouts import AttentionalReadout
from attention_core.parts.rnn import RecurrentStack
from attention_core.parts.scorers import Additive, Bilinear
from attention_core.parts.starts import ProjectStart
from attention_core.parts.types import Encoded, Memory

joeynmt = imported(
    "joeynmt.decoders",
    stand_ins=("importlib_metadata", "torch.utils.tensorboard", "joeynmt.plotting"),
)

B, S, T, Q, V, E, WORDS = 3, 5, 4, 6, 4, 3, 7
VALID = valid_positions(torch.tensor([5, 2, 4]), S)


def scorer_of(theirs):
    """Our scorer with their weights. Theirs has no bias: ours is zero."""
    if isinstance(theirs, joeynmt.LuongAttention):
        scorer = Bilinear(Q, V)
    else:
        scorer = Additive(Q, V, theirs.query_layer.out_features)
        copy(theirs.query_layer.weight, scorer.query.weight)
        copy(theirs.energy_layer.weight, scorer.energy.weight)
        nn.init.zeros_(scorer.key.bias)
    copy(theirs.key_layer.weight, scorer.key.weight)
    return scorer


@pytest.mark.parametrize(
    "build",
    [
        lambda: joeynmt.BahdanauAttention(hidden_size=8, key_size=V, query_size=Q),
        lambda: joeynmt.LuongAttention(hidden_size=Q, key_size=V),
    ],
    ids=["bahdanau", "luong"],
)
def test_attention(build):
    theirs = large(build())
    query, values = torch.randn(B, 1, Q), torch.randn(B, S, V)
    theirs.compute_proj_keys(values)
    context, weights = theirs(query, VALID[:, None], values)
    scorer = scorer_of(theirs)
    memory = Memory(values, scorer.project_keys(values), VALID, values[:, 0])
    found = Attention(scorer)(query, memory, torch.zeros(B, 1, dtype=torch.long))
    assert_close(found, (context, weights))


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("attention", ["bahdanau", "luong"])
@pytest.mark.parametrize("feeding", [True, False], ids=["input feeding", "no feeding"])
@pytest.mark.parametrize("layers", [1, 2])
def test_recurrent_decoder(cell, attention, feeding, layers):
    """It attends with the new state, whichever the attention.

    Departures: their attentional layer reads [s; c] and has a bias, ours (Luong et al. 2015,
    eq. 5) reads [c; s] and has none; their first state is one projection for all layers and for
    an LSTM's cell too, ours has one for each; their vocabulary has no bias.
    """
    theirs = large(
        joeynmt.RecurrentDecoder(
            cell, E, Q, SimpleNamespace(output_size=V), attention, layers, WORDS,
            input_feeding=feeding,
        )
    )  # fmt: skip
    nn.init.zeros_(theirs.att_vector_layer.bias)
    recurrence = RecurrentStack(cell, E + (Q if feeding else 0), Q, layers)
    ours = RecurrentDecoder(
        embedding=nn.Embedding(WORDS, E),
        start=ProjectStart(V, recurrence),
        recurrence=recurrence,
        after=Attention(scorer_of(theirs.attention)),
        readout=AttentionalReadout(Q, V, Q),
        feed=feeding,
    )
    copy_recurrence(theirs.rnn, recurrence)
    times = layers * (2 if cell == "lstm" else 1)
    copy(theirs.bridge_layer.weight.repeat(times, 1), ours.start.project.weight)
    copy(theirs.bridge_layer.bias.repeat(times), ours.start.project.bias)
    copy(theirs.att_vector_layer.weight.roll(V, dims=1), ours.readout.mix.weight)
    copy(theirs.output_layer.weight, ours.output)

    tokens, values, summary = torch.randint(WORDS, (B, T)), torch.randn(B, S, V), torch.randn(B, V)
    expected, _, weights, _ = theirs(ours.embedding(tokens), values, summary, VALID[:, None], T)
    memory = ours.remember(Encoded(values, VALID, summary))
    assert_close(ours(tokens, memory, ours.begin(memory, None)), (expected, weights))
