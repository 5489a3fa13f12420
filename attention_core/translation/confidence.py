"""How good a translation is likely to be, told beforehand.

``Quality``, as the sentence chrF, of what search knows of a sentence: the mean and the lowest
log-probability of a token, how rare the source's tokens are in the training text of that language,
in the mean and at most, and the length.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from attention_core.checkpoint import Checkpoint
from attention_core.errors import UserError
from attention_core.quality import Quality, fit_quality
from attention_core.tokenizer import Tokenizer
from attention_core.translation.found import Found

CONFIDENCE = "confidence.json"  # its file in a checkpoint
DOUBTFUL = 0.4  # chrF under which a translation is seldom of use
INPUTS = 5


@dataclass(frozen=True)
class Confidence(Quality):
    """The fitted model, and how often each piece is in the sources into each language.

    >>> from attention_core.search import Hypothesis
    >>> model = Confidence([0.0] * 5, [1.0] * 5, [1.0] + [0.0] * 4, {"de": 0.0}, {"de": [1, 2]})
    >>> found = Hypothesis([5, 2], [-0.5, -0.5], score=-0.5, weights=None, finished=True)
    >>> round(model.expected([0, 1], found, "de"), 3)  # 1 / (1 + e^0.5)
    0.378
    """

    frequencies: dict[str, list[int]]  # of each id, by language

    def expected(self, source: Sequence[int], found: Found, language: str) -> float:
        """The sentence chrF, from 0 to 1, that a translation of ``source`` can be expected to have.

        Raises UserError for a language that it was not fitted for.
        """
        self.check(language)
        return self.of(inputs(source, found, self.frequencies[language]), language)


def read_confidence(checkpoint: Checkpoint, tokenizer: Tokenizer) -> Confidence | None:
    """That of a checkpoint, if it was calibrated.

    Raises UserError where it is damaged, or not of the checkpoint's tokenizer.

    >>> from attention_core.checkpoint import read
    >>> from attention_core.translation import TASK
    >>> saved = read(TASK.shipped)
    >>> model = read_confidence(saved, Tokenizer.load(saved.path / "tokenizer.model"))
    """
    path = checkpoint.path / CONFIDENCE
    if not path.exists():
        return None
    try:
        found = Confidence(**json.loads(checkpoint.file(CONFIDENCE)))
        sizes = [len(x) for x in (found.means, found.deviations, found.slopes)]
        fits = sizes == [INPUTS] * 3 and set(found.intercepts) == set(found.frequencies)
        fits &= all(len(each) == tokenizer.size for each in found.frequencies.values())
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is damaged ({error}): remove it") from None
    if not fits:
        raise UserError(f"{path} is not of this checkpoint: calibrate it again")
    return found


def inputs(source: Sequence[int], found: Found, frequencies: Sequence[int]) -> list[float]:
    """The five inputs x of a sentence; ``frequencies`` are those of its language.

    >>> from attention_core.search import Hypothesis
    >>> found = Hypothesis([5, 2], [-0.5, -0.1], score=-0.3, weights=None, finished=True)
    >>> [round(x, 2) for x in inputs([1, 2], found, [0, 7, 1])]
    [-0.3, -0.5, 1.01, 1.7, 0.69]
    """
    total = sum(frequencies) + len(frequencies)
    rarity = [math.log(total / (frequencies[i] + 1)) for i in source]
    gains = found.log_probabilities
    return [
        sum(gains) / len(gains),
        min(gains),
        sum(rarity) / len(rarity),
        max(rarity),
        math.log(len(source)),
    ]


def fit(
    given: Sequence[Sequence[float]],
    measured: Sequence[float],
    languages: Sequence[str],
    frequencies: Mapping[str, list[int]],
) -> Confidence:
    """The model of least squared error on sentences of that input, quality (0 to 1) and language.

    >>> given = [[-float(n), -float(n), 1, 1, 1] for n in range(4)]
    >>> model = fit(given, [0.9, 0.7, 0.4, 0.2], ["de"] * 4, {"de": [1]})
    >>> model.slopes[0] > 0
    True
    """
    return Confidence(
        **vars(fit_quality(given, measured, languages)), frequencies=dict(frequencies)
    )
