"""Scores of the captions that were kept."""

from pathlib import Path
from typing import NamedTuple

from captioner.corpus import Corpus
from captioner.evaluation import compared_with
from scripts.captioning.decoding import outputs, translated
from scripts.systems import told


class Score(NamedTuple):
    """A figure of a run on a set of references."""

    system: str
    seed: int
    test: str  # such as "flickr8k test en"
    origin: str  # "own", or "translated": the English captions by the translator that ships
    figure: str
    value: float


def scored(system: str, seed: int, run: Path, corpus: Corpus, data: Path) -> list[Score]:
    """The figures of a run on the test pictures, in all of its languages."""
    known = told(run) or {"search": {}}
    scores = []
    for language in known["search"]:
        said = {"own": outputs(run, "test", language)}
        if language != "en" and "en" in known["search"]:
            said["translated"] = outputs(run, "test", translated(language))
        for name, reference in compared_with(corpus, "test", language, data).items():
            for origin, captions in said.items():
                for figure, value in reference.measured(captions).items():
                    scores.append(Score(system, seed, name, origin, figure, round(value, 2)))
    return scores
