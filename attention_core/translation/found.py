"""What a translation is told from, whichever search found it."""

from typing import Any, Protocol


class Found(Protocol):
    """A hypothesis, of ``attention_core.search`` or of the runtime.

    >>> from attention_core.search import Hypothesis
    >>> found: Found = Hypothesis([5, 2], [-0.5, -0.25], -0.375, weights=None, finished=True)
    """

    @property
    def tokens(self) -> list[int]: ...

    @property
    def log_probabilities(self) -> list[float]: ...

    @property
    def log_probability(self) -> float: ...

    @property
    def weights(self) -> Any:
        """Attention per token (T, S), a tensor or an array; None without attention."""
