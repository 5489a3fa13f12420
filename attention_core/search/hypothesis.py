"""What a search finds, and the step function it knows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor

from attention_core.parts.types import DecoderState, Memory

Step: TypeAlias = Callable[
    [Tensor, Memory, DecoderState], tuple[Tensor, DecoderState, Tensor | None]
]


@dataclass(frozen=True)
class Hypothesis:
    """One output sequence, the end token included where it was reached."""

    tokens: list[int]
    log_probabilities: list[float]  # of each token
    score: float  # Σ log p / length^α
    weights: Tensor | None  # (T, S) attention per token
    finished: bool  # False where the length limit cut it off

    @property
    def log_probability(self) -> float:
        """log p(tokens | source)."""
        return sum(self.log_probabilities)
