"""Batches: sequences of like length side by side, in an order that a seed fixes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Batch(NamedTuple):
    """A batch to learn from: the tensors of B sources, and N target rows for each.

    >>> source = pad([[3, 4, 5], [6]], 0)
    >>> Batch((source, source > 0), pad([[1, 7, 2], [1, 2]], 0)).tokens
    tensor([[1, 7, 2],
            [1, 2, 0]])
    """

    source: tuple[Tensor, ...]
    tokens: Tensor  # (B·N, T+1): first token, words, end, padding
    words: Tensor | None = None  # (n,), ascending: all that follows the first token, which is then
    # the same in all rows; None is any

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device, itself where it is there."""
        words = None if self.words is None else self.words.to(device)
        return Batch(tuple(x.to(device) for x in self.source), self.tokens.to(device), words)

    def rows_of(self, sources: int) -> int:
        """N, the target rows of each source.

        Raises ValueError where there are not as many for each.

        >>> Batch((), torch.zeros(6, 4)).rows_of(3)
        2
        """
        rows = self.tokens.size(0)
        if rows % sources:
            raise ValueError(f"batch.tokens: expected a multiple of {sources} rows, got {rows}")
        return rows // sources


def pad(sequences: Sequence[Sequence[int]], value: int) -> Tensor:
    """Sequences as rows of one tensor (R, longest), filled up with ``value``.

    >>> pad([[5, 6], [7]], 0)
    tensor([[5, 6],
            [7, 0]])
    """
    longest = max(map(len, sequences), default=0)
    rows = [list(sequence) + [value] * (longest - len(sequence)) for sequence in sequences]
    return torch.tensor(rows, dtype=torch.long)


def bucketed(lengths: Sequence[int], batch_tokens: int, seed: int) -> list[list[int]]:
    """Indices in batches of about ``batch_tokens`` padded tokens, like lengths together.

    The order of batches, and of sequences of one length, is random and fixed by ``seed``.

    >>> sorted(map(sorted, bucketed([4, 2, 2, 4], batch_tokens=8, seed=1)))
    [[0, 3], [1, 2]]
    """
    generator = np.random.default_rng(seed)
    keys = np.asarray(lengths) + generator.random(len(lengths))
    batches: list[list[int]] = []
    batch: list[int] = []
    for index in np.argsort(keys).tolist():
        if batch and (len(batch) + 1) * lengths[index] > batch_tokens:
            batches.append(batch)
            batch = []
        batch.append(index)
    if batch:
        batches.append(batch)
    return [batches[i] for i in generator.permutation(len(batches))]
