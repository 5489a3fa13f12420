"""Sampling: a token drawn from the distribution, step by step."""

import torch
from torch import Tensor

from attention_core.parts.types import DecoderState, Memory
from attention_core.search.hypothesis import Hypothesis, Step
from attention_core.search.unroll import unroll


def sample(
    step: Step,
    memory: Memory,
    state: DecoderState,
    *,
    begin: Tensor,
    end: int,
    max_length: int,
    samples: int = 1,
    temperature: float = 1.0,
    length_penalty: float = 0.0,
    generator: torch.Generator | None = None,
) -> list[list[Hypothesis]]:
    """y_t ~ softmax(logits / τ), ``samples`` times for each of B sources, independently.

    Shapes: begin (B,), state with B rows. Log-probabilities and scores are those of the model
    itself, at τ = 1. ``generator`` None draws from torch's own.

    Raises ValueError where ``temperature`` or ``samples`` is not above zero.
    """
    if temperature <= 0 or samples < 1:
        raise ValueError(
            f"temperature and samples: expected above 0, got {temperature} and {samples}"
        )

    def draw(logits: Tensor) -> Tensor:
        return (logits / temperature).softmax(-1).multinomial(1, generator=generator)[:, 0]

    found = unroll(
        step,
        memory,
        state.repeated(samples),
        draw,
        begin=begin.repeat_interleave(samples),
        end=end,
        max_length=max_length,
        length_penalty=length_penalty,
    )
    return [found[row : row + samples] for row in range(0, len(found), samples)]
