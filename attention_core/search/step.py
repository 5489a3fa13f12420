"""The step function that every search walks, and the state that it carries."""

from collections.abc import Callable
from typing import Any, Protocol, Self, TypeAlias, TypeVar

import torch
from torch import Tensor


class State(Protocol):
    """What a decoder carries from step to step, as a value with one entry per row.

    >>> class Prefixes(list[str]):  # of a model that remembers what it has read
    ...     def rows(self, index):
    ...         return Prefixes(self[i] for i in index.tolist())
    ...     def repeated(self, times):
    ...         return Prefixes(prefix for prefix in self for _ in range(times))
    >>> Prefixes(["a", "b"]).repeated(2)
    ['a', 'a', 'b', 'b']
    """

    def rows(self, index: Tensor) -> Self:
        """The state of the given rows, in their order: index (R',)."""

    def repeated(self, times: int) -> Self:
        """Each row ``times`` over, side by side: N rows for every source."""


M = TypeVar("M")  # a memory: the searches hand it on as it is, or some sources of it
S = TypeVar("S", bound=State)

# tokens (R,), memory, state -> logits (R, W), the next state, weights (R, S) or None
Step: TypeAlias = Callable[[Tensor, M, S], tuple[Tensor, S, Tensor | None]]


def real_positions(memory: object) -> Tensor | None:
    """``valid`` (B, S) of a memory, of an ensemble's first member; None where there is none."""
    while type(memory) is tuple and memory:
        memory = memory[0]
    valid = getattr(memory, "valid", None)
    return valid if isinstance(valid, Tensor) else None


def selectable(memory: object) -> bool:
    """Whether ``some_sources`` can tell one source of a memory from another."""
    if type(memory) is tuple:
        return bool(memory) and all(map(selectable, memory))
    return hasattr(memory, "sources")


def some_sources(memory: Any, index: Tensor) -> Any:
    """The memory of the given sources, in their order; of an ensemble, of each of its members."""
    if type(memory) is tuple:
        return tuple(some_sources(member, index) for member in memory)
    return memory.sources(index)


def precise(logits: Tensor) -> Tensor:
    """The same logits in at least float32, to be normalised and summed."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def check_numbers(gains: Tensor) -> None:
    """Raises ValueError where the log-probabilities (R, W) of a first step are none."""
    if bool(gains.isnan().any()):
        raise ValueError(
            "logits: expected numbers, got NaN or infinities: the model's weights, or the source,"
            " are not numbers"
        )
