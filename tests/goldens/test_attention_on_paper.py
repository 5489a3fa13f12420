"""Scores, weights and contexts worked by hand, with the numbers of ``paper``."""

import math

import torch
from paper import equal, given, ln, tensor, u
from torch import nn

from attention_core.parts.attention import Attention, FixedContext
from attention_core.parts.masks import masked_softmax, valid_positions
from attention_core.parts.scorers import Additive, Bilinear, Concat, Cosine, Dot, ScaledDot
from attention_core.parts.sentinel import Sentinel, VisualSentinel
from attention_core.parts.types import Memory
from attention_core.parts.windows import LocalMonotonic, LocalPredictive

ALL = torch.tensor([[True, True]])
FIRST = torch.tensor([[0]])


def scores(scorer, query, values, *more):
    return scorer(query, scorer.project_keys(values), *more)


# Every scorer but cosine: q = (1, 2), h₁ = (3, 1), h₂ = (0, -1).
QUERY, VALUES = tensor([1, 2]), tensor([3, 1], [0, -1])


def test_dot():
    # q·h₁ = 1·3 + 2·1 = 5        q·h₂ = 1·0 + 2·(-1) = -2
    equal(scores(Dot(2, 2), QUERY, VALUES), [5, -2])


def test_scaled_dot():
    scorer = given(
        ScaledDot(2, 2, 4),
        {
            "query.weight": [[1, 0], [0, 1], [1, 1], [1, -1]],
            "key.weight": [[1, 0], [0, 1], [0, 2], [1, 0]],
        },
    )
    # W_Q q = (1, 2, 3, -1)       W_K h₁ = (3, 1, 2, 3)       W_K h₂ = (0, -1, -2, 0)
    # K = 4, √K = 2:  (3 + 2 + 6 - 3) / 2 = 4                 (-2 - 6) / 2 = -4
    equal(scores(scorer, QUERY, VALUES), [4, -4])


def test_bilinear():
    scorer = given(Bilinear(2, 2), {"key.weight": [[1, 2], [0, 1]]})
    # W h₁ = (3 + 2, 1) = (5, 1), q· = 7        W h₂ = (-2, -1), q· = -4
    equal(scores(scorer, QUERY, VALUES), [7, -4])


ADDITIVE = {
    "query.weight": [[u, 0], [0, u]],
    "key.weight": [[u, 0], [0, 2 * u]],
    "key.bias": [-2 * u, -2 * u],
    "energy.weight": [[10, 2]],
}


def test_additive():
    # W_s q = (1, 2)u     b = (-2, -2)u
    # W_h h₁ = (3, 2)u:   (1 + 3 - 2, 2 + 2 - 2)u = (2, 2)u     tanh = (4/5, 4/5)
    # W_h h₂ = (0, -2)u:  (1 + 0 - 2, 2 - 2 - 2)u = (-1, -2)u   tanh = (-1/2, -4/5)
    # v = (10, 2):  8 + 8/5 = 48/5              -5 - 8/5 = -33/5
    equal(scores(given(Additive(2, 2, 2), ADDITIVE), QUERY, VALUES), [48 / 5, -33 / 5])


def test_additive_with_coverage():
    covering = given(
        Additive(2, 2, 2, coverage=True), {**ADDITIVE, "coverage.weight": [[-2 * u], [2 * u]]}
    )
    # As above, and w_c times the coverage (1/2, 1) within the tanh:
    # (2, 2)u + 1/2 (-2, 2)u = (1, 3)u     tanh = (1/2, 13/14), as e^(6u) = 27: 26/28
    # (-1, -2)u + 1 (-2, 2)u = (-3, 0)u    tanh = (-13/14, 0)
    # v = (10, 2):  5 + 13/7 = 48/7        -65/7
    equal(scores(covering, QUERY, VALUES, tensor([1 / 2, 1])), [48 / 7, -65 / 7])


def test_concat():
    scorer = given(
        Concat(2, 2, 2),
        {"joint.weight": [[u, 0, -u, 0], [0, u, u, 0]], "energy.weight": [[10, 2]]},
    )
    # [h₁; q] = (3, 1, 1, 2):   (3 - 1, 1 + 1)u = (2, 2)u       tanh = (4/5, 4/5)
    # [h₂; q] = (0, -1, 1, 2):  (0 - 1, -1 + 1)u = (-1, 0)u     tanh = (-1/2, 0)
    # v = (10, 2):  8 + 8/5 = 48/5              -5
    equal(scores(scorer, QUERY, VALUES), [48 / 5, -5])


def test_cosine():
    scorer = given(Cosine(2, 2), {"log_strength": ln(5)})
    # |q| = 5, |h₁| = 10, |h₂| = 13, strength 5
    # (3·6 + 4·8) / (5·10) = 50/50 = 1, times 5 = 5
    # (3·5 - 4·12) / (5·13) = -33/65, times 5 = -33/13
    equal(scores(scorer, tensor([3, 4]), tensor([6, 8], [5, -12])), [5, -33 / 13])


def test_masked_softmax():
    # e^scores = 1, 2, 5 and 100, of which the last is padding: their sum is 8
    valid = torch.tensor([[True, True, True, False]])
    energies = tensor(ln(1), ln(2), ln(5), ln(100))
    equal(masked_softmax(energies, valid), 1 / 8, 2 / 8, 5 / 8, 0)


# From here on queries are the number 1 and keys are energies: e = 1 · key, by a dot of one number.
ASK = tensor([1])


def memory_of(energies, values, real=None):
    """A memory with these energies for keys; positions from ``real`` on are padding."""
    valid = valid_positions(torch.tensor([len(energies) if real is None else real]), len(energies))
    return Memory(tensor(*values), tensor(*([e] for e in energies)), valid, tensor(0))


def test_context():
    # α = 1/4, 3/4:  c = 1/4 (4, 0) + 3/4 (0, 8) = (1, 6)
    context, weights = Attention(Dot(1, 1))(ASK, memory_of([ln(1), ln(3)], ([4, 0], [0, 8])), FIRST)
    equal(weights, [1 / 4, 3 / 4])
    equal(context, [1, 6])


def test_gate():
    gate = given(nn.Linear(1, 1), {"weight": [[1]], "bias": [ln(3) - 1]})
    # w·q + b = 1 + ln 3 - 1 = ln 3:  β = 3/4, and the context above becomes (3/4, 18/4)
    memory = memory_of([ln(1), ln(3)], ([4, 0], [0, 8]))
    context, weights = Attention(Dot(1, 1), gate=gate)(ASK, memory, FIRST)
    equal(weights, [1 / 4, 3 / 4])
    equal(context, [3 / 4, 18 / 4])


def test_fixed_context():
    memory = memory_of([0], ([9],))._replace(summary=tensor(2, 3))
    equal(FixedContext()(tensor([0], [1]), memory, None)[0], [2, 3], [2, 3])


def test_local_monotonic_window():
    """D = 1 and five positions, of which the last is padding; e^scores = 1, 2, 3, 4, 5."""
    memory = memory_of([ln(n) for n in range(1, 6)], [[0]] * 5, real=4)
    _, weights = Attention(Dot(1, 1), window=LocalMonotonic(1))(
        tensor([1], [1], [1], [1]), memory, torch.tensor([[0, 1, 3, 7]])
    )
    equal(
        weights,
        [1 / 3, 2 / 3, 0, 0, 0],  # p = 0: positions 0 and 1, 1 + 2 = 3
        [1 / 6, 2 / 6, 3 / 6, 0, 0],  # p = 1: positions 0 to 2, 1 + 2 + 3 = 6
        [0, 0, 3 / 7, 4 / 7, 0],  # p = 3: positions 2 and 3, 3 + 4 = 7
        [0, 0, 3 / 7, 4 / 7, 0],  # p = 7 is behind the last position, 3: it stays there
    )


def test_windows_count_real_positions():
    """D = 1; the second of four positions is padding, so the third is next to the first."""
    valid = torch.tensor([[True, False, True, True]])
    memory = memory_of([ln(1), ln(9), ln(2), ln(3)], [[0]] * 4)._replace(valid=valid)
    _, weights = Attention(Dot(1, 1), window=LocalMonotonic(1))(ASK, memory, FIRST)
    equal(weights, [1 / 3, 0, 2 / 3, 0])  # p = 0: the first and the third, 1 + 2 = 3


def test_local_predictive_window():
    """D = 2, so σ = 1, and five positions, of which the last is padding: S = 4."""
    window = given(
        LocalPredictive(query_size=1, size=1, reach=2),
        {"query.weight": [[u]], "place.weight": [[2 * ln(3)]]},
    )
    memory = memory_of([ln(n) for n in range(1, 6)], ([1], [10], [100], [1000], [7]), real=4)
    context, weights = Attention(Dot(1, 1), window=window)(tensor([1], [0]), memory, FIRST)
    # q = 1:  tanh(u) = 1/2, σ(2 ln 3 · 1/2) = σ(ln 3) = 3/4, p = 4 · 3/4 = 3
    #   positions 1 to 3, softmax 2/9, 3/9, 4/9, times e^(-4/2), e^(-1/2), e^0
    # q = 0:  tanh(0) = 0, σ(0) = 1/2, p = 4 · 1/2 = 2
    #   positions 0 to 3, every e = 0 · key = 0, softmax 1/4, times e^(-2), e^(-1/2), 1, e^(-1/2)
    near, far = math.exp(-1 / 2), math.exp(-2)
    of_three = [0, 2 / 9 * far, 3 / 9 * near, 4 / 9, 0]
    of_two = [1 / 4 * far, 1 / 4 * near, 1 / 4, 1 / 4 * near, 0]
    equal(weights, of_three, of_two)
    # They are not made to sum to one again: c = α₀ + 10 α₁ + 100 α₂ + 1000 α₃ as they are.
    first = 20 / 9 * far + 300 / 9 * near + 4000 / 9
    equal(context, [first], [(far + 10 * near + 100 + 1000 * near) / 4])


def test_sentinel_is_one_more_candidate():
    # e^scores = 1 and 2 of the source and 5 of the sentinel, their sum is 8:
    # α = 1/8, 2/8, β = 5/8       c = 1/8 · 8 + 2/8 · 16 + 5/8 · 24 = 1 + 4 + 15 = 20
    memory = memory_of([ln(1), ln(2)], ([8], [16]))
    sentinel = Sentinel(value=tensor([24]), key=tensor([ln(5)]))
    context, weights = Attention(Dot(1, 1))(ASK, memory, FIRST, sentinel=sentinel)
    equal(weights, [1 / 8, 2 / 8])
    equal(context, [20])


def test_sentinel_is_a_gated_cell():
    sentinel = given(
        VisualSentinel(input_size=1, hidden_size=2, value_size=1, key_size=2),
        {
            "gate.weight": [[0, ln(3), 0], [ln(2), 0, 0]],
            "key.weight": [[4, 3], [0, 3]],
            "value.weight": [[1, 3]],
        },
    )
    # x = 1, h = (1, 9), tanh(m) = (1/3, -1/2)
    # g = σ(ln 3, ln 2) = (3/4, 2/3)      s = (3/4 · 1/3, 2/3 · -1/2) = (1/4, -1/3)
    # value: 1/4 - 1 = -3/4               key: (1 - 1, -1) = (0, -1)
    found = sentinel(tensor([1]), tensor([1, 9]), tensor([1 / 3, -1 / 2]))
    equal(found.value, [-3 / 4])
    equal(found.key, [0, -1])


def test_padding_is_not_looked_at():
    # e^scores = 1, 3 and 96, of which the last is padding: α = 1/4, 3/4, 0, and its 1000 is unseen
    memory = memory_of([ln(1), ln(3), ln(96)], ([4], [8], [1000]), real=2)
    context, weights = Attention(Dot(1, 1))(ASK, memory, FIRST)
    equal(weights, [1 / 4, 3 / 4, 0])
    equal(context, [7])
