"""``scripts/captions``: train, caption, report."""

from pathlib import Path
from typing import Any

from captioner.data import read
from captioner.learner import CaptionLearner
from scripts.captioning import report
from scripts.captioning.decoding import decode
from scripts.captioning.scoring import scored
from scripts.captioning.systems import BENCHMARK, recipe_of, run_of
from scripts.reproduction.systems import fitted
from scripts.systems import options, told


@options
def main(**asked: Any) -> None:
    """The benchmark of Flickr8k: docs/captions.md tells of every run that there is.

    What was interrupted is gone on with, and what was trained or captioned is not done again.
    """
    BENCHMARK.serve(make, tell, **asked)


def make(name: str, seed: int, changes: tuple[str, ...]) -> None:
    """Trains a run and captions with it."""
    recipe = recipe_of(name, seed, changes)
    if not told(run_of(name, seed)):
        fitted(recipe, CaptionLearner)
        decode(run_of(name, seed), recipe)


def tell(changes: tuple[str, ...], data: str) -> None:
    """Writes the report of all runs that have been decoded."""
    scores, runs = [], {}
    for name, seed, known in BENCHMARK.decoded():
        corpus = read(recipe_of(name, seed, changes).data, ("test",))
        runs[name, seed] = known
        scores += scored(name, seed, run_of(name, seed), corpus, Path(data))
    report.write(scores, runs)


if __name__ == "__main__":
    main()
