"""Weights as a checkpoint keeps them: in full, in 16 bits, or matrices in 8."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attention_core.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

SCALE = ".scale"  # of the rows of the matrix whose name comes before
LEAST = 4096  # entries of a matrix that is worth it
MOST = 65504  # that float16 holds


def stored(weights: dict[str, Tensor], *, half: bool, int8: bool) -> dict[str, Tensor]:
    """Copies to write: each on its own, since weights may share memory and safetensors may not.

    ``int8`` keeps matrices as w ≈ s_n·q, with whole numbers q in [-127, 127] and, for row n,
    s_n = max |w| / 127 in float16 (Jacob et al. 2018, §2.1), and what else is floating in float16,
    as ``half`` does with all.

    Raises UserError for a weight too large for float16.

    >>> import torch
    >>> kept = stored({"w": torch.ones(64, 64), "b": torch.ones(64)}, half=False, int8=True)
    >>> [(name, str(tensor.dtype)) for name, tensor in kept.items()]
    [('w', 'torch.int8'), ('w.scale', 'torch.float16'), ('b', 'torch.float16')]
    """
    found: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        tensor = tensor.detach().cpu()
        matrix = tensor.dim() == 2 and min(tensor.shape) > 1 and tensor.numel() >= LEAST
        if int8 and matrix and tensor.is_floating_point():
            scale = _half(name, tensor).float().abs().amax(1, keepdim=True) / 127
            scale = scale.clamp(min=1e-7).half()
            found[name] = (tensor / scale.float()).round().clamp(-127, 127).char()
            found[name + SCALE] = scale
        else:
            small = (half or int8) and tensor.is_floating_point()
            found[name] = _half(name, tensor) if small else _copy(tensor)
    return found


def restored(kept: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of what ``stored`` made, floating ones as float32. A product of 8 bits and their
    scale is rounded to float16, in which processors read it faster.

    >>> import torch
    >>> weights = {"w": torch.arange(4096.0).view(64, 64)}
    >>> again = restored(stored(weights, half=False, int8=True))
    >>> bool((again["w"] - weights["w"]).abs().max() <= 4095 / 127)
    True
    """
    found = {}
    for name, tensor in kept.items():
        if name + SCALE in kept:
            tensor = (tensor * kept[name + SCALE].float()).clamp(-MOST, MOST).half()
        if not (name.endswith(SCALE) and name.removesuffix(SCALE) in kept):
            found[name] = tensor.float() if tensor.is_floating_point() else tensor
    return found


def _copy(tensor: Tensor) -> Tensor:
    import torch

    return tensor.clone(memory_format=torch.contiguous_format)


def _half(name: str, tensor: Tensor) -> Tensor:
    copy = _copy(tensor).half()
    if copy.isinf().any() and not tensor.isinf().any():
        raise UserError(
            f"{name} holds values too large for float16: the training went astray, which a"
            " lower learning rate or clipping may prevent (or save it with half=False)"
        )
    return copy
