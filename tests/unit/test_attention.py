import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from attention_core.parts.attention import Attention, FixedContext
from attention_core.parts.masks import valid_positions
from attention_core.parts.scorers import Additive, Bilinear, Dot, ScaledDot, build_scorer
from attention_core.parts.sentinel import Sentinel
from attention_core.parts.types import Memory

B, M, S, Q, V = 2, 3, 4, 5, 6
POSITION = torch.zeros(B, M, dtype=torch.long)


def memory_of(scorer, lengths=(4, 2)):
    values = torch.randn(B, S, V)
    valid = valid_positions(torch.tensor(lengths), S)
    return Memory(values, scorer.project_keys(values), valid, values.mean(1))


def by_torch(query, keys, memory, scale):
    mask = memory.valid[:, None].expand(-1, M, -1)
    return F.scaled_dot_product_attention(query, keys, memory.values, attn_mask=mask, scale=scale)


def test_scaled_dot_is_torch_attention():
    torch.manual_seed(0)
    scorer = ScaledDot(Q, V, 7)
    memory, query = memory_of(scorer), torch.randn(B, M, Q)
    found, _ = Attention(scorer)(query, memory, POSITION)
    keys = scorer.key(memory.values)
    assert_close(found, by_torch(scorer.query(query), keys, memory, None))


def test_dot_and_bilinear_are_torch_attention_unscaled():
    torch.manual_seed(0)
    for scorer, size in ((Dot(V, V), V), (Bilinear(Q, V), Q)):
        memory, query = memory_of(scorer), torch.randn(B, M, size)
        found, _ = Attention(scorer)(query, memory, POSITION)
        assert_close(found, by_torch(query, memory.keys, memory, 1.0))


def test_two_by_two_by_hand():
    """exp of the energies are 1 and 3 for one query, 1 and 1 for the other."""
    values = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    query = torch.tensor([[[0.0, 3.0], [2.0, 2.0]]])
    query[0, 0, 1] = torch.tensor(3.0).log()
    memory = Memory(values, values, torch.ones(1, 2, dtype=torch.bool), values[:, 0])
    context, weights = Attention(Dot(2, 2))(query, memory, POSITION[:1, :2])
    expected = torch.tensor([[[0.25, 0.75], [0.5, 0.5]]])
    assert_close(weights, expected)
    assert_close(context, expected)  # the values are the unit vectors


def test_the_gate_scales_the_context_and_not_the_weights():
    torch.manual_seed(0)
    scorer, gate = Additive(Q, V, 7), nn.Linear(Q, 1)
    memory, query = memory_of(scorer), torch.randn(B, M, Q)
    plain, weights = Attention(scorer)(query, memory, POSITION)
    gated, same = Attention(scorer, gate=gate)(query, memory, POSITION)
    assert_close(same, weights)
    assert_close(gated, plain / (1 + torch.exp(-query @ gate.weight[0] - gate.bias))[..., None])


def test_a_source_without_positions_gives_a_zero_context():
    scorer = Additive(Q, V, 7)
    context, weights = Attention(scorer)(torch.randn(B, M, Q), memory_of(scorer, (3, 0)), POSITION)
    assert context[0].any() and weights[0].any()
    assert not context[1].any() and not weights[1].any()


def test_weights_are_float32_and_context_is_of_the_values_type():
    scorer = Dot(V, V).bfloat16()
    values = torch.randn(B, S, V, dtype=torch.bfloat16)
    memory = Memory(values, values, torch.ones(B, S, dtype=torch.bool), values[:, 0])
    context, weights = Attention(scorer)(values[:, :M], memory, POSITION)
    assert (context.dtype, weights.dtype) == (torch.bfloat16, torch.float32)


def test_fixed_context_is_the_summary_for_every_query():
    memory = memory_of(Dot(V, V))
    context, weights = FixedContext()(torch.randn(B, M, Q), memory, POSITION)
    assert weights is None
    assert_close(context, torch.stack([memory.summary] * M, 1))


def test_keys_must_be_there():
    memory = memory_of(Dot(V, V))._replace(keys=None)
    with pytest.raises(ValueError, match=r"memory.keys: expected \(B, S, K\), got None"):
        Attention(Dot(V, V))(torch.randn(B, M, V), memory, POSITION)


@pytest.mark.parametrize("name", ["additive", "bilinear", "concat", "cosine", "dot", "scaled_dot"])
def test_a_sentinel_is_compared_as_the_positions_are(name):
    """Of the same projection as a position, it takes as much of the softmax."""
    torch.manual_seed(0)
    scorer = build_scorer(name, V, V, V)
    memory, query = memory_of(scorer), 3 * torch.randn(B, M, V)
    key = memory.values[:, 1] if name in ("cosine", "dot") else _projected(scorer, memory)[:, 1]
    sentinel = Sentinel(torch.zeros(B, M, V), key[:, None].expand(-1, M, -1))
    _, weights = Attention(scorer)(query, memory, POSITION, sentinel=sentinel)
    assert_close(1 - weights.sum(-1), weights[..., 1])


def _projected(scorer, memory):
    if hasattr(scorer, "joint"):
        return F.linear(memory.values, scorer.joint.weight[:, :V])
    return scorer.key(memory.values)
