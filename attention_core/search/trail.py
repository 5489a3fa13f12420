"""Back-pointers of a beam, and the hypotheses that they spell."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from attention_core.search.hypothesis import Hypothesis

Path = list[tuple[int, float, int]]  # (token, its log-probability, the row that took it) each


class Level(NamedTuple):
    """The open prefixes after a step, each (B, width); a place left empty scores -∞."""

    token: Tensor
    gain: Tensor  # log-probability of the token
    parent: Tensor  # the row of the same source that it was in a step before
    score: Tensor


class Ended(NamedTuple):
    """A prefix that took the end."""

    score: float
    length: int  # the end included
    row: int  # that it was in, among the rows of its source
    gain: float  # log-probability of the end


class Trail:
    """All levels of a beam, the first token's first, and the attention (B, width, S) at each."""

    def __init__(self, levels: list[Level], weights: list[Tensor], end: int) -> None:
        self.tokens, self.gains, self.parents, self.scores = (
            torch.stack(column).tolist() for column in zip(*levels, strict=True)
        )
        self.weights = torch.stack(weights).cpu() if weights else None
        self.end = end

    def best(self, source: int, finished: list[Ended], width: int) -> list[Hypothesis]:
        """At most ``width`` of a source, best first: what has finished, then open prefixes."""
        opened = self._open(source, alone=not finished)[: width - len(finished)]
        paths = [
            [*self._path(source, one.length - 1, one.row), (self.end, one.gain, one.row)]
            for one in finished
        ]
        paths += [self._path(source, length, row) for _, length, row in opened]
        scores = [one.score for one in finished] + [score for score, _, _ in opened]
        found = [
            Hypothesis(
                [token for token, _, _ in path],
                [gain for _, gain, _ in path],
                score,
                weights,
                finished=rank < len(finished),
            )
            for rank, (path, score, weights) in enumerate(
                zip(paths, scores, self._looked(source, paths), strict=True)
            )
        ]
        return sorted(found, key=lambda hypothesis: -hypothesis.score)

    def _open(self, source: int, alone: bool) -> list[tuple[float, int, int]]:
        """(score, length, row) of the open prefixes, best first: those after the last step.

        For a source that has nothing else (``alone``), those after the last step that left any.
        """
        last = len(self.scores)
        for length in range(last, 0 if alone else last - 1, -1):
            scores = self.scores[length - 1][source]
            found = [(score, length, row) for row, score in enumerate(scores) if score > -math.inf]
            if found:
                return sorted(found, key=lambda one: -one[0])
        return [(0.0, 0, 0)] if alone else []

    def _path(self, source: int, length: int, row: int) -> Path:
        """The tokens of an open prefix."""
        path = []
        for level in reversed(range(length)):
            token, gain = self.tokens[level][source][row], self.gains[level][source][row]
            row = self.parents[level][source][row]
            path.append((token, gain, row))
        return path[::-1]

    def _looked(self, source: int, paths: list[Path]) -> Sequence[Tensor | None]:
        """The attention (T, S) along each path, read off in one go."""
        if self.weights is None:
            return [None] * len(paths)
        steps = torch.tensor([t for path in paths for t in range(len(path))], dtype=torch.long)
        rows = torch.tensor([row for path in paths for _, _, row in path], dtype=torch.long)
        looked: Sequence[Tensor] = self.weights[steps, source, rows].split(list(map(len, paths)))
        return looked
