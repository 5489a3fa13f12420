"""Puts a trained model into the package: run it as scripts/ship."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from attention_core import UserError, checkpoint
from attention_core.checkpoint import CARD, CONFIG, OF_THE_WEIGHTS, WEIGHTS, Checkpoint
from attention_core.recipe import as_dict, from_dict
from attention_core.tasks import Task, load_task
from scripts.captioning.card import write_failures

MOST = 40_000_000  # bytes of a model that ships


@click.command()
@click.argument("name", metavar="TASK")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("destination", type=click.Path(path_type=Path))
@click.option(
    "--card",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What its card says  [default: what training wrote].",
)
@click.option("--beam", type=click.IntRange(1), help="Its search  [default: the recipe's].")
@click.option("--length-penalty", type=float, help="Its search  [default: the recipe's].")
@click.option("--int8", is_flag=True, help="Store matrices in 8 bits, half the size.")
@click.option(
    "--failures",
    is_flag=True,
    help="Tell in the card what a captioner fails at, and how far its confidence can be trusted.",
)
def main(
    name: str,
    run: Path,
    destination: Path,
    card: Path | None,
    int8: bool,
    failures: bool,
    **search: Any,
) -> None:
    """Put the best model of a RUN of a TASK, or a checkpoint, at DESTINATION.

    Weights are stored in half precision, with --int8 matrices in 8 bits, and the confidence is
    fitted on the validation data of the recipe, by the weights as they are stored.

    \b
    Examples:
      scripts/ship caption runs/captions/show-and-tell-1 captioner/models/show-and-tell
      attention-core average runs/a/best runs/b/best --out runs/mean
      scripts/ship translate runs/mean attention_core/translation/models/everyday --beam 5
    """
    try:
        task = load_task(name)
        if failures and name != "caption":
            raise UserError(f"--failures are those of captions, not of {name}: leave it out")
        saved = best_of(run, task)
        text = card.read_bytes() if card else saved.file(CARD)
        search = {k: v for k, v in search.items() if v is not None}
        ship(task, saved, destination, text, search, int8=int8)
        if failures:
            write_failures(destination)
    except UserError as error:
        raise click.ClickException(str(error)) from None
    for path in sorted(destination.iterdir()):
        print(f"{path.stat().st_size:>12,}  {path}")


def best_of(run: Path, task: Task) -> Checkpoint:
    """The best checkpoint of a run, or the one that is there itself.

    Raises UserError where there is none, or one of another task.
    """
    saved = checkpoint.read(run / "best" if (run / "best").exists() else run)
    if saved.task != task.name:
        raise UserError(f"{saved.path} is of the task {saved.task!r}, not {task.name!r}")
    return saved


def ship(
    task: Task,
    saved: Checkpoint,
    destination: Path,
    card: bytes,
    search: dict[str, Any],
    *,
    int8: bool = False,
) -> None:
    """Writes the checkpoint that ships, in place of the one that is there.

    Raises UserError where it would be too large, or the destination holds something else.
    """
    recipe = from_dict(task.recipe_type(), saved.config)
    recipe = replace(recipe, search=replace(recipe.search, **search))
    made: dict[str, Any] = {"task": task.name, "config": as_dict(recipe)}
    made |= {"half": True, "int8": int8}
    measured = {CONFIG, WEIGHTS, CARD, *OF_THE_WEIGHTS}
    files = {p.name: p.read_bytes() for p in saved.path.iterdir() if p.name not in measured}
    with TemporaryDirectory() as folder:
        place = Path(folder, destination.name)
        checkpoint.save(place, weights=saved.weights(), files=files | {CARD: card}, **made)
        check_size(place)
        # The tokenizer is the checkpoint's, wherever the run's has gone.
        learner = task.learner(replace(recipe, start=str(saved.path), self_critical=None))
        learner.finish(place)
        check_size(place)
        final = checkpoint.read(place)
        names = [path.name for path in place.iterdir() if path.name not in (CONFIG, WEIGHTS)]
        files = {name: final.file(name) for name in names}
        checkpoint.save(destination, weights=final.weights(), files=files, **made)


def check_size(folder: Path) -> None:
    """Raises UserError where a checkpoint is larger than what may ship."""
    size = sum(path.stat().st_size for path in folder.iterdir())
    if size > MOST:
        raise UserError(
            f"{folder.name} would have {size / 1e6:.1f} MB, and at most {MOST / 1e6:.0f} MB ship:"
            " train a smaller model"
        )


if __name__ == "__main__":
    main()
