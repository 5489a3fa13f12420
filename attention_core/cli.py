"""The command line: the core's verbs, and the commands of each installed task."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attention_core.errors import UserError, nearest
from attention_core.tasks import find_checkpoint, installed_tasks, load_task, load_tasks

try:
    import click
except ImportError:
    sys.exit("The command line needs click and rich: pip install 'attention-core[cli]'")

SHORT_OF_MEMORY = re.compile("allocate memory|out of memory|not enough memory")  # torch's words


class Commands(click.Group):
    """The core's verbs, then the tasks' own commands, which are loaded when asked for.

    Bad input, a file that can't be written or a missing package end any command with one line on
    stderr and the exit status 1.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        verbs = [name for task in load_tasks() for name in task.verbs()]
        return [*super().list_commands(ctx), *installed_tasks(), *verbs]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if command := super().get_command(ctx, name):
            return command
        if name in installed_tasks():
            return load_task(name).command()
        return next((task.verbs()[name] for task in load_tasks() if name in task.verbs()), None)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            raise UserError(f"unknown command {name!r}.{nearest(name, self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [
            row
            for task in load_tasks()
            for row in [(task.name, task.summary), *_rows(task.verbs())]
        ]
        for title, listed in (("Tasks", rows), ("Commands", sorted(_rows(self.commands)))):
            if listed:
                with formatter.section(title):
                    formatter.write_dl(listed)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("Aborted!", err=True)
            ctx.exit(130)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().main(*args, **kwargs)
        except UserError as error:
            problem = str(error)
        except OSError as error:  # a full disk, a folder that may not be written …
            problem = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        except ModuleNotFoundError as error:
            problem = f"this needs the package {error.name}: pip install 'attention-core[all]'"
        except UnicodeEncodeError as error:
            problem = (
                f"the output is {error.encoding}, which lacks this: set PYTHONIOENCODING=utf-8"
            )
        except (RuntimeError, MemoryError) as error:
            if isinstance(error, RuntimeError) and not SHORT_OF_MEMORY.search(str(error)):
                raise
            problem = "there is not enough memory: make the model or its batches smaller"
        click.echo(f"error: {problem}", err=True)
        sys.exit(1)


def _rows(verbs: Mapping[str, click.Command]) -> list[tuple[str, str]]:
    return [(name, verb.get_short_help_str(120)) for name, verb in verbs.items()]


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="attention-core")
def main() -> None:
    """Attention over recurrent decoders: captions for pictures, translations for text.

    \b
    Examples:
      attention-core caption photo.jpg
      attention-core translate "A dog runs on the beach." --to de
      attention-core demo

    COMMAND --help says what a command does, with examples. Results go to standard output, anything
    else to stderr.

    \b
    Exit status:
      0    done
      1    bad input, or what could not be read or written: a line on stderr tells
      2    options that are wrong or don't go together
      130  interrupted
    """


@main.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change one setting.")
def train(recipe: Path, overrides: tuple[str, ...]) -> None:
    """Train the model of a RECIPE.toml; run again after an interruption, it goes on.

    \b
    Examples:
      attention-core train recipe.toml --set training.learning_rate=0.0005 --set seed=2
      torchrun --nproc-per-node 2 -m attention_core.cli train recipe.toml
    """
    from attention_core.recipe import load_recipe, read_task

    task = load_task(read_task(recipe))
    settings: Any = load_recipe(recipe, task.recipe_type(), overrides)
    from attention_core.training import Recipe
    from attention_core.training import train as run
    from attention_core.training.processes import first_process_first, in_first_process

    if not isinstance(settings, Recipe):
        raise UserError(f"task {task.name!r}: recipe_type must give a training.Recipe")
    with first_process_first():
        learner = task.learner(settings)
    try:
        best = run(learner, settings.training, settings.out, seed=settings.seed)
    except KeyboardInterrupt:
        if in_first_process():
            click.echo(f"Stopped; the same command goes on from {settings.out}.", err=True)
        sys.exit(130)
    if in_first_process():
        if not best.exists():
            raise UserError(
                f"{best} is gone, and the run has no update left to make: delete {settings.out} to"
                " train anew"
            )
        click.echo(best)


@main.command()
@click.argument("checkpoint")
@click.option("--split", default="test", show_default=True, help="The part of the data.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("data"),
    show_default=True,
    help="The folder that holds the data.",
)
@click.option("--beam", type=click.IntRange(1, 100), help="Beam width  [default: the recipe's]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def evaluate(checkpoint: str, split: str, data: Path, beam: int | None, as_json: bool) -> None:
    """Score a CHECKPOINT: a folder, or a task's name for the model that it ships.

    \b
    Examples:
      attention-core evaluate runs/mine/best --split val
      attention-core evaluate caption
    """
    from attention_core.checkpoint import read

    path = find_checkpoint(checkpoint)
    report = load_task(read(path).task).evaluate(path, split, data, beam)
    if as_json:
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
        return
    for name, value in report.items():
        details = value.items() if isinstance(value, dict) else [("", value)]
        click.echo(f"{name}: " + ", ".join(f"{key} {number}".strip() for key, number in details))


@main.command()
@click.argument("checkpoints", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FOLDER",
    help="Where the new checkpoint goes.",
)
def average(checkpoints: tuple[Path, ...], out: Path) -> None:
    """Average the weights of several CHECKPOINTS of one model into a new one.

    \b
    Examples:
      attention-core average runs/a/best runs/b/best --out runs/mean
    """
    from attention_core.checkpoint import average as mean

    mean(checkpoints, out)
    click.echo(out)


@main.command()
@click.argument("checkpoint")
@click.option(
    "--to", "form", type=click.Choice(["onnx"]), default="onnx", show_default=True, help="The form."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where it goes  [default: the checkpoint's name and -onnx]",
)
@click.option("--int8", is_flag=True, help="Weights of 8 bits: a third of the size, and faster.")
def export(checkpoint: str, form: str, out: Path | None, int8: bool) -> None:
    """Write a CHECKPOINT as a folder that runs without torch, by attention_core.runtime.

    \b
    Examples:
      attention-core export translate --to onnx
      attention-core export runs/mine/best --to onnx --int8 --out mine-int8
      python -m attention_core.runtime everyday-onnx "A dog runs." --to de
    """
    from attention_core.checkpoint import read
    from attention_core.export import export as write

    saved = read(find_checkpoint(checkpoint))
    out = out or Path(f"{saved.path.resolve().name}-{form}")
    write(load_task(saved.task).exportable(saved.path), saved, out, int8=int8)
    click.echo(out)


@main.command()
@click.argument("checkpoint")
@click.argument("repo")
@click.option("--private", is_flag=True, help="For your own eyes, where the repository is new.")
def push(checkpoint: str, repo: str, private: bool) -> None:
    """Upload a CHECKPOINT to the repository REPO (owner/name) of the Hugging Face hub.

    \b
    Examples:
      hf auth login
      attention-core push runs/mine/best ada/captions
    """
    from attention_core.hub import push as upload

    click.echo(upload(find_checkpoint(checkpoint), repo, private=private))


@main.command()
@click.argument("repo")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where it goes  [default: the repository's name]",
)
def pull(repo: str, out: Path | None) -> None:
    """Download the checkpoint of the repository REPO (owner/name) of the Hugging Face hub.

    \b
    Examples:
      attention-core pull ada/captions
      attention-core caption photo.jpg --checkpoint ./captions
    """
    from attention_core.hub import pull as download

    click.echo(download(repo, out or Path(repo.rpartition("/")[2])))


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=7860,
    show_default=True,
    help="The port to listen on; 0 is any free one.",
)
@click.option("--share", is_flag=True, help="Open a public address through gradio's own service.")
@click.option(
    "--auth",
    envvar="ATTENTION_CORE_AUTH",
    metavar="NAME:PASSWORD",
    help="Ask visitors for these  [or $ATTENTION_CORE_AUTH]",
)
@click.option(
    "--max-size", default="20mb", show_default=True, metavar="SIZE", help="The largest upload."
)
@click.option("--mcp", is_flag=True, help="Let assistants call it, by the Model Context Protocol.")
def demo(**serving: Any) -> None:
    """Serve the demo, a page with a tab for each task, to this machine alone.

    \b
    Examples:
      attention-core demo
      attention-core demo --host 0.0.0.0 --auth ada:lovelace --max-size 5mb
      attention-core demo --mcp
    """
    from attention_core.demo import Serving, launch

    launch(Serving(**serving))


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what completes commands, options and files in a SHELL; bash from 4.4 on.

    \b
    Examples:
      attention-core completion bash >> ~/.bashrc
      attention-core completion zsh >> ~/.zshrc
      attention-core completion fish > ~/.config/fish/completions/attention-core.fish
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(main, {}, "attention-core", "_ATTENTION_CORE_COMPLETE").source())


@main.command()
def tasks() -> None:
    """List the installed tasks: name, distribution and summary, between tabs.

    \b
    Examples:
      attention-core tasks
      attention-core tasks | cut -f 1
    """
    entries = installed_tasks()
    for task in load_tasks():
        package = entries[task.name].dist
        release = f"{package.name} {package.version}" if package else "?"
        click.echo(f"{task.name}\t{release}\t{task.summary}")


if __name__ == "__main__":
    main()
