"""How good a caption is likely to be, told beforehand, so that it may be said that one isn't sure.

``Quality``, as CIDEr-D of which 100 points or more are 1, of what is known of a picture and its
caption:

- the mean and the lowest log-probability of a token;
- the entropy of the classifier of ImageNet, in nats: whether it knows the picture;
- how rare in captions that were learnt from what it sees is, -Σ_c p_c log share_c over the labels
  c, of probability p_c once it is told that there is one: whether the decoder knows it;
- whether both say the same, Σ p_c over the labels that the caption names.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from attention_core.checkpoint import Checkpoint
from attention_core.errors import UserError
from attention_core.quality import Quality, fit_quality
from captioner.efficientnet_lite import EfficientNetLite
from captioner.labels import labels, named, of_classes

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from attention_core.search import Hypothesis

CONFIDENCE = "confidence.json"  # its file in a checkpoint
INPUTS = 5


@dataclass(frozen=True)
class CaptionConfidence(Quality):
    """The fitted model, and how many captions that were learnt from name each label."""

    named: list[int]

    def expected(
        self, classes: NDArray[np.float64], found: Hypothesis, text: str, language: str
    ) -> float:
        """The quality, from 0 to 1, that a caption of a picture can be expected to have.

        ``classes`` (1000,) are the probabilities that the classifier gives.

        Raises UserError for a language that it was not fitted for.
        """
        return self.of(inputs(classes, found, text, language, self.named), language)


def classes_of(backbone: EfficientNetLite, features: Tensor) -> NDArray[np.float64]:
    """What the classifier tells of pictures: features (B, S, F) -> probabilities (B, 1000)."""
    logits = backbone.classify(features.transpose(1, 2)[..., None])
    found: NDArray[np.float64] = logits.detach().double().softmax(-1).numpy()
    return found


def inputs(
    classes: NDArray[np.float64],
    found: Hypothesis,
    text: str,
    language: str,
    counts: Sequence[int],
) -> list[float]:
    """The five inputs of a caption; ``counts`` are captions that name each label."""
    seen = classes @ _of_classes()
    shares = (np.asarray(counts) + 1) / (sum(counts) + len(counts))
    gains = found.log_probabilities
    return [
        sum(gains) / len(gains),
        min(gains),
        float(-(classes * np.log(classes + 1e-12)).sum()),
        float(-(seen * np.log(shares)).sum() / (seen.sum() + 1e-6)),
        float(seen[named(text, language)].sum()),
    ]


@cache
def _of_classes() -> NDArray[np.float64]:
    found: NDArray[np.float64] = of_classes().double().numpy()
    return found


def counted(texts: Iterable[tuple[str, str]]) -> list[int]:
    """How many texts, each with its language, name each label.

    >>> counts = counted([("a dog", "en"), ("一只狗和一只猫", "zh")])
    >>> counts[0], sum(counts)
    (2, 3)
    """
    found = [0] * len(labels())
    for text, language in texts:
        for label in named(text, language):
            found[label] += 1
    return found


def fit(
    given: Sequence[Sequence[float]],
    measured: Sequence[float],
    languages: Sequence[str],
    counts: list[int],
) -> CaptionConfidence:
    """The model of least squared error on captions of those inputs, quality and language."""
    return CaptionConfidence(**vars(fit_quality(given, measured, languages)), named=counts)


def read_confidence(checkpoint: Checkpoint) -> CaptionConfidence | None:
    """That of a checkpoint, if it was calibrated.

    Raises UserError where it is damaged.
    """
    path = checkpoint.path / CONFIDENCE
    if not path.exists():
        return None
    try:
        found = CaptionConfidence(**json.loads(checkpoint.file(CONFIDENCE)))
        sizes = [len(x) for x in (found.means, found.deviations, found.slopes)]
        fits = sizes == [INPUTS] * 3 and len(found.named) == len(labels())
    except (ValueError, TypeError) as error:
        raise UserError(f"{path} is damaged ({error}): remove it") from None
    if not fits:
        raise UserError(f"{path} is not of this version's labels: calibrate it again")
    return found
