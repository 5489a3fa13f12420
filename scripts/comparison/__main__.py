"""``scripts/multi30k``: train, decode, report."""

import click

from attention_core import UserError
from attention_core.errors import nearest
from scripts.comparison import report
from scripts.comparison.decoding import decode, told
from scripts.comparison.scoring import scored
from scripts.comparison.systems import SYSTEMS, recipe_of, run_of, seeds_of
from scripts.reproduction.systems import fitted


@click.command()
@click.option("--system", "names", multiple=True, metavar="NAME", help="Only this  [default: all].")
@click.option("--seed", "seeds", multiple=True, type=int, default=[1, 2, 3], show_default=True)
@click.option("--report-only", is_flag=True, help="Train and decode nothing.")
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
    """The benchmark of Multi30k: docs/multi30k.md tells of every run that there is.

    What was interrupted is gone on with, and what was trained or decoded is not done again.
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
    """Trains and decodes a run, after the one that it goes on from."""
    if after := SYSTEMS[name].after:
        make(after, seed, changes)
    recipe = recipe_of(name, seed, changes)
    print(f"{name}, seed {seed}")
    fitted(recipe)
    decode(run_of(name, seed), recipe.data.root)


def tell(changes: tuple[str, ...], data: str) -> None:
    """Writes the report of all runs that have been decoded."""
    runs = {}
    for name in SYSTEMS:
        for seed in seeds_of(name):
            if known := told(run_of(name, seed)):
                recipe_of(name, seed, changes)
                runs[name, seed] = known
    report.write([score for run in runs for score in scored(*run, data)], runs)


if __name__ == "__main__":
    main()
