"""Tasks, and the one door through which every task comes in.

A task's distribution names it in the entry-point group ``attention_core.tasks``:

    [project.entry-points."attention_core.tasks"]
    translate = "attention_core.translation:TASK"

The object it points to is a ``Task``. Its module should import nothing heavy at the top, so that
``attention-core --help`` stays quick.
"""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from attention_core.checkpoint import CONFIG
from attention_core.errors import UserError, nearest
from attention_core.wording import Tables

if TYPE_CHECKING:
    import click
    from torch import Tensor

    from attention_core.checkpoint import Checkpoint
    from attention_core.models import Seq2Seq
    from attention_core.training import Learner, SearchConfig

GROUP = "attention_core.tasks"


class Input(NamedTuple):
    """A tensor that an encoder takes: an example of two sources or more, and its free axes.

    >>> import torch
    >>> Input(torch.zeros(2, 3, 8, 8), ("sources",)).axes
    ('sources',)
    """

    example: Tensor
    axes: tuple[str, ...]  # the names of its first ones; the others keep the example's size


class Exportable(NamedTuple):
    """A trained model, and what else it takes to run it.

    >>> Exportable._fields
    ('model', 'source', 'end', 'search', 'settings')
    """

    model: Seq2Seq
    source: Mapping[str, Input]  # what its encoder takes, in this order
    end: int  # the token that ends an output
    search: SearchConfig
    settings: Mapping[str, Any] = {}  # JSON-able, for ``Task.runtime`` to find


class Task(ABC):
    """What a plugin provides: its nouns. The verbs (train, evaluate, demo …) are the core's.

    >>> sorted(Task.__abstractmethods__)
    ['command', 'evaluate', 'learner', 'recipe_type', 'tab']
    """

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

    def verbs(self) -> Mapping[str, click.Command]:
        """Further commands ``attention-core VERB``, by name, after the core's and the tasks'."""
        return {}

    @abstractmethod
    def tab(self) -> None:
        """Draw the task's tab of the demo, inside an open ``gradio.Tab``."""

    def exportable(self, checkpoint: Path) -> Exportable:
        """The model of a checkpoint, for ``attention-core export``; a task may do without.

        Raises UserError where the checkpoint can't be loaded, or the task can't be exported.
        """
        raise UserError(f"models of the task {self.name!r} can't be exported")

    def runtime(self, folder: Checkpoint, threads: int) -> Any:
        """An exported folder as an ``attention_core.runtime.Runtime``, without torch.

        Raises UserError where the folder is damaged, or the task has no runtime.
        """
        raise UserError(f"the task {self.name!r} has no runtime without torch")

    def wording(self) -> Tables:
        """What its tab says in other languages than English: ``wording.Tables``."""
        return {}

    def answer(self, source: str, language: str) -> str:
        """What the shipped model says of one source, a text or the path of a file.

        Raises UserError where the task has no such answer.
        """
        raise UserError(f"the task {self.name!r} answers only in its own tab and command")


def installed_tasks() -> dict[str, EntryPoint]:
    """The entry points of all installed tasks, by name; nothing is imported.

    Raises UserError when two distributions bring a task of one name.

    >>> installed_tasks()["translate"].value
    'attention_core.translation:TASK'
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

    >>> load_task("translate").title
    'Translate'
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
    if not isinstance(task, Task) or task.name != name:
        raise UserError(
            f"task {name!r} from {_distribution(entry)} can't be loaded: expected a Task of that"
            f" name at {entry.value}, got {getattr(task, 'name', type(task).__name__)!r}"
        )
    return task


def load_tasks() -> list[Task]:
    """All installed tasks; one that can't be loaded is a warning on stderr, and the rest work.

    >>> {"caption", "translate"} <= {task.name for task in load_tasks()}
    True
    """
    tasks = []
    for name in installed_tasks():
        try:
            tasks.append(load_task(name))
        except UserError as error:
            print(f"warning: {error}", file=sys.stderr)
    return tasks


def find_checkpoint(name: str) -> Path:
    """The path of a checkpoint: a directory, or a task's name for the model that it ships, unless
    there is a checkpoint of that name.

    Raises UserError when it can't be either; whether there is a checkpoint at the path,
    ``checkpoint.read`` tells.

    >>> find_checkpoint("translate").name
    'everyday'
    """
    path = Path(name)
    installed = installed_tasks()
    hidden = name in installed and not os.path.exists(path / CONFIG)
    if (os.path.exists(name) and not hidden) or path.name != name:
        return path
    shipped = load_task(name).shipped if name in installed else None
    if shipped is None:
        raise UserError(
            f"no checkpoint {name!r}: give a checkpoint's folder, or a task for the model that it"
            f" ships.{nearest(name, installed)}"
        )
    return shipped


def check_drawing(path: Path, *others: str) -> None:
    """Whether a drawing could go to ``path``, for a command to ask before it works.

    ``others`` are suffixes that the command draws besides those of pictures.

    Raises UserError for a suffix that can't be drawn or a folder that doesn't exist.

    >>> check_drawing(Path("a.gif"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    attention_core.errors.UserError: can't draw a.gif: choose a name that ends in .pdf or ...
    """
    from attention_core.plots.files import FORMATS

    formats = [*FORMATS, *others]
    if path.suffix.lower() not in formats:
        raise UserError(f"can't draw {path}: choose a name that ends in {' or '.join(formats)}")
    if not os.path.isdir(path.parent):
        raise UserError(f"can't draw {path}: there is no folder {path.parent}; make it first")


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else "an unknown distribution"
