"""Pictures changed a little for training, so that what is said of them stays true."""

import re
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageOps

SIDES = {
    "en": re.compile(r"\b(left|right)", re.IGNORECASE),
    "zh": re.compile("[左右]"),
    "de": re.compile(r"\b(links|rechts|(linke|rechte)[nrsm]?\b)", re.IGNORECASE),
}
"""The words of a side; a language without them here is never told a mirrored picture."""

LEAST = 0.75
"""Of a picture's area, that a crop keeps."""


def augmented(
    image: Image.Image, captions: Sequence[str], language: str, generator: np.random.Generator
) -> Image.Image:
    """A crop of the picture, mirrored at times where no caption tells a side.

    The crop keeps at least three quarters of the area and the picture's proportions; the picture
    is mirrored with probability 1/2.

    >>> wide = Image.new("RGB", (40, 20))
    >>> augmented(wide, ["A dog."], "en", np.random.default_rng(1)).size
    (37, 19)
    """
    share = generator.uniform(LEAST, 1) ** 0.5
    width, height = round(image.width * share), round(image.height * share)
    left = generator.integers(image.width - width + 1)
    top = generator.integers(image.height - height + 1)
    mirrored = generator.random() < 0.5
    image = image.crop((left, top, left + width, top + height))
    return ImageOps.mirror(image) if mirrored and may_mirror(captions, language) else image


def may_mirror(captions: Sequence[str], language: str) -> bool:
    """Whether a mirrored picture is still what the captions say.

    >>> may_mirror(["A dog runs.", "A dog on the left."], "en")
    False
    """
    side = SIDES.get(language)
    return side is not None and not any(map(side.search, captions))
