"""Checkpoints: a directory of config.json, model.safetensors and a task's own files.

    config.json         {"format": 1, "task": "translate", "config": {...}}
    model.safetensors   the weights
    tokenizer.model     the tokenizer's own file
    README.md           the card: data, licence, metrics, limits

All of it is data: nothing in a checkpoint is ever executed or unpickled.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from attention_core.errors import UserError, nearest
from attention_core.rounding import restored, stored

if TYPE_CHECKING:
    from torch import Tensor, nn

FORMAT = 2  # the newest, that some matrices are in 8 bits
IN_FULL = 1  # without, which earlier versions can read
CONFIG = "config.json"
WEIGHTS = "model.safetensors"
CARD = "README.md"
OF_LANGUAGES = "pieces.json"  # what each is written with: in a mean of several, in any of them
OF_WINDOWS = {"Thumbs.db", "desktop.ini"}
OF_THE_WEIGHTS = {"confidence.json"}  # measured of them: their mean with others is without


class Checkpoint(NamedTuple):
    """A checkpoint on disk, its weights and files read when asked for.

    >>> Checkpoint(Path("runs/mine/best"), "translate", {"seed": 1}).config
    {'seed': 1}
    """

    path: Path
    task: str
    config: dict[str, Any]

    def of(self, task: str) -> Checkpoint:
        """Itself, where it is of that task.

        Raises:
            UserError: it is of another one.
        """
        if self.task != task:
            raise UserError(f"{self.path} is a checkpoint of the task {self.task!r}, not {task}")
        return self

    def weights(self) -> dict[str, Tensor]:
        """The weights by name, on the CPU, floating ones as float32.

        Raises:
            UserError: the weights are missing or damaged.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            weights = load(self.file(WEIGHTS))
        except SafetensorError as error:
            raise _damaged(self.path / WEIGHTS, error) from None
        for name, tensor in weights.items():
            if tensor.is_floating_point() and not tensor.isfinite().all():
                raise _damaged(self.path / WEIGHTS, f"{name} holds values that are not numbers")
        return restored(weights)

    def file(self, name: str) -> bytes:
        """The content of one of its files.

        Raises:
            UserError: there is no such file, or it can't be read.
        """
        return _bytes(self.path / name)


def save(
    directory: str | os.PathLike[str],
    *,
    task: str,
    config: Mapping[str, Any],
    weights: Mapping[str, Tensor],
    files: Mapping[str, bytes],
    half: bool = False,
    int8: bool = False,
) -> None:
    """Write a checkpoint at `directory`, in place of the one that is there.

    It is written beside its place and moved in whole, so that an interrupted save leaves the
    earlier checkpoint readable. `half` stores floating weights as float16; `int8` matrices in 8
    bits (see `attention_core.rounding`) and the others as float16.

    Raises:
        UserError: `directory` holds something other than a checkpoint, or can't be written, or a
            weight is too large for float16.
        ValueError: one of `files` is in another folder, or is what this writes itself.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     save(f"{folder}/a", task="t", config={"seed": 1}, weights={}, files={"README.md": b"A"})
    ...     sorted(path.name for path in Path(folder, "a").iterdir())
    ['README.md', 'config.json', 'model.safetensors']
    """
    from safetensors.torch import save as serialized

    check_place(directory)
    for name in files:
        if Path(name).name != name or name in (CONFIG, WEIGHTS):
            raise ValueError(
                f"files: expected names of files beside {CONFIG} and {WEIGHTS}, got {name!r}"
            )
    place = Path(directory).resolve()
    new, old = _beside(place, "new"), _beside(place, "old")
    header = {"format": FORMAT if int8 else IN_FULL, "task": task, "config": config}
    text = json.dumps(header, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    kept = stored(dict(weights), half=half, int8=int8)
    contents = {**files, CONFIG: text.encode(), WEIGHTS: serialized(kept)}
    try:
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        for name, content in contents.items():
            (new / name).write_bytes(content)
        if place.exists():
            shutil.rmtree(old, ignore_errors=True)
            place.rename(old)
        new.rename(place)
    except OSError as error:
        shutil.rmtree(new, ignore_errors=True)
        raise UserError(f"Can't save a checkpoint at {directory}: {error.strerror}.") from None
    shutil.rmtree(old, ignore_errors=True)


def check_place(directory: str | os.PathLike[str]) -> None:
    """Whether a checkpoint can be saved there, for who wants to know before there is one to save.

    Raises:
        UserError: `directory` holds something other than a checkpoint.

    >>> check_place("nothing/there/yet")
    """
    place = Path(directory).resolve()
    if not (_is_checkpoint(place) or _is_free(place)):
        raise UserError(f"{directory} is not a checkpoint: save to another directory.")


def read(directory: str | os.PathLike[str], weights: str = WEIGHTS) -> Checkpoint:
    """The checkpoint at `directory`; `weights` is the file that it has them in.

    Raises:
        UserError: it is missing, not a checkpoint, damaged, or of a newer format.

    >>> import torch
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     save(f"{folder}/a", task="t", config={}, weights={"w": torch.ones(2)}, files={})
    ...     read(f"{folder}/a").weights()
    {'w': tensor([1., 1.])}
    """
    path = Path(directory)
    place = path.resolve()
    if not os.path.exists(place):
        path = _beside(place, "old")
        if not _is_checkpoint(path):
            siblings = [other.name for other in place.parent.glob("*") if _is_checkpoint(other)]
            raise UserError(f"No checkpoint at {directory}.{nearest(place.name, siblings)}")
    for name in (CONFIG, weights):
        if not os.path.isfile(path / name):
            raise UserError(f"{directory} is not a whole checkpoint: it has no file {name}.")
    try:
        header = json.loads(_bytes(path / CONFIG))
    except (ValueError, RecursionError) as error:
        raise _damaged(path / CONFIG, error) from None
    match header:
        case {"format": int(number)} if number > FORMAT:
            raise UserError(
                f"{directory} has checkpoint format {number}, and this version reads up to "
                f"{FORMAT}: upgrade attention-core."
            )
        case {"format": int(), "task": str(task), "config": dict(config)}:
            return Checkpoint(path, task, config)
    raise _damaged(path / CONFIG, "it needs a format, a task and a config")


def load_into(module: nn.Module, checkpoint: Checkpoint) -> None:
    """Load the checkpoint's weights into `module`, each under its name and of its shape.

    Raises:
        UserError: names or shapes differ (all of them in one), or the weights are damaged.

    >>> import torch
    >>> from torch import nn
    >>> from tempfile import TemporaryDirectory
    >>> trained, fresh = nn.Linear(2, 3), nn.Linear(2, 3)
    >>> with TemporaryDirectory() as folder:
    ...     save(f"{folder}/a", task="t", config={}, weights=weights_of(trained), files={})
    ...     load_into(fresh, read(f"{folder}/a"))
    >>> torch.equal(trained.weight, fresh.weight)
    True
    """
    import torch

    weights, expected = checkpoint.weights(), weights_of(module)
    if problems := _differences(weights, expected):
        raise UserError(
            f"The weights at {checkpoint.path} are not this model's; {problems}. "
            f"Build the model from the checkpoint's own {CONFIG}, or train it again."
        )
    with torch.no_grad():
        for name, tensor in expected.items():
            tensor.copy_(weights[name])


def average(directories: Sequence[str | os.PathLike[str]], out: str | os.PathLike[str]) -> None:
    """Write the mean of the weights of several checkpoints of one model at `out`, as float32.

    Whole numbers, such as counters, are the last one's; config and other files the first one's. A
    language keeps the pieces that any of them writes it with.

    Raises:
        UserError: there are less than two, one can't be read, or they differ in task, in names
            or shapes of the weights, or in a file such as the tokenizer.

    >>> import torch
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as place:
    ...     for name, weight in {"a": 1.0, "b": 3.0}.items():
    ...         weights = {"w": torch.tensor(weight)}
    ...         save(f"{place}/{name}", task="toy", config={}, weights=weights, files={})
    ...     average([f"{place}/a", f"{place}/b"], f"{place}/mean")
    ...     read(f"{place}/mean").weights()
    {'w': tensor(2.)}
    """
    if len(directories) < 2:
        raise UserError("One checkpoint has no mean: give at least two.")
    first, *others = map(read, directories)
    mean = first.weights()
    files = {path.name for path in first.path.iterdir() if path.is_file()}
    files = {name for name in files if not name.startswith(".") and name not in OF_WINDOWS}
    files -= {CONFIG, WEIGHTS, CARD, *OF_THE_WEIGHTS}
    for other in others:
        if other.task != first.task:
            raise UserError(
                f"{other.path} is of the task {other.task!r}, and {first.path} of {first.task!r}."
            )
        weights = other.weights()
        if problems := _differences(weights, mean):
            raise UserError(f"{other.path} is another model than {first.path}; {problems}.")
        for name in files - {OF_LANGUAGES}:
            if other.file(name) != first.file(name):
                raise UserError(f"{other.path} has another {name} than {first.path}.")
        for name, tensor in weights.items():
            is_index = tensor.dim() > 0 and not tensor.is_floating_point()
            if is_index and not tensor.equal(mean[name]):
                raise UserError(f"{other.path} has another {name} than {first.path}.")
            mean[name] = mean[name] + tensor if tensor.is_floating_point() else tensor
    for name, tensor in mean.items():
        if tensor.is_floating_point():
            mean[name] = tensor / len(directories)
    contents = {name: first.file(name) for name in files} | {CARD: _card_of_mean(first, others)}
    if OF_LANGUAGES in files:
        contents[OF_LANGUAGES] = _united([first, *others])
    save(out, task=first.task, config=first.config, weights=mean, files=contents)


def weights_of(module: nn.Module) -> dict[str, Tensor]:
    """The module's weights and buffers by name; one that is shared has its first name only.

    >>> from torch import nn
    >>> embedding, output = nn.Embedding(5, 2), nn.Linear(2, 5)
    >>> output.weight = embedding.weight
    >>> list(weights_of(nn.Sequential(embedding, output)))
    ['0.weight', '1.bias']
    """
    named: dict[str, Tensor] = {}
    seen = set()
    for name, tensor in module.state_dict(keep_vars=True).items():
        if id(tensor) not in seen:
            seen.add(id(tensor))
            named[name] = tensor
    return named


def _differences(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> str:
    """What keeps `weights` from standing for those expected; empty where nothing does."""
    missing = [name for name in expected if name not in weights]
    unknown = [name for name in weights if name not in expected]
    shapes = [
        f"{name} (expected {list(tensor.shape)}, got {list(weights[name].shape)})"
        for name, tensor in expected.items()
        if name in weights and weights[name].shape != tensor.shape
    ]
    groups = {"missing": missing, "unknown": unknown, "of another shape": shapes}
    return "; ".join(f"{label}: {_some(names)}" for label, names in groups.items() if names)


def _card_of_mean(first: Checkpoint, others: list[Checkpoint]) -> bytes:
    checkpoints = [first, *others]
    title = f"# The mean of the weights of {len(checkpoints)} checkpoints\n\n"
    card = title.encode() + "".join(f"- {each.path}\n" for each in checkpoints).encode()
    if (first.path / CARD).is_file():
        card += b"\nThe card of the first, whose metrics are its own:\n\n" + first.file(CARD)
    return card


def _united(checkpoints: list[Checkpoint]) -> bytes:
    found: dict[str, set[int]] = {}
    for each in checkpoints:
        try:
            for language, ids in json.loads(each.file(OF_LANGUAGES)).items():
                found.setdefault(language, set()).update(ids)
        except (ValueError, TypeError, AttributeError) as error:
            raise _damaged(each.path / OF_LANGUAGES, error) from None
    return json.dumps({language: sorted(ids) for language, ids in found.items()}).encode()


def _beside(place: Path, state: str) -> Path:
    return place.with_name(f".{place.name}.{state}")


def exists(directory: str | os.PathLike[str]) -> bool:
    """Whether there is a folder, or an earlier checkpoint beside its place, where a save leaves it
    that is stopped between its two moves.

    >>> exists("nowhere")
    False
    """
    return os.path.exists(directory) or _is_checkpoint(_beside(Path(directory).resolve(), "old"))


def _is_checkpoint(path: Path) -> bool:
    """Whether it has our config, and not only another program's of that name."""
    try:
        header = json.loads((path / CONFIG).read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(header, dict) and {"format", "task", "config"} <= header.keys()


def _is_free(path: Path) -> bool:
    return not os.path.lexists(path) or (path.is_dir() and not any(path.iterdir()))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"Can't read {path}: {error.strerror}.") from None


def _damaged(path: Path, why: object) -> UserError:
    return UserError(f"{path} is damaged ({why}): get or train the checkpoint again.")


def _some(names: list[str], limit: int = 5) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
