"""Torch's fused LSTM, given as many rows as its CPU kernel is quick at."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from attention_core.parts import kernel
from attention_core.parts.rnn import RecurrentStack

HIDDEN, ROWS, STEPS = 16, 13, 5


@pytest.fixture
def seen(monkeypatch):
    """How many rows torch's kernel was given, each time."""
    rows, lstm = [], torch.lstm

    def watched(inputs, *others):
        rows.append(len(inputs))
        return lstm(inputs, *others)

    monkeypatch.setattr(kernel.torch, "lstm", watched)
    return rows


def run(layers=2):
    torch.manual_seed(0)
    stack = RecurrentStack("lstm", HIDDEN, HIDDEN, layers)
    inputs = torch.randn(ROWS, STEPS, HIDDEN, requires_grad=True)
    outputs, last = stack(inputs, stack.zeros(inputs[:, 0]))
    (outputs.float().sum() + last.cell.float().square().sum()).backward()
    return outputs, last.hidden, last.cell, inputs.grad, *(x.grad for x in stack.parameters())


def test_in_bfloat16_rows_are_filled_up_to_eights_and_nothing_else_changes(seen, monkeypatch):
    exact = run()
    assert seen == [ROWS]
    with torch.autocast("cpu", torch.bfloat16):
        filled = run()
        assert seen == [ROWS, 16]
        monkeypatch.setattr(kernel, "ROWS", 1)
        plain = run()
        assert seen == [ROWS, 16, ROWS]
    for x, y, z in zip(filled, plain, exact, strict=True):
        assert x.shape == y.shape == z.shape
        assert_close(x.float(), y.float(), rtol=0.03, atol=0.03)
        assert_close(x.float(), z, rtol=0.1, atol=0.1)


def test_in_float32_it_is_torch_s_own_to_the_last_bit():
    torch.manual_seed(0)
    rnn = nn.LSTM(HIDDEN, HIDDEN, batch_first=True)
    inputs, zeros = torch.randn(ROWS, STEPS, HIDDEN), torch.zeros(1, ROWS, HIDDEN)
    options = {"layers": 1, "dropout": 0.0, "training": False}
    outputs, hidden, carried = kernel.lstm(inputs, zeros, zeros, rnn.all_weights[0], **options)
    expected, (last, cell) = rnn(inputs)
    assert torch.equal(outputs, expected)
    assert torch.equal(hidden, last) and torch.equal(carried, cell)
