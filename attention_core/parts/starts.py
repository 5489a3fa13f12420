"""How a decoder's first state comes from the source."""

import torch
from torch import Tensor, nn

from attention_core.parts.rnn import RecurrentStack
from attention_core.parts.types import RecurrentState


class CopyStart(nn.Module):
    """s_0 = the encoder's final state. Sutskever et al. 2014, §2; Luong et al. 2015, §2.

    Raises ValueError where it has another shape or is another kind of cell's.
    """

    def forward(
        self, summary: Tensor, final: RecurrentState | None, recurrence: RecurrentStack
    ) -> RecurrentState:
        expected = (summary.size(0), recurrence.layers, recurrence.hidden_size)
        if final is None or final.hidden.shape != expected:
            shape = None if final is None else tuple(final.hidden.shape)
            raise ValueError(f"final.hidden: expected {expected} to copy, got {shape}")
        if (final.cell is not None) != (recurrence.cell == "lstm"):
            given = "None" if final.cell is None else "an LSTM's"
            raise ValueError(f"final.cell: expected that of cell {recurrence.cell!r}, got {given}")
        return final


class ProjectStart(nn.Module):
    """s_0 = tanh(W · summary + b), for each layer (and cell) its own W.

    Bahdanau et al. 2014, §A.2.2; Xu et al. 2015, §3.1.2 with the mean feature as the summary.
    """

    def __init__(self, summary_size: int, recurrence: RecurrentStack) -> None:
        super().__init__()
        self.leaves = 2 if recurrence.cell == "lstm" else 1
        size = self.leaves * recurrence.layers * recurrence.hidden_size
        self.project = nn.Linear(summary_size, size)

    def forward(
        self, summary: Tensor, final: RecurrentState | None, recurrence: RecurrentStack
    ) -> RecurrentState:
        state = torch.tanh(self.project(summary)).view(
            summary.size(0), self.leaves, recurrence.layers, recurrence.hidden_size
        )
        return RecurrentState(state[:, 0], state[:, 1] if self.leaves == 2 else None)


class PrefixStart(nn.Module):
    """s_0 = RNN(W · summary, 0): the source is read as a first word. Vinyals et al. 2015, §3.1."""

    def __init__(self, summary_size: int, input_size: int) -> None:
        super().__init__()
        self.project = nn.Linear(summary_size, input_size)

    def forward(
        self, summary: Tensor, final: RecurrentState | None, recurrence: RecurrentStack
    ) -> RecurrentState:
        return recurrence.step(self.project(summary), recurrence.zeros(summary))
