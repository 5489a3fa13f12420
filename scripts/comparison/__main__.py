"""``scripts/multi30k``: train, decode, report."""

from typing import Any

from scripts.comparison import report
from scripts.comparison.decoding import decode
from scripts.comparison.diversified import diversify
from scripts.comparison.scoring import scored
from scripts.comparison.systems import BENCHMARK, recipe_of, run_of
from scripts.reproduction.systems import fitted
from scripts.systems import options


@options
def main(**asked: Any) -> None:
    """The benchmark of Multi30k: docs/multi30k.md tells of every run that there is.

    What was interrupted is gone on with, and what was trained or decoded is not done again.
    """
    BENCHMARK.serve(make, tell, **asked)


def make(name: str, seed: int, changes: tuple[str, ...]) -> None:
    """Trains a run, and decodes it unless it is into English, to make text for others."""
    recipe = recipe_of(name, seed, changes)
    if recipe.data.synthetic:
        diversify(recipe.data.root, lambda teacher, own: make(teacher, own, changes))
    fitted(recipe)
    if not recipe.data.into_english:
        decode(run_of(name, seed), recipe.data.root)


def tell(changes: tuple[str, ...], data: str) -> None:
    """Writes the report of all runs that have been decoded."""
    runs = {}
    for name, seed, known in BENCHMARK.decoded():
        recipe_of(name, seed, changes)  # which tells a run of another recipe
        runs[name, seed] = known
    report.write([score for run in runs for score in scored(*run, data)], runs)


if __name__ == "__main__":
    main()
