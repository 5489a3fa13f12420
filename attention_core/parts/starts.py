"""How a decoder's first state comes from the source."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attention_core.errors import UserError
from attention_core.parts.rnn import RecurrentStack
from attention_core.parts.types import RecurrentState


class CopyStart(nn.Module):
    """s_0 = the encoder's final state. Sutskever et al. 2014, §2; Luong et al. 2015, §2.

    Raises UserError where it has another shape or is another kind of cell's.

    >>> final = RecurrentState(torch.ones(2, 1, 5))
    >>> CopyStart()(torch.zeros(2, 3), final, RecurrentStack("gru", 4, 5)) is final
    True
    """

    def forward(
        self, summary: Tensor, final: RecurrentState | None, recurrence: RecurrentStack
    ) -> RecurrentState:
        size = recurrence.hidden_size
        return _checked(final, (summary.size(0), recurrence.layers, size), recurrence, "copy")


class BridgeStart(nn.Module):
    """s_0 = tanh(W [f¹; …; f^L] + b) of the encoder's final states f, and its cells likewise.

    The learned bridge between an encoder and a decoder of other sizes; in each, the state of every
    layer is a function of those of all of the encoder's. Raises UserError as ``CopyStart`` does.

    >>> start = BridgeStart(final_size=6, final_layers=1, recurrence=RecurrentStack("gru", 4, 5, 2))
    >>> final = RecurrentState(torch.zeros(3, 1, 6))
    >>> start(torch.zeros(3, 6), final, RecurrentStack("gru", 4, 5, 2)).hidden.shape
    torch.Size([3, 2, 5])
    """

    def __init__(self, final_size: int, final_layers: int, recurrence: RecurrentStack) -> None:
        super().__init__()
        self.final = (final_layers, final_size)
        sizes = final_layers * final_size, recurrence.layers * recurrence.hidden_size
        self.hidden = nn.Linear(*sizes)
        self.cell = nn.Linear(*sizes) if recurrence.cell == "lstm" else None

    def forward(
        self, summary: Tensor, final: RecurrentState | None, recurrence: RecurrentStack
    ) -> RecurrentState:
        final = _checked(final, (summary.size(0), *self.final), recurrence, "bridge")
        shape = (recurrence.layers, recurrence.hidden_size)
        hidden = torch.tanh(self.hidden(final.hidden.flatten(1))).unflatten(1, shape)
        if self.cell is None or final.cell is None:
            return RecurrentState(hidden)
        return RecurrentState(
            hidden, torch.tanh(self.cell(final.cell.flatten(1))).unflatten(1, shape)
        )


class ProjectStart(nn.Module):
    """s_0 = tanh(W · summary + b), for each layer (and cell) its own W.

    Bahdanau et al. 2014, §A.2.2; Xu et al. 2015, §3.1.2 with the mean feature as the summary.

    >>> recurrence = RecurrentStack("lstm", 4, 5, layers=2)
    >>> ProjectStart(3, recurrence)(torch.zeros(7, 3), None, recurrence).cell.shape
    torch.Size([7, 2, 5])
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
    """s_0 = RNN(LN(W · summary + b), 0): the source is read as a first word.

    Vinyals et al. 2015, §3.1. Departure: LN, without gain or bias; else W grows until the gates
    that read the source are all open or shut, and of it little more than a bit a unit remains.

    >>> recurrence = RecurrentStack("gru", 4, 5)
    >>> PrefixStart(3, input_size=4)(torch.ones(2, 3), None, recurrence).hidden.shape
    torch.Size([2, 1, 5])
    """

    def __init__(self, summary_size: int, input_size: int) -> None:
        super().__init__()
        self.project = nn.Linear(summary_size, input_size)

    def forward(
        self, summary: Tensor, final: RecurrentState | None, recurrence: RecurrentStack
    ) -> RecurrentState:
        word = self.project(summary)
        return recurrence.step(F.layer_norm(word, word.shape[-1:]), recurrence.zeros(summary))


def _checked(
    final: RecurrentState | None,
    expected: tuple[int, int, int],
    recurrence: RecurrentStack,
    verb: str,
) -> RecurrentState:
    """The encoder's final state, if it is of that shape and the right kind of cell."""
    if final is None or final.hidden.shape != expected:
        shape = None if final is None else tuple(final.hidden.shape)
        raise UserError(f"final.hidden: expected {expected} to {verb}, got {shape}")
    if (final.cell is not None) != (recurrence.cell == "lstm"):
        given = "None" if final.cell is None else "an LSTM's"
        raise UserError(f"final.cell: expected that of cell {recurrence.cell!r}, got {given}")
    return final
