"""The visual sentinel: something to attend to besides the source."""

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Sentinel(NamedTuple):
    """One more candidate of each query: its value and its key, before ``Scorer.finish_keys``.

    >>> Sentinel(torch.zeros(2, 6), torch.zeros(2, 5)).key.shape
    torch.Size([2, 5])
    """

    value: Tensor  # (..., V)
    key: Tensor  # (..., K)


class VisualSentinel(nn.Module):
    """g_t = σ(W_x x_t + W_h h_{t-1}),  s_t = g_t ⊙ tanh(m_t). Lu et al. 2017, §2.3, eq. 9 and 10.

    x_t is what the RNN reads and m_t its memory cell. The key is W_s s_t, of its own matrix
    (eq. 12). Departures: cells without m_t give their new state for tanh(m_t); s_t is projected to
    the values' size where that differs from the hidden size.

    Shapes: inputs (..., I), previous (..., H), carried (..., H) -> value (..., V), key (..., K).

    >>> sentinel = VisualSentinel(input_size=3, hidden_size=4, value_size=6, key_size=5)
    >>> found = sentinel(torch.zeros(2, 3), torch.zeros(2, 4), torch.zeros(2, 4))
    >>> found.value.shape, found.key.shape
    (torch.Size([2, 6]), torch.Size([2, 5]))
    """

    def __init__(self, input_size: int, hidden_size: int, value_size: int, key_size: int) -> None:
        super().__init__()
        self.gate = nn.Linear(input_size + hidden_size, hidden_size, bias=False)
        self.key = nn.Linear(hidden_size, key_size, bias=False)
        self.value = (
            nn.Identity()
            if value_size == hidden_size
            else nn.Linear(hidden_size, value_size, bias=False)
        )

    def forward(self, inputs: Tensor, previous: Tensor, carried: Tensor) -> Sentinel:
        """``carried`` is tanh(m_t), or the new state of a cell that has no m_t."""
        sentinel = torch.sigmoid(self.gate(torch.cat([inputs, previous], -1))) * carried
        return Sentinel(self.value(sentinel), self.key(sentinel))
