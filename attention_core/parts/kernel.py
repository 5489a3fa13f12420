"""Torch's fused LSTM, given as many rows as its CPU kernel is quick at."""

import torch
import torch.nn.functional as F
from torch import Tensor

ROWS = 8


def lstm(
    inputs: Tensor,
    hidden: Tensor,
    carried: Tensor,
    weights: list[Tensor],
    *,
    layers: int,
    dropout: float,
    training: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """``torch.lstm`` of one direction, batch first.

    On a CPU in bfloat16 oneDNN cuts the rows into blocks of a divisor of their number, and takes
    four times as long where that is a prime. Rows of zeros fill them up to a multiple of eight
    there, and are taken away after.

    Shapes: inputs (R, T, I), hidden and carried (L, R, H) -> outputs (R, T, H) and the last hidden
    and carried states (L, R, H).

    >>> cell = torch.nn.LSTMCell(2, 3)
    >>> inputs, zeros = torch.randn(5, 4, 2), torch.zeros(1, 5, 3)
    >>> weights = list(cell.parameters())
    >>> options = {"layers": 1, "dropout": 0.0, "training": False}
    >>> [x.shape for x in lstm(inputs, zeros, zeros, weights, **options)]
    [torch.Size([5, 4, 3]), torch.Size([1, 5, 3]), torch.Size([1, 5, 3])]
    """
    rows = inputs.size(0)
    if inputs.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
        more = -rows % ROWS
        inputs = F.pad(inputs, (0, 0, 0, 0, 0, more))
        hidden, carried = (F.pad(state, (0, 0, 0, more)) for state in (hidden, carried))
    outputs, hidden, carried = torch.lstm(
        inputs, (hidden, carried), weights, True, layers, dropout, training, False, True
    )
    return outputs[:rows], hidden[:, :rows], carried[:, :rows]
