"""Dropout of whole words, and dropout that is one draw for a whole sequence."""

import torch.nn.functional as F
from torch import Tensor, nn


class WordDropout(nn.Module):
    """Drops the embedding of a word as a whole with probability p, and scales the others.

    Gal and Ghahramani 2016, §4.2. Departure: each occurrence of a word is drawn by itself.

    Shapes: (..., E) -> (..., E).

    >>> import torch
    >>> words = WordDropout(0.5)(torch.ones(100, 8))
    >>> words.sum(-1).unique().tolist()  # a word is there or not
    [0.0, 16.0]
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, embedded: Tensor) -> Tensor:
        if not self.training or not self.p:
            return embedded
        return embedded * F.dropout(embedded.new_ones(*embedded.shape[:-1], 1), self.p)


def sequence_mask(like: Tensor, size: int, p: float) -> Tensor:
    """What variational dropout multiplies with at every step: (rows of ``like``, size).

    Each entry is 0 with probability p, else 1 / (1 - p). Gal and Ghahramani 2016, §4.

    >>> import torch
    >>> sequence_mask(torch.zeros(2, 7), 3, 0.0)
    tensor([[1., 1., 1.],
            [1., 1., 1.]])
    """
    return F.dropout(like.new_ones(like.size(0), size), p)


def dropped(x: Tensor, dropout: nn.Dropout, mask: Tensor | None) -> Tensor:
    """``x`` (rows, ..., F) times the mask (rows, F) of its sequence, or dropped anew without one.

    >>> import torch
    >>> dropped(torch.ones(1, 2, 2), nn.Dropout(0.5), torch.tensor([[0.0, 2.0]]))
    tensor([[[0., 2.],
             [0., 2.]]])
    """
    if mask is None:
        dropped_anew: Tensor = dropout(x)
        return dropped_anew
    return x * (mask if x.dim() == 2 else mask[:, None])
