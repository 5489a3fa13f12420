"""A step function over a part of the vocabulary."""

import torch
from torch import Tensor

from attention_core.parts.checks import check
from attention_core.search.step import M, S, Step


def restricted(step: Step[M, S], allowed: Tensor) -> Step[M, S]:
    """The same distribution, renormalised over the allowed words: p(y | y ∈ allowed, …).

    Shapes: allowed (W,) bool. After the candidate lists of Jean et al. 2014, §3.2.

    Raises ValueError for a mask that is not boolean, or where no word is allowed.

    >>> def step(tokens, memory, state):
    ...     return torch.zeros(1, 3), state, None
    >>> restricted(step, torch.tensor([True, False, True]))(torch.tensor([0]), None, None)[0]
    tensor([[0., -inf, 0.]])
    """
    check("allowed", allowed, None, dtype=torch.bool)
    if not bool(allowed.any()):
        raise ValueError(f"allowed: expected at least one word, got none of {allowed.numel()}")

    def restricted_step(tokens: Tensor, memory: M, state: S) -> tuple[Tensor, S, Tensor | None]:
        logits, state, weights = step(tokens, memory, state)
        return logits.masked_fill(~allowed.to(logits.device), -torch.inf), state, weights

    return restricted_step
