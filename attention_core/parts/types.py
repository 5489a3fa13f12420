"""The seam: what an encoder gives, what a decoder remembers, and what it carries.

Shapes: B sources, N rows decoded per source, R = B·N, S source positions, V value size, K key
size, C summary size, L layers, H hidden size. Batch first; ``valid`` is True on real positions.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class RecurrentState(NamedTuple):
    """State of a recurrent stack, one row per sequence.

    >>> RecurrentState(torch.zeros(2, 1, 8)).cell is None  # a GRU's: an LSTM has a cell too
    True
    """

    hidden: Tensor  # (rows, L, H)
    cell: Tensor | None = None  # (rows, L, H), LSTM only

    def parted(self, layers: int) -> tuple["RecurrentState", "RecurrentState"]:
        """The states of the first ``layers``, and those of the layers above them."""
        hidden, cell = self
        below = None if cell is None else cell[:, :layers]
        above = None if cell is None else cell[:, layers:]
        return RecurrentState(hidden[:, :layers], below), RecurrentState(hidden[:, layers:], above)

    def under(self, above: "RecurrentState") -> "RecurrentState":
        """These layers, and ``above`` on top of them."""
        hidden = torch.cat([self.hidden, above.hidden], 1)
        if self.cell is None or above.cell is None:
            return RecurrentState(hidden)
        return RecurrentState(hidden, torch.cat([self.cell, above.cell], 1))


class Encoded(NamedTuple):
    """What an encoder makes of a batch of sources.

    >>> Encoded(torch.zeros(2, 3, 8), torch.ones(2, 3, dtype=torch.bool), torch.zeros(2, 8)).keys
    """

    values: Tensor  # (B, S, V)
    valid: Tensor  # (B, S) bool
    summary: Tensor  # (B, C) the source as one vector
    final: RecurrentState | None = None  # the encoder's last state, where it has one
    keys: Tensor | None = None  # (B, S, K') what queries are compared with; None: the values


class Memory(NamedTuple):
    """What a decoder attends to: made once per source, never tiled per row.

    >>> Memory(torch.zeros(2, 3, 8), None, torch.ones(2, 3, dtype=torch.bool), torch.zeros(2, 8))[1]
    """

    values: Tensor  # (B, S, V)
    keys: Tensor | None  # (B, S, K), None without attention
    valid: Tensor  # (B, S) bool
    summary: Tensor  # (B, C)

    def sources(self, index: Tensor) -> "Memory":
        """The memory of the given sources, in their order."""
        return Memory(*(None if x is None else x.index_select(0, index) for x in self))  # type: ignore[arg-type]


class DecoderState(NamedTuple):
    """All that a decoder carries from one step to the next; every leaf has R rows.

    >>> state = DecoderState(torch.tensor([[[1.0]], [[2.0]]]), None, None, torch.tensor([0, 0]))
    >>> state.repeated(2).hidden.flatten().tolist()
    [1.0, 1.0, 2.0, 2.0]
    """

    hidden: Tensor  # (R, L, H)
    cell: Tensor | None  # (R, L, H), LSTM only
    feed: Tensor | None  # (R, R') last readout, with input feeding only
    position: Tensor  # (R,) number of tokens read so far
    coverage: Tensor | None = None  # (R, S) sum of the weights so far, with coverage only
    masks: Tensor | None = None  # (R, F) dropout of the whole sequence, variational training only

    def rows(self, index: Tensor) -> "DecoderState":
        """The state of the given rows, in their order: beam reordering is this and no more."""
        return DecoderState(*(None if x is None else x.index_select(0, index) for x in self))  # type: ignore[arg-type]

    def repeated(self, times: int) -> "DecoderState":
        """Each row ``times`` over, side by side: N rows for every source."""
        rows = torch.arange(self.hidden.size(0), device=self.hidden.device)
        return self.rows(rows.repeat_interleave(times))
