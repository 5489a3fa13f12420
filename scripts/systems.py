"""What the benchmarks of systems share: their recipes and runs, the command, the table of runs."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import click

from attention_core import UserError, checkpoint
from attention_core.errors import nearest
from attention_core.recipe import as_dict, from_dict, load_recipe
from scripts.tables import table

Recipe = TypeVar("Recipe")
Make = Callable[[str, int, tuple[str, ...]], None]


class System(NamedTuple):
    """What differs from the recipe, and the system of the same seed whose best it goes on from."""

    note: str
    settings: tuple[str, ...] = ()
    after: str | None = None
    start: str = "start"  # the key of the recipe that names where it goes on from


@dataclass(frozen=True)
class Benchmark(Generic[Recipe]):
    """A recipe, the systems that are the recipe with some settings, and where they are trained."""

    recipe: Path
    recipe_type: type[Recipe]
    runs: Path
    systems: Mapping[str, System]

    def run_of(self, name: str, seed: int) -> Path:
        """The folder of a run."""
        return self.runs / f"{name}-{seed}"

    def seeds_of(self, name: str) -> list[int]:
        """The seeds of the runs that there are."""
        found = (re.fullmatch(rf"{name}-(\d+)", path.name) for path in self.runs.glob("*"))
        return sorted(int(match[1]) for match in found if match)

    def decoded(self) -> Iterable[tuple[str, int, dict[str, Any]]]:
        """The system and the seed of every run that has been decoded, and what is told of it."""
        for name in self.systems:
            for seed in self.seeds_of(name):
                if known := told(self.run_of(name, seed)):
                    yield name, seed, known

    def recipe_of(self, name: str, seed: int, changes: Sequence[str] = ()) -> Recipe:
        """The recipe of a run.

        Raises UserError where the run there was trained by another one.
        """
        system, run = self.systems[name], self.run_of(name, seed)
        overrides = [f"out={run}", f"seed={seed}", *system.settings, *changes]
        if system.after:
            overrides.append(f"{system.start}={self.run_of(system.after, seed) / 'best'}")
        recipe = load_recipe(self.recipe, self.recipe_type, overrides)
        if (run / "best").exists():
            trained = from_dict(self.recipe_type, checkpoint.read(run / "best").config)
            if _anywhere(trained) != _anywhere(recipe):
                raise UserError(
                    f"{run} was trained by another recipe than its system has now: delete that"
                    " folder to train it again, or undo the change."
                )
        return recipe

    def make(self, name: str, seed: int, changes: tuple[str, ...], make: Make) -> None:
        """Makes a run after the one that it goes on from."""
        if after := self.systems[name].after:
            self.make(after, seed, changes, make)
        print(f"{name}, seed {seed}")
        make(name, seed, changes)

    def serve(
        self,
        make: Make,
        tell: Callable[[tuple[str, ...], str], None],
        *,
        names: tuple[str, ...],
        seeds: tuple[int, ...],
        report_only: bool,
        changes: tuple[str, ...],
        data: str,
    ) -> None:
        """What the command with ``options`` does: makes runs, and tells of all that there are."""
        changes = (f"data.root={data}", *changes)
        try:
            for name in names:
                if name not in self.systems:
                    raise UserError(f"unknown system {name!r}.{nearest(name, self.systems)}")
            if not report_only:
                for seed in seeds:
                    for name in names or self.systems:
                        self.make(name, seed, changes, make)
            tell(changes, data)
        except UserError as error:
            raise click.ClickException(str(error)) from None

    def table(self, runs: Mapping[tuple[str, int], dict[str, Any]]) -> str:
        """A row for each run: what it is, how large, how long it took, how it searches."""
        rows = []
        for (name, seed), known in runs.items():
            search = [
                f"{language}: beam {int(chosen['beam'])}, α {chosen['length_penalty']}"
                for language, chosen in known["search"].items()
            ]
            hours = "" if known["seconds"] is None else f"{known['seconds'] / 3600:.2f} h"
            parameters = f"{known['parameters'] / 1e6:.2f} M"
            note = self.systems[name].note
            rows.append([f"`{name}`", note, str(seed), parameters, hours, "; ".join(search)])
        header = ["", "what it is", "seed", "parameters", "training", "search, chosen on `val`"]
        return table(header, rows)


def options(main: Callable[..., None]) -> click.Command:
    """The command of a benchmark."""
    for option in (
        click.option("--data", default="data", show_default=True, help="The folder of the data."),
        click.option(
            "--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change the common recipe."
        ),
        click.option("--report-only", is_flag=True, help="Train and decode nothing."),
        click.option(
            "--seed", "seeds", multiple=True, type=int, default=[1, 2, 3], show_default=True
        ),
        click.option(
            "--system", "names", multiple=True, metavar="NAME", help="Only this  [default: all]."
        ),
    ):
        main = option(main)
    return click.command()(main)


def told(run: Path) -> dict[str, Any] | None:
    """What is known of a run that has been decoded."""
    path = run / "outputs" / "told.json"
    if not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    seconds = run / "seconds"
    return {**found, "seconds": float(seconds.read_text()) if seconds.exists() else None}


def _anywhere(recipe: Any) -> dict[str, Any]:
    """The recipe wherever the data, the features and the run are."""
    plain = as_dict(recipe)
    data = {key: x for key, x in plain["data"].items() if key not in ("root", "cache")}
    return {**plain, "out": "", "data": data}
