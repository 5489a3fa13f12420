"""A step function over a part of the vocabulary."""

import torch
from torch import Tensor

from attention_core.parts.types import DecoderState, Memory
from attention_core.search.hypothesis import Step


def restricted(step: Step, allowed: Tensor) -> Step:
    """The same distribution, renormalised over the allowed words: p(y | y ∈ allowed, …).

    Shapes: allowed (W,) bool. After the candidate lists of Jean et al. 2014, §3.2.
    """

    def restricted_step(
        tokens: Tensor, memory: Memory, state: DecoderState
    ) -> tuple[Tensor, DecoderState, Tensor | None]:
        logits, state, weights = step(tokens, memory, state)
        return logits.masked_fill(~allowed, -torch.inf), state, weights

    return restricted_step
