"""A recurrent stack whose cells own the weights and whose fused kernel borrows them."""

import torch
from torch import Tensor, nn

from attention_core.errors import UserError, nearest
from attention_core.parts.types import RecurrentState

CELLS = {"gru": nn.GRUCell, "lstm": nn.LSTMCell, "tanh": nn.RNNCell}


def check_cell(cell: str) -> None:
    """Raises UserError for an unknown cell name."""
    if cell not in CELLS:
        raise UserError(f"unknown cell {cell!r}.{nearest(cell, CELLS)}")


class RecurrentStack(nn.Module):
    """L layers of GRU, LSTM or plain tanh cells, by one step or over a whole sequence.

    ``step`` takes one input (R, I); ``forward`` takes all T of them (R, T, I) through torch's
    fused kernel. Both use the same weights and give the same numbers. Dropout acts between layers.
    """

    def __init__(
        self, cell: str, input_size: int, hidden_size: int, layers: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        check_cell(cell)
        self.cell = cell
        self.hidden_size = hidden_size
        self.layers = layers
        self.dropout = nn.Dropout(dropout)
        sizes = [input_size] + [hidden_size] * (layers - 1)
        self.cells = nn.ModuleList(CELLS[cell](size, hidden_size) for size in sizes)

    def zeros(self, like: Tensor) -> RecurrentState:
        """The all-zero state for as many rows as ``like`` has, on its device and dtype."""
        hidden = like.new_zeros(like.size(0), self.layers, self.hidden_size)
        return RecurrentState(hidden, torch.zeros_like(hidden) if self.cell == "lstm" else None)

    def step(self, inputs: Tensor, state: RecurrentState) -> RecurrentState:
        """One step: inputs (R, I) -> the next state; its top layer is ``hidden[:, -1]``."""
        hidden: list[Tensor] = []
        memory: list[Tensor] = []
        for layer, cell in enumerate(self.cells):
            if layer:
                inputs = self.dropout(inputs)
            if state.cell is None:
                inputs = cell(inputs, state.hidden[:, layer])
            else:
                inputs, carried = cell(inputs, (state.hidden[:, layer], state.cell[:, layer]))
                memory.append(carried)
            hidden.append(inputs)
        return RecurrentState(torch.stack(hidden, 1), torch.stack(memory, 1) if memory else None)

    def forward(self, inputs: Tensor, state: RecurrentState) -> tuple[Tensor, RecurrentState]:
        """All steps: inputs (R, T, I) -> top-layer outputs (R, T, H) and the last state."""
        # As the kernels take them: weight_ih, weight_hh, bias_ih, bias_hh of each layer.
        weights: list[Tensor] = list(self.cells.parameters())
        hidden = state.hidden.transpose(0, 1).contiguous()
        options = (weights, True, self.layers, self.dropout.p, self.training, False, True)
        if state.cell is not None:
            carried = state.cell.transpose(0, 1).contiguous()
            outputs, hidden, carried = torch.lstm(inputs, (hidden, carried), *options)
            return outputs, RecurrentState(hidden.transpose(0, 1), carried.transpose(0, 1))
        kernel = torch.gru if self.cell == "gru" else torch.rnn_tanh
        outputs, hidden = kernel(inputs, hidden, *options)
        return outputs, RecurrentState(hidden.transpose(0, 1))
