"""A caption, and how it is told from what a search found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from attention_core.tokenizer import Tokenizer

ENDS = tuple(".!?…。！？।؟")  # of sentences, in any script
DOUBTFUL = 0.35  # quality under which a caption is seldom right


class Found(Protocol):
    """A hypothesis, of ``attention_core.search`` or of the runtime."""

    @property
    def tokens(self) -> list[int]: ...

    @property
    def log_probability(self) -> float: ...

    @property
    def weights(self) -> Any:
        """Attention per token (T, S), a tensor or an array; None without attention."""


@dataclass(frozen=True)
class Caption:
    """A caption, and for each of its words how much the decoder looked at each grid cell.

    A model with a sentinel may look away from the picture, β of its attention (Lu et al. 2017,
    §2.3), and one with labels at these; ``looked`` is how much it looked at the picture at all.
    """

    text: str
    score: float  # mean log-probability of a token, in nats
    tokens: list[str]  # words
    attention: list[list[list[float]]]  # for each word a grid, rows from the top, sum at most 1
    looked: list[float] | None = None  # for each word 1 - β, where it may look elsewhere
    confidence: float | None = None  # the quality, 0 to 1, that can be expected of it
    alternatives: tuple[Caption, ...] = ()  # the next best, best first

    @property
    def doubtful(self) -> bool:
        """Whether the model isn't sure of it; never where its confidence is not known."""
        return self.confidence is not None and self.confidence < DOUBTFUL


def told(
    ranked: Sequence[Found],
    tokenizer: Tokenizer,
    language: str,
    *,
    sentinel: bool,
    labels: int = 0,
) -> Caption:
    """The caption that the best hypothesis spells, with the others as alternatives.

    ``sentinel`` tells whether the model has one, ``labels`` how many positions behind the grid
    are labels.
    """
    best, *rest = [_caption(each, tokenizer, language, sentinel, labels) for each in ranked]
    return replace(best, alternatives=tuple(rest))


def _caption(
    found: Found, tokenizer: Tokenizer, language: str, sentinel: bool, labels: int
) -> Caption:
    words = [w for w in tokenizer.words(found.tokens) if w[0] != "</s>"]
    grids: list[list[list[float]]] = []
    looked: list[float] | None = None
    if found.weights is not None:
        weights = np.asarray(found.weights)
        weights = weights[:, : weights.shape[1] - labels]
        side = round(weights.shape[1] ** 0.5)
        each = [weights[where].mean(0) for _, where in words]
        grids = [word.reshape(side, side).tolist() for word in each]
        if sentinel or labels:
            looked = [float(word.sum()) for word in each]
    return Caption(
        text=present(tokenizer.decode(found.tokens), language),
        score=found.log_probability / len(found.tokens),
        tokens=[word for word, _ in words],
        attention=grids,
        looked=looked,
    )


def present(text: str, language: str) -> str:
    """A caption as one writes it: with a capital, and a full stop unless it has an end."""
    end = "" if text.endswith(ENDS) else "。" if language in ("zh", "ja") else "."
    return text[:1].upper() + text[1:] + end
