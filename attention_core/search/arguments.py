"""Checks of the arguments that the searches share."""

from collections.abc import Sequence

import torch
from torch import Tensor

from attention_core.search.constraints import Constraint, MinimumLength
from attention_core.search.step import real_positions


def check(
    begin: Tensor,
    memory: object,
    max_length: int,
    length_penalty: float,
    constraints: Sequence[Constraint],
) -> None:
    """Raises ValueError for the first argument that no search can take."""
    valid = real_positions(memory)
    rows = "B" if valid is None else valid.size(0)
    if begin.dim() != 1 or begin.dtype != torch.int64 or rows not in ("B", begin.numel()):
        raise ValueError(
            f"begin: expected torch.int64 of shape ({rows},),"
            f" got {begin.dtype} of shape {tuple(begin.shape)}"
        )
    at_least(1, max_length=max_length)
    at_least(0, length_penalty=length_penalty)
    for constraint in constraints:
        if isinstance(constraint, MinimumLength) and constraint.length > max_length:
            raise ValueError(
                f"constraints: expected a minimum length of at most max_length = {max_length},"
                f" got {constraint.length}"
            )


def at_least(low: float, **given: float) -> None:
    """Raises ValueError for the first named number below ``low``."""
    for name, value in given.items():
        if not value >= low:
            raise ValueError(f"{name}: expected at least {low}, got {value}")
