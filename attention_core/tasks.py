"""Tasks, and the one door through which every task comes in.

A task's distribution names it in the entry-point group ``attention_core.tasks``:

    [project.entry-points."attention_core.tasks"]
    translate = "attention_core.translation:TASK"

The object it points to is a ``Task``. Its module should import nothing heavy at the top, so that
``attention-core --help`` stays quick.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from attention_core.errors import UserError, nearest

if TYPE_CHECKING:
    import click

    from attention_core.training import Learner

GROUP = "attention_core.tasks"


class Task(ABC):
    """What a plugin provides: its nouns. The verbs (train, evaluate, demo …) are the core's."""

    name: ClassVar[str]  # also its command
    title: ClassVar[str]  # of its tab
    summary: ClassVar[str]  # one line for the help
    shipped: ClassVar[Path | None] = None  # the default checkpoint

    @abstractmethod
    def recipe_type(self) -> type:
        """The dataclass of its recipes, a ``training.Recipe``."""

    @abstractmethod
    def learner(self, recipe: Any) -> Learner:
        """Data, model and objective of a recipe, ready for the training loop."""

    @abstractmethod
    def evaluate(
        self, checkpoint: Path, split: str, data: Path, beam: int | None
    ) -> dict[str, Any]:
        """Metrics of a checkpoint on a split of the data; ``beam`` None is the checkpoint's own.

        Raises UserError for an unknown split or missing data.
        """

    @abstractmethod
    def command(self) -> click.Command:
        """The command ``attention-core NAME``."""

    @abstractmethod
    def tab(self) -> None:
        """Draw the task's tab of the demo, inside an open ``gradio.Tab``."""


def installed_tasks() -> dict[str, EntryPoint]:
    """The entry points of all installed tasks, by name; nothing is imported.

    Raises UserError when two distributions bring a task of one name.
    """
    found: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        other = found.get(entry.name)
        if other is not None and other.value != entry.value:
            raise UserError(
                f"two tasks are named {entry.name!r}: {other.value} from {_distribution(other)} and"
                f" {entry.value} from {_distribution(entry)}: uninstall one of them"
            )
        found[entry.name] = entry
    return found


def load_task(name: str) -> Task:
    """The task of that name.

    Raises UserError for an unknown name (with the nearest match) or a task that can't be loaded.
    """
    installed = installed_tasks()
    if name not in installed:
        raise UserError(f"unknown task {name!r}.{nearest(name, installed)}")
    entry = installed[name]
    try:
        task = entry.load()
    except Exception as error:
        raise UserError(
            f"task {name!r} from {_distribution(entry)} can't be loaded:"
            f" {type(error).__name__}: {error}"
        ) from error
    if not isinstance(task, Task):
        raise UserError(
            f"task {name!r} from {_distribution(entry)}: expected a Task at {entry.value},"
            f" got {type(task).__name__}"
        )
    return task


def load_tasks() -> list[Task]:
    """All installed tasks; one that can't be loaded is a warning on stderr, and the rest work."""
    tasks = []
    for name in installed_tasks():
        try:
            tasks.append(load_task(name))
        except UserError as error:
            print(f"warning: {error}", file=sys.stderr)
    return tasks


def find_checkpoint(name: str) -> Path:
    """The path of a checkpoint: a directory, or a task's name for the model that it ships.

    Raises UserError when it is neither.
    """
    path = Path(name)
    if path.is_dir():
        return path
    installed = installed_tasks()
    if name in installed:
        shipped = load_task(name).shipped
        if shipped is not None:
            return shipped
    raise UserError(
        f"no checkpoint {name!r}: give a checkpoint's folder, or a task for the model it ships."
        + nearest(name, installed)
    )


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else "an unknown distribution"
