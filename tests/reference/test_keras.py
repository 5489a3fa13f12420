"""Keras: its two attention layers and its three recurrent cells, on the torch backend."""

import math
import os
from functools import partial

import pytest
import torch
from foreign import copy, imported, large
from torch import nn
from torch.testing import assert_close

from attention_core.parts.attention import Attention
from attention_core.parts.masks import valid_positions
from attention_core.parts.rnn import RecurrentStack
from attention_core.parts.scorers import Additive, Dot, ScaledDot
from attention_core.parts.types import Memory, RecurrentState

os.environ.update(KERAS_BACKEND="torch", KERAS_HOME=os.devnull)
keras = imported("keras")
keras.config.set_floatx("float64")
layers = keras.layers

B, M, S, Q, V, K = 3, 4, 5, 6, 7, 8
# Keras multiplies matrices in float32, whatever they are.
SINGLE = {"check_dtype": False, "rtol": 1.3e-6, "atol": 1e-5}
VALID = valid_positions(torch.tensor([5, 2, 4]), S)


def assert_same(scorer, query, values, layer, *given):
    """Context and weights agree. The mask is of the values; no query is masked."""
    memory = Memory(values, scorer.project_keys(values), VALID, values[:, 0])
    found = Attention(scorer)(query, memory, torch.zeros(B, M, dtype=torch.long))
    expected = layer(list(given), mask=[None, VALID], return_attention_scores=True)
    assert_close(found, expected, **SINGLE)


def built(layer):
    """The layer with a random scale, where it has one."""
    layer.build([(B, M, K), (B, S, V), (B, S, K)])
    return large(layer)


def additive():
    scorer = large(Additive(Q, V, K))
    nn.init.zeros_(scorer.key.bias)  # Keras has none
    return scorer


def test_additive_attention():
    """Theirs has v and is given projected queries and keys."""
    layer, scorer = built(layers.AdditiveAttention()), additive()
    copy(layer.scale.value[None], scorer.energy.weight)
    query, values = torch.randn(B, M, Q), torch.randn(B, S, V)
    assert_same(scorer, query, values, layer, scorer.query(query), values, scorer.key(values))


def test_attention_by_concat_is_additive_with_one_number_for_v():
    layer = built(layers.Attention(score_mode="concat"))
    scorer = additive()
    copy(layer.concat_score_weight.value.expand(1, K), scorer.energy.weight)
    query, values = torch.randn(B, M, Q), torch.randn(B, S, V)
    assert_same(scorer, query, values, layer, scorer.query(query), values, scorer.key(values))


def test_attention_by_dot():
    layer = built(layers.Attention())
    query, values = torch.randn(B, M, V), torch.randn(B, S, V)
    assert_same(Dot(V, V), query, values, layer, query, values, values)


def test_attention_by_scaled_dot():
    """Their scale is one learned number, ours 1/√K."""
    layer = built(layers.Attention(use_scale=True))
    copy(torch.tensor(1 / math.sqrt(K)), layer.scale.value)
    scorer = large(ScaledDot(Q, V, K))
    query, values = torch.randn(B, M, Q), torch.randn(B, S, V)
    assert_same(scorer, query, values, layer, scorer.query(query), values, scorer.key(values))


def gates(weight, order):
    """Their columns of units, gate by gate, as our rows in the given order of gates."""
    blocks = weight.chunk(len(order), -1)
    return torch.cat([blocks[gate] for gate in order], -1).transpose(0, -1)


@pytest.mark.parametrize(
    ("cell", "build", "order"),
    [
        ("tanh", layers.SimpleRNN, [0]),
        ("gru", partial(layers.GRU, use_cudnn=False), [1, 0, 2]),  # theirs: update, reset, new
        ("lstm", partial(layers.LSTM, use_cudnn=False), [0, 1, 2, 3]),
    ],
)
def test_recurrent_layer(cell, build, order):
    """Keras' own loop over steps. Its tanh and LSTM cells have one bias: ours is (b, 0)."""
    layer = build(K, return_sequences=True, return_state=True)
    layer.build((B, S, Q))
    stack, (kernel, recurrent, bias) = RecurrentStack(cell, Q, K), large(layer).cell.weights
    own = stack.cells[0]
    copy(gates(kernel.value, order), own.weight_ih)
    copy(gates(recurrent.value, order), own.weight_hh)
    first, second = bias.value if cell == "gru" else (bias.value, 0 * bias.value)
    copy(gates(first, order), own.bias_ih)
    copy(gates(second, order), own.bias_hh)

    inputs, hidden = torch.randn(B, S, Q), torch.randn(B, K)
    carried = torch.randn(B, K) if cell == "lstm" else None
    expected, *last = layer(inputs, initial_state=[x for x in (hidden, carried) if x is not None])
    state = RecurrentState(hidden[:, None], None if carried is None else carried[:, None])
    found, final = stack(inputs, state)
    last_found = [x[:, 0] for x in final if x is not None]
    assert_close([found, *last_found], [expected, *last], **SINGLE)
