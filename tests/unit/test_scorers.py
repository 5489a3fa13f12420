"""Every scorer against loops over plain numbers."""

import math

import pytest
import torch
from torch.testing import assert_close

from attention_core.parts.scorers import Additive, Bilinear, Concat, Cosine, Dot, ScaledDot

B, M, S, Q, V, K = 2, 3, 4, 5, 6, 7


def multiply(matrix, vector):
    return [sum(m * x for m, x in zip(row, vector, strict=True)) for row in matrix]


def dot(one, other):
    return sum(a * b for a, b in zip(one, other, strict=True))


def weights(layer):
    return layer.weight.tolist()


def dot_energy(scorer, q, h):
    return dot(q, h)


def scaled_energy(scorer, q, h):
    return dot(multiply(weights(scorer.query), q), multiply(weights(scorer.key), h)) / math.sqrt(K)


def bilinear_energy(scorer, q, h):
    return dot(q, multiply(weights(scorer.key), h))


def additive_energy(scorer, q, h):
    mixed = zip(
        multiply(weights(scorer.query), q),
        multiply(weights(scorer.key), h),
        scorer.key.bias.tolist(),
        strict=True,
    )
    return dot(weights(scorer.energy)[0], [math.tanh(sum(parts)) for parts in mixed])


def concat_energy(scorer, q, h):
    mixed = multiply(weights(scorer.joint), h + q)
    return dot(weights(scorer.energy)[0], [math.tanh(x) for x in mixed])


def cosine_energy(scorer, q, h):
    return math.exp(scorer.log_strength.item()) * dot(q, h) / math.sqrt(dot(q, q) * dot(h, h))


SCORERS = {
    "dot": (lambda: Dot(V, V), dot_energy),
    "scaled dot": (lambda: ScaledDot(Q, V, K), scaled_energy),
    "bilinear": (lambda: Bilinear(Q, V), bilinear_energy),
    "additive": (lambda: Additive(Q, V, K), additive_energy),
    "concat": (lambda: Concat(Q, V, K), concat_energy),
    "cosine": (lambda: Cosine(V, V), cosine_energy),
}


def normal(module):
    """The module in float64, with large random weights."""
    for weight in module.double().parameters():
        torch.nn.init.normal_(weight)
    return module


@pytest.mark.parametrize("name", SCORERS)
def test_scores_are_those_of_loops(name):
    torch.manual_seed(0)
    build, energy = SCORERS[name]
    scorer = normal(build())
    query = torch.randn(B, M, V if name in ("dot", "cosine") else Q).double()
    values = torch.randn(B, S, V).double()
    expected = [
        [[energy(scorer, q.tolist(), h.tolist()) for h in values[b]] for q in query[b]]
        for b in range(B)
    ]
    found = scorer(query, scorer.project_keys(values))
    assert_close(found, torch.tensor(expected, dtype=torch.float64))


def test_concat_is_additive_with_one_joint_matrix():
    torch.manual_seed(0)
    concat, additive = normal(Concat(Q, V, K)), normal(Additive(Q, V, K))
    with torch.no_grad():
        additive.key.weight.copy_(concat.joint.weight[:, :V])
        additive.query.weight.copy_(concat.joint.weight[:, V:])
        additive.energy.weight.copy_(concat.energy.weight)
        additive.key.bias.zero_()
    query, values = torch.randn(B, M, Q).double(), torch.randn(B, S, V).double()
    assert_close(
        concat(query, concat.project_keys(values)), additive(query, additive.project_keys(values))
    )


def test_cosine_knows_directions_only():
    cosine = Cosine(V, V)
    query, values = torch.randn(B, M, V), torch.randn(B, S, V)
    scores = cosine(query, cosine.project_keys(values))
    assert_close(cosine(3 * query, cosine.project_keys(5 * values)), scores)
    assert scores.abs().max() <= 1
    assert not cosine(torch.zeros(B, M, V), cosine.project_keys(values)).any()  # and not NaN


@pytest.mark.parametrize("scorer", [Dot, Cosine])
def test_sizes_must_agree(scorer):
    with pytest.raises(ValueError, match="scorer: expected equal sizes, got query 3, value 4"):
        scorer(3, 4)
