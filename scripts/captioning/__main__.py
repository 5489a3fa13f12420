"""``scripts/captions``: train, caption, report."""

from pathlib import Path

import click

from attention_core import UserError
from attention_core.errors import nearest
from captioner.data import read
from captioner.learner import CaptionLearner
from scripts.captioning import report
from scripts.captioning.decoding import decode, told
from scripts.captioning.scoring import scored
from scripts.captioning.systems import SYSTEMS, recipe_of, run_of, seeds_of
from scripts.reproduction.systems import fitted


@click.command()
@click.option("--system", "names", multiple=True, metavar="NAME", help="Only this  [default: all].")
@click.option("--seed", "seeds", multiple=True, type=int, default=[1, 2, 3], show_default=True)
@click.option("--report-only", is_flag=True, help="Train and caption nothing.")
@click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change the common recipe."
)
@click.option("--data", default="data", show_default=True, help="The folder of the data.")
def main(
    names: tuple[str, ...],
    seeds: tuple[int, ...],
    report_only: bool,
    changes: tuple[str, ...],
    data: str,
) -> None:
    """The benchmark of Flickr8k: docs/captions.md tells of every run that there is.

    What was interrupted is gone on with, and what was trained or captioned is not done again.
    """
    changes = (f"data.root={data}", *changes)
    try:
        for name in names:
            if name not in SYSTEMS:
                raise UserError(f"unknown system {name!r}.{nearest(name, SYSTEMS)}")
        if not report_only:
            for seed in seeds:
                for name in names or SYSTEMS:
                    make(name, seed, changes)
        tell(changes, data)
    except UserError as error:
        raise click.ClickException(str(error)) from None


def make(name: str, seed: int, changes: tuple[str, ...]) -> None:
    """Trains a run and captions with it, after the one that it goes on from."""
    if after := SYSTEMS[name].after:
        make(after, seed, changes)
    recipe = recipe_of(name, seed, changes)
    print(f"{name}, seed {seed}")
    if not told(run_of(name, seed)):
        fitted(recipe, CaptionLearner)
        decode(run_of(name, seed), recipe)


def tell(changes: tuple[str, ...], data: str) -> None:
    """Writes the report of all runs that have been decoded."""
    scores, runs = [], {}
    for name in SYSTEMS:
        for seed in seeds_of(name):
            run = run_of(name, seed)
            if known := told(run):
                recipe = recipe_of(name, seed, changes)
                corpus = read(recipe.data, ("test",))
                runs[name, seed] = known
                scores += scored(name, seed, run, corpus, Path(data))
    report.write(scores, runs)


if __name__ == "__main__":
    main()
