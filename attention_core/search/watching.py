"""A search that is watched: what it would say at each step, for a page that shows it meanwhile."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Self

import torch
from torch import Tensor

from attention_core.search.step import M, S, Step


@dataclass(frozen=True)
class Watched(Generic[S]):
    """A state, and the tokens that each of its rows has read: prefixes (R, t)."""

    state: S
    prefixes: Tensor

    def rows(self, index: Tensor) -> Self:
        return type(self)(self.state.rows(index), self.prefixes[index])

    def repeated(self, times: int) -> Self:
        return type(self)(self.state.repeated(times), self.prefixes.repeat_interleave(times, dim=0))


def watched(
    step: Step[M, S], state: S, rows: int, seen: Callable[[list[int]], None]
) -> tuple[Step[M, Watched[S]], Watched[S]]:
    """The same step and first state, of ``rows`` rows, telling ``seen`` what the first row says.

    That is the best open prefix of a beam search, or what a greedy search or a sample has written;
    ``seen`` is told before each step but the first.

    >>> from attention_core.search import EnsembleState, greedy_search
    >>> table = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.4, 0.6], [0.7, 0.3, 0.0]]).log()
    >>> def step(tokens, memory, state):  # p(next | last); 0 is the end
    ...     return table[tokens], state, None
    >>> step, state = watched(step, EnsembleState(), 1, print)
    >>> options = {"begin": torch.tensor([1]), "end": 0, "max_length": 9}
    >>> greedy_search(step, None, state, **options)[0].tokens
    [2]
    [2, 0]
    """

    def watched_step(
        tokens: Tensor, memory: M, state: Watched[S]
    ) -> tuple[Tensor, Watched[S], Tensor | None]:
        prefixes = torch.cat([state.prefixes.to(tokens.device), tokens[:, None]], 1)
        if prefixes.size(1) > 1:
            seen(prefixes[0, 1:].tolist())
        logits, following, weights = step(tokens, memory, state.state)
        return logits, Watched(following, prefixes), weights

    return watched_step, Watched(state, torch.empty(rows, 0, dtype=torch.long))
