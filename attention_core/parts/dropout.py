"""Dropout, of whole words too, and as one draw for a whole sequence."""

import torch
from torch import Tensor, nn

CHANCES = 2**16


class Dropout(nn.Dropout):
    """x ⊙ m / (1 - p), where each m is 0 with probability p; in training alone.

    Srivastava et al. 2014, §4.

    >>> Dropout(0.5)(torch.ones(100, 8)).unique().tolist()
    [0.0, 2.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu":
            return super().forward(x)
        return x * kept(x, self.p) if self.training and self.p else x


def kept(like: Tensor, p: float) -> Tensor:
    """m / (1 - p), of the shape of ``like``: each entry is 0 with probability p.

    p is rounded to a 65,536th, since a draw of 64 bits serves four entries: torch draws each by
    itself, and on a CPU takes ten times as long, a tenth of an update.

    >>> kept(torch.zeros(2, 3), 0.0)
    tensor([[1., 1., 1.],
            [1., 1., 1.]])
    """
    zeros = round(p * CHANCES)
    scale = CHANCES / (CHANCES - zeros) if zeros < CHANCES else 0.0
    draws = torch.empty(-(-like.numel() // 4), dtype=torch.int64, device=like.device)
    bits = draws.random_(-(2**63), None).view(torch.int16)[: like.numel()].view(like.shape)
    return (bits >= min(zeros, CHANCES - 1) - CHANCES // 2).to(like.dtype) * scale


class WordDropout(nn.Module):
    """Drops the embedding of a word as a whole with probability p, and scales the others.

    Gal and Ghahramani 2016, §4.2. Departure: each occurrence of a word is drawn by itself.

    Shapes: (..., E) -> (..., E). Raises ValueError where p is no probability.

    >>> import torch
    >>> words = WordDropout(0.5)(torch.ones(100, 8))
    >>> words.sum(-1).unique().tolist()  # a word is there or not
    [0.0, 16.0]
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"p: expected a probability, got {p}")
        self.p = p

    def forward(self, embedded: Tensor) -> Tensor:
        if not self.training or not self.p:
            return embedded
        return embedded * kept(embedded[..., :1], self.p)


def sequence_mask(like: Tensor, size: int, p: float) -> Tensor:
    """What variational dropout multiplies with at every step: (rows of ``like``, size).

    Each entry is 0 with probability p, else 1 / (1 - p). Gal and Ghahramani 2016, §4.

    >>> import torch
    >>> sequence_mask(torch.zeros(2, 7), 3, 0.0)
    tensor([[1., 1., 1.],
            [1., 1., 1.]])
    """
    return kept(like.new_empty(like.size(0), size), p)


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
