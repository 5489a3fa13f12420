"""Beam search in numpy: what ``attention_core.search.beam_search`` finds, without torch."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Arrays = dict[str, Array]
# tokens (B, N), state -> logits (B, N, W), the next state, weights (B, N, S) or None
Step = Callable[[Array, Arrays], tuple[Array, Arrays, Array | None]]

Stop = Literal["width", "best"]

LEAST = 1e-10  # a position looked at less counts as this much, as in attention_core.search


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
    weights: Array | None  # (T, S) attention per token
    finished: bool  # False where the length limit or the constraints cut it off

    @property
    def log_probability(self) -> float:
        """log p(tokens | source)."""
        return sum(self.log_probabilities)


@dataclass(frozen=True, kw_only=True)
class Search:
    """The settings of a search, as a recipe's table ``search`` has them.

    They mean what they mean there (``attention_core.training.SearchConfig``).

    Raises ValueError for another way to stop.

    >>> Search(beam=2).length_penalty
    1.0
    """

    beam: int = 5
    length_penalty: float = 1.0
    coverage_penalty: float = 0.0
    stop: Stop = "width"
    minimum_length: int = 1
    no_repeat_ngram: int = 0
    max_length: int = 100

    def __post_init__(self) -> None:
        if self.stop not in get_args(Stop):
            raise ValueError(
                f"stop: expected one of {', '.join(get_args(Stop))}, got {self.stop!r}"
            )


@dataclass(frozen=True)
class _Prefix:
    """An output so far, the row that it is in, and where it looked."""

    tokens: list[int] = field(default_factory=list)
    gains: list[float] = field(default_factory=list)
    total: float = 0.0
    row: int = 0
    looked: list[Array] = field(default_factory=list)


def beam_search(
    step: Step,
    state: Arrays,
    *,
    begin: Array,
    end: int,
    search: Search,
    valid: Array | None = None,
) -> list[list[Hypothesis]]:
    """The best sequences for each of B sources, best first: at least one, at most ``search.beam``.

    It is the search of ``attention_core.search.beam_search``, source by source.

    Shapes: begin (B,); valid (B, S), which a coverage penalty needs; every array of the state
    (B, 1, ...). ``step`` is called with ``search.beam`` rows for each source.

    Raises ValueError for logits that are not numbers, and where there is a coverage penalty but no
    attention, or no ``valid``.

    >>> p = np.array([[1.0, 1e-9, 1e-9], [1e-9, 0.4, 0.6], [0.7, 0.3, 1e-9]])
    >>> def step(tokens, state):  # p(next | last); 0 is the end
    ...     return np.log(p[tokens]), state, None
    >>> settings = Search(beam=2, max_length=9, length_penalty=0.0)
    >>> for found in beam_search(step, {}, begin=np.array([1]), end=0, search=settings)[0]:
    ...     print(found.tokens, round(found.log_probability, 2))
    [2, 0] -0.87
    [1, 2, 0] -1.78
    """
    sources, width = len(begin), search.beam
    state = {name: np.repeat(each, width, axis=1) for name, each in state.items()}
    tokens = np.repeat(begin[:, None], width, axis=1)
    beams = [
        _Beam(search, end, None if valid is None else valid[source]) for source in range(sources)
    ]
    for length in range(search.max_length):
        logits, state, weights = step(tokens, state)
        if search.coverage_penalty and (valid is None or weights is None):
            raise ValueError("coverage_penalty: expected `valid` and a step with attention")
        gains = _log_softmax(logits)
        if not length and np.isnan(gains).any():
            raise ValueError(
                "logits: expected numbers, got NaN or infinities: the model's weights, or the"
                " source, are not numbers"
            )
        rows = np.zeros_like(tokens)
        for source, beam in enumerate(beams):
            if beam.done:
                continue
            beam.grow(gains[source], None if weights is None else weights[source])
            for row, prefix in enumerate(() if beam.done else beam.opened):
                rows[source, row], tokens[source, row] = prefix.row, prefix.tokens[-1]
        if all(beam.done for beam in beams):
            break
        state = {name: each[np.arange(sources)[:, None], rows] for name, each in state.items()}
    return [beam.best() for beam in beams]


class _Beam:
    """The open and the finished outputs of one source."""

    def __init__(self, search: Search, end: int, valid: Array | None) -> None:
        self.search = search
        self.end = end
        self.valid = valid
        self.opened = [_Prefix()]
        self.finished: list[Hypothesis] = []
        self.done = False

    def grow(self, gains: Array, weights: Array | None) -> None:
        """By a token: gains (N, W), weights (N, S) of the rows, which the prefixes are in."""
        width, words = self.search.beam, gains.shape[1]
        totals = np.stack([p.total + self._allowed(p, gains[i]) for i, p in enumerate(self.opened)])
        likely = totals.ravel()
        some = min(2 * width, likely.size)
        best = np.argpartition(-likely, some - 1)[:some]
        opened: list[_Prefix] = []
        for rank, pick in enumerate(best[np.argsort(-likely[best], kind="stable")].tolist()):
            if likely[pick] == -np.inf:
                break
            row, token = divmod(pick, words)
            before = self.opened[row]
            longer = _Prefix(
                [*before.tokens, token],
                [*before.gains, float(gains[row, token])],
                float(likely[pick]),
                row,
                before.looked if weights is None else [*before.looked, weights[row]],
            )
            if token != self.end:
                opened.append(longer)
            elif rank < width:
                self._keep(self._told(longer, finished=True))
        if opened or self.finished:
            self.opened = opened[:width]
        self.done = not opened or self._unbeatable()

    def best(self) -> list[Hypothesis]:
        """At most the beam's width, best first: what has finished, then open prefixes."""
        rest = sorted((self._told(each, finished=False) for each in self.opened), key=_by_score)
        return sorted(self.finished + rest[: self.search.beam - len(self.finished)], key=_by_score)

    def _keep(self, found: Hypothesis) -> None:
        if self.search.stop == "best" or len(self.finished) < self.search.beam:
            insort(self.finished, found, key=_by_score)
            del self.finished[self.search.beam :]

    def _unbeatable(self) -> bool:
        if len(self.finished) < self.search.beam:
            return False
        bound = self.opened[0].total / self.search.max_length**self.search.length_penalty
        return self.search.stop == "width" or self.finished[-1].score >= bound

    def _allowed(self, prefix: _Prefix, gains: Array) -> Array:
        """Log-probabilities (W,) with -∞ for words that the constraints forbid."""
        forbidden = []
        if len(prefix.tokens) + 1 < min(self.search.minimum_length, self.search.max_length):
            forbidden.append(self.end)
        if size := self.search.no_repeat_ngram:
            last = prefix.tokens[len(prefix.tokens) - size + 1 :]
            for start in range(len(prefix.tokens) - size + 1):
                if prefix.tokens[start : start + size - 1] == last:
                    forbidden.append(prefix.tokens[start + size - 1])
        if forbidden:
            gains = gains.copy()
            gains[forbidden] = -np.inf
        return gains

    def _told(self, prefix: _Prefix, *, finished: bool) -> Hypothesis:
        length = len(prefix.tokens)
        score = prefix.total / max(length, 1) ** self.search.length_penalty
        weights = np.stack(prefix.looked) if prefix.looked else None
        if self.search.coverage_penalty and self.valid is not None and weights is not None:
            covered = np.log(np.clip(weights.sum(0), LEAST, 1.0))
            score += self.search.coverage_penalty * float(covered[self.valid].sum())
        return Hypothesis(prefix.tokens, prefix.gains, score, weights, finished)


def _by_score(found: Hypothesis) -> float:
    return -found.score


def _log_softmax(logits: Array) -> Array:
    shifted: Array = logits - logits.max(-1, keepdims=True)
    normalised: Array = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return normalised
