"""A recurrent stack whose cells own the weights and whose fused kernel borrows them."""

import torch
from torch import Tensor, nn

from attention_core.errors import UserError, nearest
from attention_core.parts.cells import NORMALISED
from attention_core.parts.checks import check
from attention_core.parts.dropout import Dropout, dropped, sequence_mask
from attention_core.parts.kernel import lstm
from attention_core.parts.types import RecurrentState

CELLS = {"gru": nn.GRUCell, "lstm": nn.LSTMCell, "tanh": nn.RNNCell}


def check_cell(cell: str) -> None:
    """Raises UserError for an unknown cell name.

    >>> check_cell("gru")
    """
    if cell not in CELLS:
        raise UserError(f"unknown cell {cell!r}.{nearest(cell, CELLS)}")


class RecurrentStack(nn.Module):
    """L layers of GRU, LSTM or plain tanh cells, by one step or over a whole sequence.

    ``step`` takes one input (R, I); ``forward`` takes all T of them (R, T, I) through torch's
    fused kernel. Both use the same weights and give the same numbers. Dropout acts between layers;
    given ``masks`` (R, ``masks_size``), it is variational: the masks of a sequence multiply what
    goes between layers and the states before each step, the same at every step (Gal and Ghahramani
    2016, §4). ``normalised`` cells are layer-normalised (Ba et al. 2016). Those two step.

    Raises UserError for an unknown cell or no layers; ``forward`` ValueError where inputs and state
    don't fit each other or the stack.

    The forget gates of an LSTM begin with a bias of 1, or what it reads first is gone after a few
    words and it learns slowly to keep it (Gers et al. 2000; Jozefowicz et al. 2015, §2.2).

    >>> stack = RecurrentStack("gru", input_size=3, hidden_size=5, layers=2)
    >>> outputs, last = stack(torch.ones(4, 6, 3), stack.zeros(torch.ones(4, 3)))
    >>> outputs.shape, last.hidden.shape
    (torch.Size([4, 6, 5]), torch.Size([4, 2, 5]))
    """

    def __init__(
        self,
        cell: str,
        input_size: int,
        hidden_size: int,
        layers: int = 1,
        dropout: float = 0.0,
        *,
        normalised: bool = False,
    ) -> None:
        super().__init__()
        check_cell(cell)
        if layers < 1:
            raise UserError(f"layers: expected at least 1, got {layers}")
        self.cell = cell
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.layers = layers
        self.normalised = normalised
        self.dropout = Dropout(dropout)
        self.masks_size = (2 * layers - 1) * hidden_size  # the layers' states, then between them
        sizes = [input_size] + [hidden_size] * (layers - 1)
        kind = (NORMALISED if normalised else CELLS)[cell]
        self.cells = nn.ModuleList(kind(size, hidden_size) for size in sizes)
        if cell == "lstm":
            for each in self.cells:
                biases = each.get_parameter("input_norm.bias" if normalised else "bias_ih")
                nn.init.ones_(biases.data[hidden_size : 2 * hidden_size])

    def zeros(self, like: Tensor) -> RecurrentState:
        """The all-zero state for as many rows as ``like`` has, on its device and dtype."""
        hidden = like.new_zeros(like.size(0), self.layers, self.hidden_size)
        return RecurrentState(hidden, torch.zeros_like(hidden) if self.cell == "lstm" else None)

    def masks(self, like: Tensor) -> Tensor:
        """Masks of variational dropout for as many sequences as ``like`` has rows."""
        return sequence_mask(like, self.masks_size, self.dropout.p)

    def step(
        self, inputs: Tensor, state: RecurrentState, masks: Tensor | None = None
    ) -> RecurrentState:
        """One step: inputs (R, I) -> the next state; its top layer is ``hidden[:, -1]``."""
        each = [None] * (2 * self.layers) if masks is None else masks.split(self.hidden_size, 1)
        hidden: list[Tensor] = []
        memory: list[Tensor] = []
        for layer, cell in enumerate(self.cells):
            if layer:
                inputs = dropped(inputs, self.dropout, each[self.layers + layer - 1])
            before, mask = state.hidden[:, layer], each[layer]
            before = before if mask is None else before * mask
            if state.cell is None:
                inputs = cell(inputs, before)
            else:
                inputs, carried = cell(inputs, (before, state.cell[:, layer]))
                memory.append(carried)
            hidden.append(inputs)
        return RecurrentState(torch.stack(hidden, 1), torch.stack(memory, 1) if memory else None)

    def forward(
        self, inputs: Tensor, state: RecurrentState, masks: Tensor | None = None
    ) -> tuple[Tensor, RecurrentState]:
        """All steps: inputs (R, T, I) -> top-layer outputs (R, T, H) and the last state."""
        check("inputs", inputs, None, None, self.input_size)
        for name, part in zip(("hidden", "cell"), (state.hidden, state.cell), strict=True):
            if part is not None:  # or torch's kernel reads past what isn't there
                check(f"state.{name}", part, inputs.size(0), self.layers, self.hidden_size)
        plain = isinstance(self.cells[0], nn.RNNCellBase)  # as they are not once ``packed``
        if masks is not None or not plain:
            return self._stepped(inputs, state, masks)
        # As the kernels take them: weight_ih, weight_hh, bias_ih, bias_hh of each layer.
        weights: list[Tensor] = list(self.cells.parameters())
        hidden = state.hidden.transpose(0, 1).contiguous()
        if state.cell is not None:
            outputs, hidden, carried = lstm(
                inputs,
                hidden,
                state.cell.transpose(0, 1).contiguous(),
                weights,
                layers=self.layers,
                dropout=self.dropout.p,
                training=self.training,
            )
            return outputs, RecurrentState(hidden.transpose(0, 1), carried.transpose(0, 1))
        options = (weights, True, self.layers, self.dropout.p, self.training, False, True)
        kernel = torch.gru if self.cell == "gru" else torch.rnn_tanh
        outputs, hidden = kernel(inputs, hidden, *options)
        return outputs, RecurrentState(hidden.transpose(0, 1))

    def _stepped(
        self, inputs: Tensor, state: RecurrentState, masks: Tensor | None
    ) -> tuple[Tensor, RecurrentState]:
        outputs = [inputs.new_zeros(inputs.size(0), 0, self.hidden_size)]
        for each in inputs.unbind(1):
            state = self.step(each, state, masks)
            outputs.append(state.hidden[:, -1:])
        return torch.cat(outputs, 1), state
