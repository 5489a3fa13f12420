import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import PAD, PARTLY, every_model, sources, tiny_model, words
from torch.testing import assert_close

from attention_core.parts.masks import masked_softmax
from attention_core.training import Batch, TeacherForcing

few = settings(max_examples=40, derandomize=True, deadline=None, database=None)


@every_model
def test_weights_are_a_distribution_over_real_positions(preset, cell):
    model, source = tiny_model(preset, cell), sources(4, 1, 3)
    _, weights = model.decoder(words(3, 5), *model.remember(*source))
    if model.decoder.attention is None:
        assert weights is None
        return
    assert (weights >= 0).all()
    if preset in PARTLY:
        assert (weights.sum(-1) < 1).all() and (weights.sum(-1) > 0).all()
    else:
        assert_close(weights.sum(-1), torch.ones(3, 5))
    assert not weights.masked_select(~source.valid[:, None]).any()
    assert weights[0].std() > 0.001  # somewhere it looks closer than elsewhere


@every_model
def test_a_source_without_positions_is_not_nan_anywhere(preset, cell):
    model, source = tiny_model(preset, cell), sources(3, 0, size=3)
    memory, state = model.remember(*source)
    logits, weights = model.decoder(words(2, 4), memory, state)
    assert logits.isfinite().all()
    assert weights is None or not weights[1].any()
    tokens = words(2, 4).clamp(min=PAD + 1)
    loss, _ = TeacherForcing(model, doubly_stochastic=1.0)(Batch(source, tokens))
    loss.backward()
    assert all(weight.grad.isfinite().all() for weight in model.parameters())


@few
@given(
    st.lists(
        st.tuples(st.floats(-1e300, 1e300) | st.just(0.0), st.booleans()),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from([torch.float64, torch.float32, torch.bfloat16]),
)
def test_masked_softmax_is_softmax_of_the_real_ones(row, dtype):
    most = torch.finfo(dtype).max / 2
    scores = torch.tensor([score for score, _ in row], dtype=dtype).clamp(-most, most)
    valid = torch.tensor([real for _, real in row])
    found = masked_softmax(scores, valid)
    precision = torch.promote_types(dtype, torch.float32)
    expected = torch.zeros(len(row), dtype=precision)
    if valid.any():
        expected[valid] = scores[valid].to(precision).softmax(-1)
    assert found.dtype == precision
    assert_close(found, expected)


@pytest.mark.parametrize("garbage", [torch.nan, torch.inf, -torch.inf])
def test_what_stands_at_a_padded_position_does_not_matter(garbage):
    scores = torch.tensor([1.0, garbage, 2.0], requires_grad=True)
    weights = masked_softmax(scores, torch.tensor([True, False, True]))
    assert_close(weights, torch.tensor([1.0, 0.0, torch.e]) / (1 + torch.e))
    weights[0].backward()
    assert scores.grad[1] == 0 and scores.grad.isfinite().all()
