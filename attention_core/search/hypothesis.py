"""What a search finds."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Hypothesis:
    """One output sequence, the end token included where it was reached.

    >>> found = Hypothesis([5, 2], [-0.5, -0.25], score=-0.375, weights=None, finished=True)
    >>> found.log_probability
    -0.75
    """

    tokens: list[int]
    log_probabilities: list[float]  # of each token, by the model itself
    score: float  # Σ log p / length^α, and what the search adds to it
    weights: Tensor | None  # (T, S) attention per token, on the CPU
    finished: bool  # False where the length limit or the constraints cut it off

    @property
    def log_probability(self) -> float:
        """log p(tokens | source)."""
        return sum(self.log_probabilities)
