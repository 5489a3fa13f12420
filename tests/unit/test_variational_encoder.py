"""Variational dropout of the encoder: one draw for a sequence, whatever its length."""

import pytest
import torch
from torch import nn

from attention_core.parts.encoders import TextEncoder


@pytest.mark.parametrize("layers", [1, 2])
def test_what_is_dropped_is_dropped_in_every_step(layers):
    """With h_t = tanh(1/4 + m ⊙ h_{t-1}) a unit of m = 0 stands still, and one of m = 2 grows."""
    torch.manual_seed(0)
    encoder = TextEncoder(
        nn.Embedding(3, 4),
        "tanh",
        16,
        layers=layers,
        bidirectional=False,
        dropout=0.5,
        variational=True,
    )
    for stack in encoder.rnn.stacks:
        cell = stack.cells[0]
        for weight in (cell.weight_ih, cell.bias_hh):
            nn.init.zeros_(weight)
        nn.init.eye_(cell.weight_hh)
        nn.init.constant_(cell.bias_ih, 0.25)
    tokens = torch.ones(3, 6, dtype=torch.long)
    values = encoder(tokens, tokens > 0).values
    grown = values.diff(dim=1) > 1e-3
    still = values.diff(dim=1) == 0
    assert (grown.all(1) | still.all(1)).all()
    assert grown.any() and (still.all(1) & (values[:, 0] > 0)).any()  # of both kinds some
