import pytest
import torch
from torch import nn
from torch.testing import assert_close

from attention_core.parts.attention import Attention
from attention_core.parts.scorers import Dot
from attention_core.parts.types import Memory
from attention_core.parts.windows import LocalMonotonic, LocalPredictive

VALID = torch.tensor([[True] * 6, [True] * 3 + [False] * 3])


def predictive(reach=2):
    torch.manual_seed(0)
    return LocalPredictive(query_size=4, size=3, reach=reach).double()


@pytest.mark.parametrize(
    ("step", "whole", "short"),
    [
        (0, "110000", "110000"),
        (2, "011100", "011000"),
        (4, "000111", "011000"),
        (9, "000011", "011000"),
    ],
)
def test_the_monotonic_window_moves_with_the_step_and_stops_at_the_end(step, whole, short):
    position = torch.tensor([[step], [step]])
    allowed, factor = LocalMonotonic(1)(torch.zeros(2, 1, 4), VALID, position)
    assert factor is None
    seen = [
        "".join(str(int(place)) for place in row & real)
        for row, real in zip(allowed[:, 0], VALID, strict=True)
    ]
    assert seen == [whole, short]


def test_the_predicted_centre_is_the_papers():
    window, query = predictive(), torch.randn(2, 5, 4).double()
    allowed, factor = window(query, VALID, torch.zeros(2, 5).long())
    for b, length in ((0, 6), (1, 3)):
        for m in range(5):
            hidden = torch.tanh(window.query.weight @ query[b, m])
            centre = length * torch.sigmoid(window.place.weight[0] @ hidden)
            for s in range(length):
                assert_close(factor[b, m, s], torch.exp(-((s - centre) ** 2) / (2 * 1.0**2)))
                assert allowed[b, m, s] == (abs(s - centre) <= 2)


def test_attention_stays_within_its_window():
    torch.manual_seed(0)
    values, query = torch.randn(2, 6, 4).double(), torch.randn(2, 5, 4).double()
    memory, position = Memory(values, values, VALID, values[:, 0]), torch.arange(5).expand(2, 5)
    for window in (LocalMonotonic(1), predictive(1)):
        context, weights = Attention(Dot(4, 4), window=window)(query, memory, position)
        allowed, factor = window(query, VALID, position)
        inside = allowed & VALID[:, None]
        assert inside.any(-1).all() and not inside.all()
        scores = (query @ values.mT).masked_fill(~inside, -torch.inf)
        expected = scores.softmax(-1) * (1 if factor is None else factor)
        assert_close(weights, expected)
        assert_close(context, expected @ values)


def test_a_window_of_no_reach_is_told():
    for window in (lambda: LocalMonotonic(0), lambda: predictive(0)):
        with pytest.raises(ValueError, match="reach: expected at least 1, got 0"):
            window()


def test_a_far_centre_is_where_it_is_in_bfloat16_too():
    """σ(2.2) · 300 = 270.1, whose neighbours in bfloat16 are 270 and 272."""
    window = LocalPredictive(1, 1, 10)
    nn.init.constant_(window.query.weight, 10.0)
    nn.init.constant_(window.place.weight, 2.203125)
    valid, query = torch.ones(1, 300, dtype=torch.bool), torch.ones(1, 1, 1)
    with torch.autocast("cpu", torch.bfloat16):
        allowed, factor = window(query, valid, None)
    assert factor.dtype == torch.float32
    share = torch.sigmoid(torch.tensor(2.203125, dtype=torch.bfloat16)).item()
    centre = 300 * share
    expected = [s for s in range(300) if abs(s - centre) <= 10]
    assert allowed[0, 0].nonzero()[:, 0].tolist() == expected
