"""An LSTM over rows of different lengths, through a kernel that knows no lengths."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from attention_core.parts import kernel

Move = Callable[[Tensor], Tensor]
SHUT = -1e4


def aligned_lstm(
    lstm: nn.LSTM, inputs: Tensor, valid: Tensor, between: Move
) -> tuple[Tensor, Tensor, Tensor]:
    """What the LSTM makes of packed sequences, in half the time where oneDNN trains it.

    Rows are moved to end together. What then lies before them is told by one more input, which
    shuts the input gate, i = σ(-10⁴) = 0: the state, and so the output, stays at zero until they
    begin. It comes once or twice, to an even number of inputs: an odd one takes the kernel up
    to twice as long in bfloat16. ``between`` is the dropout between layers.

    Shapes: inputs (B, S, I) with S > 0, valid (B, S) with real positions first -> outputs
    (B, S, D·H), zeros at padding, and the last hidden and cell states (L·D, B, H).

    >>> lstm, inputs = nn.LSTM(2, 3, bidirectional=True, batch_first=True), torch.randn(1, 4, 2)
    >>> valid = torch.tensor([[True, True, False, False]])
    >>> outputs, last, carried = aligned_lstm(lstm, inputs, valid, nn.Identity())
    >>> alone, (expected, _) = lstm(inputs[:, :2])
    >>> torch.allclose(outputs[:, :2], alone), torch.allclose(last, expected)
    (True, True)
    """
    size, hidden_size = inputs.size(1), lstm.hidden_size
    steps, lengths = torch.arange(size, device=inputs.device), valid.sum(1, keepdim=True)
    late, early = (steps + lengths) % size, (steps - lengths) % size
    moves: list[tuple[Move, Move]] = [
        (lambda x: _taken(x, late), lambda x: _taken(x, early)),
        (lambda x: x.flip(1), lambda x: x.flip(1)),
    ]
    shut = inputs.new_zeros(4 * hidden_size, 2)
    shut[:hidden_size] = SHUT
    zeros = inputs.new_zeros(1, inputs.size(0), hidden_size)
    padding = ~valid[..., None]
    directions = moves[: 1 + lstm.bidirectional]
    hidden, cell = [], []
    for layer in range(lstm.num_layers):
        more = 2 - inputs.size(2) % 2
        told = padding.to(inputs.dtype).expand(-1, -1, more)
        inputs = torch.cat([between(inputs) if layer else inputs, told], -1)
        outputs = []
        for d, (there, back) in enumerate(directions):
            own, *others = lstm.all_weights[layer * len(directions) + d]
            weights = [torch.cat([own, shut[:, :more]], 1), *others]
            found, last, carried = kernel.lstm(
                there(inputs), zeros, zeros, weights, layers=1, dropout=0.0, training=lstm.training
            )
            outputs.append(back(found))
            hidden.append(last)
            cell.append(carried)
        inputs = torch.cat(outputs, -1)
    return inputs, torch.cat(hidden), torch.cat(cell)


def _taken(x: Tensor, index: Tensor) -> Tensor:
    """x (B, S, F) at positions (B, S) of each row."""
    return x.gather(1, index[..., None].expand_as(x))
