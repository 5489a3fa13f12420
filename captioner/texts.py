"""Captions without their pictures: what a captioner may learn of saying labels.

A text stands for a picture whose labels are those that it names, as a classifier that errs might
have told them. So the language side learns from any captions (after Venugopalan et al. 2017, §3.2,
who train it on text alone; the labels join the two).
"""

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from attention_core.errors import UserError
from captioner.corpus import normalise
from captioner.labels import labels, named

MISSED = 0.2
"""The share of a text's labels that are left out, while one is left."""

WRONG = 3
"""Labels that may be added, at most."""


class Text(NamedTuple):
    """A caption, and the labels that it names."""

    text: str
    labels: list[int]


def read(paths: Sequence[str], languages: Sequence[str]) -> dict[str, list[Text]]:
    """The texts in each language that name a label, normalised.

    A file has one text a line, gzipped or not; its name tells the language: text.en.txt.gz.

    Raises:
        UserError: a file is missing or damaged, tells no language, or names no label.
    """
    found: dict[str, list[Text]] = {}
    for path in map(Path, paths):
        language = next((part for part in path.name.split(".") if part in languages), None)
        if language is None:
            raise UserError(
                f"data.texts: the name of {path} tells none of the languages"
                f" {', '.join(languages)}: rename it, such as {path.name.partition('.')[0]}.en.txt"
            )
        lines = [normalise(line, language) for line in _lines(path)]
        told = [Text(line, which) for line in lines if (which := named(line, language))]
        if not told:
            raise UserError(f"data.texts: no line of {path} names a label of labels.toml")
        found.setdefault(language, []).extend(told)
    return found


def imagined(mentioned: Sequence[int], generator: np.random.Generator) -> NDArray[np.float32]:
    """Probabilities (C,) of the labels, as a classifier might tell them of a text's picture.

    >>> some = imagined([3, 5], np.random.default_rng(1))
    >>> some.shape == (len(labels()),), int(some.argmax()) in (3, 5), bool(some.sum() <= 1)
    (True, True, True)
    """
    kept = [label for label in mentioned if generator.random() >= MISSED]
    kept = kept or [int(generator.choice(mentioned))]
    found = np.zeros(len(labels()), np.float32)
    wrong = generator.integers(len(labels()), size=generator.integers(WRONG + 1))
    found[wrong] = 0.2 * generator.exponential(size=len(wrong))
    found[kept] = 0.3 + generator.exponential(size=len(kept))
    share: NDArray[np.float32] = found / found.sum() * np.float32(generator.uniform(0.5, 1))
    return share


def _lines(path: Path) -> list[str]:
    try:
        content = path.read_bytes()
        text = gzip.decompress(content) if path.suffix == ".gz" else content
        return text.decode().splitlines()
    except FileNotFoundError:
        raise UserError(f"data.texts: there is no file {path}") from None
    except (OSError, EOFError, ValueError) as error:
        raise UserError(f"data.texts: {path} is damaged ({error}): fetch it again") from None
