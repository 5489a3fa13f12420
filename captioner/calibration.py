"""Measuring captions one by one, to fit a confidence and to judge one."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from captioner.cider import Cider
from captioner.confidence import classes_of, inputs
from captioner.corpus import Captions
from captioner.efficientnet_lite import EfficientNetLite
from captioner.features import features_of
from captioner.metrics import approximate_ptb, spaced
from captioner.predictor import BATCH, Captioner


class Measured(NamedTuple):
    """A caption, what is known of it, and its CIDEr-D, 0 to 1."""

    image: str
    text: str
    given: list[float]
    language: str
    quality: float


def measured(
    captioner: Captioner,
    sources: Callable[[Sequence[str]], torch.Tensor],
    references: Captions,
    language: str,
    counts: Sequence[int],
) -> list[Measured]:
    """The captions of pictures and how good each is.

    ``sources`` gives some pictures as tensors, or their features computed earlier. Document
    frequencies are those of the references, a picture being a document.
    """
    backbone = captioner.backbone
    assert isinstance(backbone, EfficientNetLite)
    lines = {image: tokens(texts) for image, texts in references.items()}
    cider = Cider(lines.values())
    images = list(references)
    results = []
    for start in range(0, len(images), BATCH):
        chunk = images[start : start + BATCH]
        source = sources(chunk)
        with torch.inference_mode():
            features = features_of(backbone, source) if source.dim() == 4 else source
            classes = classes_of(backbone, features)
        ranked = captioner.hypotheses(features, language=language, width=captioner.search.beam)
        for image, seen, (best, *_) in zip(chunk, classes, ranked, strict=True):
            text = captioner.told([best], language).text
            (vector,) = map(cider.vector, tokens([text]))
            quality = min(1.0, cider.score(vector, [cider.vector(x) for x in lines[image]]))
            given = inputs(seen, best, text, language, counts)
            results.append(Measured(image, text, given, language, quality))
    return results


def tokens(texts: Sequence[str]) -> list[str]:
    """Texts as words between single spaces."""
    return approximate_ptb([spaced(text) for text in texts])
