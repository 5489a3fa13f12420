"""Masks, True where a position is real, and the softmax that honours them."""

import torch
from torch import Tensor

from attention_core.parts.checks import check


def valid_positions(lengths: Tensor, size: int) -> Tensor:
    """Mask (B, size) that is True at the first ``lengths[b]`` positions of row b.

    Raises ValueError when a length is negative or longer than ``size``.

    >>> valid_positions(torch.tensor([2, 0]), 3)
    tensor([[ True,  True, False],
            [False, False, False]])
    """
    check("lengths", lengths, None)
    if lengths.numel() and (int(lengths.min()) < 0 or int(lengths.max()) > size):
        raise ValueError(f"lengths: expected 0..{size}, got {lengths.tolist()}")
    return torch.arange(size, device=lengths.device) < lengths[:, None]


def masked_softmax(scores: Tensor, valid: Tensor) -> Tensor:
    """Softmax over the last axis, over real positions only.

    α_s = exp(e_s) / Σ_{s' real} exp(e_s'), in at least float32. A row without any real
    position is all zeros.

    Shapes: scores (..., S); valid broadcastable to it -> (..., S). Raises ValueError for a mask
    that is not boolean.

    >>> masked_softmax(torch.zeros(1, 3), torch.tensor([[True, True, False]]))
    tensor([[0.5000, 0.5000, 0.0000]])
    """
    if valid.dtype != torch.bool:
        raise ValueError(f"valid: expected torch.bool, True where real, got {valid.dtype}")
    scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
    padding, lowest = ~valid, torch.finfo(scores.dtype).min
    return scores.masked_fill(padding, lowest).softmax(-1).masked_fill(padding, 0.0)
