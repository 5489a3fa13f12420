"""CIDEr-D with fixed document frequencies, as a reward of single captions.

Vedantam et al. 2015, §3 and §6. pycocoevalcap, which measures results, takes the frequencies from
the very captions it measures; a reward needs those of the training captions.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

Ngram = tuple[str, ...]
LONGEST = 4
SIGMA = 6.0


class Vector(NamedTuple):
    """A caption as tf-idf weights of its n-grams, for n = 1 to 4."""

    weights: list[dict[Ngram, float]]
    norms: list[float]
    length: int  # in words


class Cider:
    """CIDEr-D(c, R) = 10/4 Σ_n mean_r exp(-(l_c - l_r)² / 2σ²) · min(g_c, g_r)·g_r / (|g_c| |g_r|).

    g is tf · (log N - log df), over ``corpus``: for each of N pictures, its captions. Captions are
    words between single spaces.
    """

    def __init__(self, corpus: Iterable[Sequence[str]]) -> None:
        self._documents: Counter[Ngram] = Counter()
        pictures = 0
        for captions in corpus:
            pictures += 1
            self._documents.update({ngram for text in captions for ngram in _ngrams(text)})
        self._log_pictures = math.log(max(1, pictures))

    def vector(self, caption: str) -> Vector:
        """A caption's weights, to be used for many comparisons."""
        weights: list[dict[Ngram, float]] = [{} for _ in range(LONGEST)]
        for ngram, count in _ngrams(caption).items():
            rarity = self._log_pictures - math.log(max(1, self._documents[ngram]))
            weights[len(ngram) - 1][ngram] = count * rarity
        norms = [math.sqrt(sum(w * w for w in each.values())) for each in weights]
        return Vector(weights, norms, len(caption.split()))

    def score(self, caption: Vector, references: Sequence[Vector]) -> float:
        """CIDEr-D of a caption, from 0 to 10."""
        total = sum(_similarity(caption, reference) for reference in references)
        return 10 * total / LONGEST / len(references)


def _ngrams(caption: str) -> Counter[Ngram]:
    words = caption.split()
    return Counter(
        tuple(words[i : i + n]) for n in range(1, LONGEST + 1) for i in range(len(words) - n + 1)
    )


def _similarity(one: Vector, other: Vector) -> float:
    """Clipped cosine of the n-grams, summed over n, less for another length."""
    total = 0.0
    for n in range(LONGEST):
        theirs = other.weights[n]
        common = sum(
            min(w, theirs[g]) * theirs[g] for g, w in one.weights[n].items() if g in theirs
        )
        if one.norms[n] and other.norms[n]:
            total += common / (one.norms[n] * other.norms[n])
    return total * math.exp(-((one.length - other.length) ** 2) / (2 * SIGMA**2))
