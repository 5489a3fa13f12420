import pytest
import torch
from torch.testing import assert_close

from attention_core.parts.masks import masked_softmax, valid_positions


def test_valid_is_true_on_the_first_positions():
    found = valid_positions(torch.tensor([2, 0, 3]), 3)
    assert found.tolist() == [[True, True, False], [False] * 3, [True] * 3]
    assert valid_positions(torch.tensor([], dtype=torch.long), 3).shape == (0, 3)


@pytest.mark.parametrize("lengths", [[4, 1], [-1, 1]])
def test_lengths_must_fit(lengths):
    with pytest.raises(ValueError, match=r"lengths: expected 0\.\.3, got \[.*1\]"):
        valid_positions(torch.tensor(lengths), 3)


def test_softmax_by_hand():
    """e⁰ : e^log 3 are 1/4 : 3/4, whatever the padded score."""
    scores = torch.tensor([[0.0, 1.0986123, 9.0], [5.0, 5.0, 5.0]])
    valid = torch.tensor([[True, True, False], [True, True, True]])
    assert_close(masked_softmax(scores, valid), torch.tensor([[0.25, 0.75, 0.0], [1 / 3] * 3]))


def test_one_mask_serves_many_queries():
    valid = torch.tensor([[True, False], [True, True]])[:, None]
    found = masked_softmax(torch.zeros(2, 3, 2), valid)
    assert_close(found, torch.tensor([[1.0, 0.0], [0.5, 0.5]])[:, None].expand(2, 3, 2))


def test_half_precision_is_summed_in_float32():
    scores, valid = torch.zeros(1, 3000, dtype=torch.bfloat16), torch.ones(1, 3000) > 0
    found = masked_softmax(scores, valid)
    assert found.dtype == torch.float32
    assert_close(found.sum(), torch.tensor(1.0))
    assert masked_softmax(scores.double(), valid).dtype == torch.float64


def test_no_real_position_is_zeros_also_in_gradients():
    scores = torch.randn(2, 3, requires_grad=True)
    weights = masked_softmax(scores, torch.tensor([[False] * 3, [True] * 3]))
    weights.square().sum().backward()
    assert not weights[0].any()
    assert not scores.grad[0].any() and scores.grad[1].any()
