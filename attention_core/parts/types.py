"""The seam: what an encoder gives, what a decoder remembers, and what it carries.

Shapes: B sources, N rows decoded per source, S source positions, V value size, K key size,
C summary size, L layers, H hidden size. Batch first; ``valid`` is True on real positions.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class RecurrentState(NamedTuple):
    """State of a recurrent stack, one row per sequence."""

    hidden: Tensor  # (rows, L, H)
    cell: Tensor | None = None  # (rows, L, H), LSTM only


class Encoded(NamedTuple):
    """What an encoder makes of a batch of sources."""

    values: Tensor  # (B, S, V)
    valid: Tensor  # (B, S) bool
    summary: Tensor  # (B, C) the source as one vector
    final: RecurrentState | None = None  # the encoder's last state, where it has one


class Memory(NamedTuple):
    """What a decoder attends to: made once per source, never tiled per row."""

    values: Tensor  # (B, S, V)
    keys: Tensor | None  # (B, S, K), None without attention
    valid: Tensor  # (B, S) bool
    summary: Tensor  # (B, C)


class DecoderState(NamedTuple):
    """All that a decoder carries from one step to the next; every leaf has B·N rows."""

    hidden: Tensor  # (B·N, L, H)
    cell: Tensor | None  # (B·N, L, H), LSTM only
    feed: Tensor | None  # (B·N, R) last readout, with input feeding only
    position: Tensor  # (B·N,) number of tokens read so far

    def rows(self, index: Tensor) -> "DecoderState":
        """The state of the given rows, in their order: beam reordering is this and no more."""
        return DecoderState(*(None if x is None else x.index_select(0, index) for x in self))  # type: ignore[arg-type]

    def repeated(self, times: int) -> "DecoderState":
        """Each row ``times`` over, side by side: N rows for every source."""
        rows = torch.arange(self.hidden.size(0), device=self.hidden.device)
        return self.rows(rows.repeat_interleave(times))
