import pytest
import torch
from torch.testing import assert_close

from attention_core.parts.readouts import AttentionalReadout, DeepReadout, HiddenReadout

HIDDEN, CONTEXT, EMBEDDED = torch.randn(2, 3, 4), torch.randn(2, 3, 5), torch.randn(2, 3, 6)


def test_hidden_is_the_state_itself():
    readout = HiddenReadout(4)
    assert readout.output_size == 4
    assert readout(HIDDEN, CONTEXT, EMBEDDED) is HIDDEN


def mixed(readout, *parts):
    """Σ W_i x_i + b, each part with its own columns."""
    blocks = readout.mix.weight.split([part.size(-1) for part in parts], 1)
    return sum(p @ w.T for p, w in zip(parts, blocks, strict=True)) + readout.mix.bias


@pytest.mark.parametrize("context", [CONTEXT, None])
def test_deep_mixes_state_context_and_word(context):
    size = 0 if context is None else 5
    parts = (HIDDEN, EMBEDDED) if context is None else (HIDDEN, context, EMBEDDED)
    linear = DeepReadout(4, size, 6, 7, maxout=False)
    found = linear(HIDDEN, context, EMBEDDED)
    assert_close(found, torch.tanh(mixed(linear, *parts)))
    assert found.size(-1) == linear.output_size == 7
    maxout = DeepReadout(4, size, 6, 7, maxout=True)
    both = mixed(maxout, *parts)
    found = maxout(HIDDEN, context, EMBEDDED)
    assert_close(found, torch.maximum(both[..., 0::2], both[..., 1::2]))
    assert found.size(-1) == maxout.output_size == 7


def test_attentional_mixes_context_and_state():
    readout = AttentionalReadout(4, 5, 7)
    weight = readout.mix.weight
    expected = torch.tanh(CONTEXT @ weight[:, :5].T + HIDDEN @ weight[:, 5:].T)
    assert_close(readout(HIDDEN, CONTEXT, EMBEDDED), expected)
    assert readout.output_size == 7


def test_attentional_needs_a_context():
    with pytest.raises(ValueError, match=r"context: expected \(..., V\), got None"):
        AttentionalReadout(4, 5, 7)(HIDDEN, None, EMBEDDED)
