"""What a tensor is expected to be, told where it is not."""

import torch
from torch import Tensor


def check(
    name: str,
    tensor: Tensor,
    *shape: int | None,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
) -> None:
    """Raises ValueError, naming the argument, where ``tensor`` is not as expected.

    ``None`` in ``shape`` stands for any size; ``dtype`` and ``device`` are looked at where given.

    >>> check("valid", torch.ones(2, 3), 2, 3, dtype=torch.bool)
    Traceback (most recent call last):
    ValueError: valid: expected torch.bool of shape (2, 3), got torch.float32 of shape (2, 3)
    """
    fits = tensor.dim() == len(shape) and all(
        size is None or size == given for size, given in zip(shape, tensor.shape, strict=True)
    )
    if not fits or dtype not in (None, tensor.dtype):
        sizes = ", ".join("any" if size is None else str(size) for size in shape)
        comma = "," if len(shape) == 1 else ""
        expected = f"shape ({sizes}{comma})"
        if dtype is not None:
            expected = f"{dtype} of {expected}"
        raise ValueError(
            f"{name}: expected {expected}, got {tensor.dtype} of shape {tuple(tensor.shape)}"
        )
    if device not in (None, tensor.device):
        raise ValueError(f"{name}: expected on {device}, got on {tensor.device}")
