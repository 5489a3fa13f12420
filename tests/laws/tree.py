"""Random models without structure, and search over them in plain Python, prefix by prefix."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

END = 0
Allowed = Callable[[list[int]], bool]  # may an output begin with these tokens?


class Nodes(NamedTuple):
    """A state of search: the prefix of each row by its number, and whether it is still empty."""

    node: Tensor
    empty: Tensor

    def rows(self, index: Tensor) -> "Nodes":
        return Nodes(self.node[index], self.empty[index])

    def repeated(self, times: int) -> "Nodes":
        return Nodes(self.node.repeat_interleave(times), self.empty.repeat_interleave(times))


class Positions(NamedTuple):
    """A memory of search: the real positions and nothing more."""

    valid: Tensor


class Output(NamedTuple):
    """A prefix, finished or not, with the log-probability and the attention of each token."""

    node: int
    tokens: list[int]
    gains: list[float]
    weights: list[list[float]]

    @property
    def finished(self) -> bool:
        return self.tokens[-1:] == [END]

    def score(self, alpha: float, beta: float, valid: list[bool]) -> float:
        if not self.tokens:
            return 0.0
        total = sum(self.gains) / len(self.tokens) ** alpha
        for position, real in enumerate(valid):
            looked = sum(weights[position] for weights in self.weights)
            total += beta * math.log(min(max(looked, 1e-10), 1.0)) if real else 0.0
        return total


class Tree:
    """A language model of no structure: each prefix of each source has its own random
    distribution and random attention, on padding too. Outputs may have ``depth`` tokens.
    """

    def __init__(
        self, seed: int, *, words: int = 3, depth: int = 3, sources: int = 2, scale: float = 2.0
    ) -> None:
        self.words, self.depth, self.sources = words, depth, sources
        generator = torch.Generator().manual_seed(seed)
        size = sources
        for _ in range(depth - 1):
            size = size * words + sources
        self.logits = scale * torch.randn(size, words, generator=generator)
        self.valid = torch.rand(sources, 4, generator=generator) < 0.7
        self.weights = torch.rand(size, 4, generator=generator) ** 4
        self.calls = 0

    def start(self) -> tuple[Positions, Nodes]:
        empty = torch.ones(self.sources, dtype=torch.bool)
        return Positions(self.valid), Nodes(torch.arange(self.sources), empty)

    def step(self, tokens: Tensor, memory: object, state: Nodes) -> tuple[Tensor, Nodes, Tensor]:
        self.calls += 1
        node = torch.where(state.empty, state.node, state.node * self.words + tokens + self.sources)
        read = Nodes(node, torch.zeros_like(state.empty))
        return self.logits[node], read, self.weights[node]

    def longer(self, prefix: Output, allowed: Allowed) -> list[Output]:
        """The prefixes of one more token that are allowed, given an unfinished one."""
        gains = self.logits[prefix.node].log_softmax(-1).tolist()
        return [
            Output(
                prefix.node * self.words + word + self.sources,
                [*prefix.tokens, word],
                [*prefix.gains, gain],
                [*prefix.weights, self.weights[prefix.node].tolist()],
            )
            for word, gain in enumerate(gains)
            if allowed([*prefix.tokens, word])
        ]

    def outputs(self, source: int, allowed: Allowed) -> list[Output]:
        """All finished or ``depth`` tokens long; where there is none, the longest prefixes."""
        opened, found = [Output(source, [], [], [])], []
        for _ in range(self.depth):
            grown = [longer for prefix in opened for longer in self.longer(prefix, allowed)]
            if not grown:
                return found or opened
            found += [prefix for prefix in grown if prefix.finished]
            opened = [prefix for prefix in grown if not prefix.finished]
        return found + opened


def plain_beam(
    tree: Tree,
    source: int,
    allowed: Allowed,
    *,
    width: int,
    alpha: float,
    beta: float,
    stopping: bool,
) -> list[Output]:
    """Beam search with lists: until ``width`` have finished where ``stopping``, else to the end."""

    def score(prefix: Output) -> float:
        return prefix.score(alpha, beta, tree.valid[source].tolist())

    opened, finished = [Output(source, [], [], [])], []
    for _ in range(tree.depth):
        grown = [longer for prefix in opened for longer in tree.longer(prefix, allowed)]
        if not grown:
            opened = [] if finished else opened
            break
        grown.sort(key=lambda prefix: -sum(prefix.gains))
        finished += [prefix for prefix in grown[:width] if prefix.finished]
        opened = [prefix for prefix in grown if not prefix.finished][:width]
        if stopping and len(finished) >= width:
            break
    best = finished[:width] if stopping else sorted(finished, key=score, reverse=True)[:width]
    best += sorted(opened, key=score, reverse=True)[: width - len(best)]
    return sorted(best, key=score, reverse=True)
