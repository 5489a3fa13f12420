"""Recipes: a TOML file read into a tree of frozen dataclasses, every mistake told at once.

A field's type says what its key takes (`bool`, `int`, `float`, `str`, `Literal`,
`tuple[X, ...]`, `X | None`, another dataclass); `metadata` may bound it with "min" and "max"
(inclusive) or list its "choices", for a tuple item by item. A `__post_init__` that raises
`UserError` adds checks across fields.
"""

import dataclasses
import math
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypeVar

from attention_core.errors import UserError, nearest

Recipe = TypeVar("Recipe")

KINDS = "take bool, int, float, str, Literal, tuple[X, ...], X | None or a dataclass"
_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}


def load_recipe(
    path: str | PathLike[str], recipe_type: type[Recipe], overrides: Sequence[str] = ()
) -> Recipe:
    """The recipe in the TOML file at `path`, after overrides such as `"training.lr=0.001"`.

    An override's value is TOML, or else taken as a plain string. The top-level key `task`, read
    by `read_task`, needs no field in `recipe_type`.

    Raises:
        UserError: the file can't be read, or its keys or values are wrong: all of them in one.

    >>> from tempfile import TemporaryDirectory
    >>> Model = dataclasses.make_dataclass("Model", [("hidden", int), ("cell", str, "gru")])
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "mine.toml").write_text("hidden = 8")
    ...     load_recipe(f"{folder}/mine.toml", Model, ["cell=lstm"])
    Model(hidden=8, cell='lstm')
    """
    tree = _read(path)
    task = tree.get("task")
    problems = []
    for override in overrides:
        problems += _override(tree, override)
    if tree.get("task") != task:
        problems.append(f"task is {task!r} in this recipe: take a recipe of the other task")
    if not any(field.name == "task" for field in _fields(recipe_type)):
        tree.pop("task", None)
    return _build(recipe_type, tree, str(path), problems)


def read_task(path: str | PathLike[str]) -> str:
    """The name of the task that the recipe at `path` is for.

    Raises:
        UserError: the file can't be read, or has no top-level string `task`.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "mine.toml").write_text('task = "translate"')
    ...     read_task(f"{folder}/mine.toml")
    'translate'
    """
    task = _read(path).get("task")
    if not isinstance(task, str):
        raise UserError(f'{path} names no task: put a line like task = "translate" at its top.')
    return task


def check_bounds(config: Any) -> None:
    """Checks a dataclass's values against the types and bounds of its fields, for a
    `__post_init__`: so they hold for who makes one in Python too.

    Raises:
        UserError: a value is of another type or out of its bounds; the first is told.

    >>> size = dataclasses.field(metadata={"min": 1})
    >>> Model = dataclasses.make_dataclass("Model", [("size", int, size)])
    >>> check_bounds(Model(size=0))
    Traceback (most recent call last):
    attention_core.errors.UserError: size must be at least 1, got 0
    """
    problems: list[str] = []
    hints = typing.get_type_hints(type(config))
    for field in _fields(config):
        value = getattr(config, field.name)
        if not dataclasses.is_dataclass(value):
            _value(hints[field.name], value, field.name, field.metadata, problems)
    if problems:
        raise UserError(problems[0])


def as_dict(recipe: Any) -> dict[str, Any]:
    """The recipe as plain JSON-able values; `from_dict` turns it back.

    >>> Model = dataclasses.make_dataclass("Model", [("sizes", tuple[int, ...])])
    >>> as_dict(Model(sizes=(8, 16)))
    {'sizes': [8, 16]}
    """
    plain = _plain(dataclasses.asdict(recipe))
    assert isinstance(plain, dict)
    return plain


def from_dict(recipe_type: type[Recipe], values: Mapping[str, Any]) -> Recipe:
    """The recipe that `as_dict` gave `values` for, checked as `load_recipe` checks.

    Raises:
        UserError: keys or values are wrong: all of them in one.

    >>> Model = dataclasses.make_dataclass("Model", [("hidden", int)])
    >>> from_dict(Model, {"hiden": 8})
    Traceback (most recent call last):
    attention_core.errors.UserError: Model has 2 problems:
      - unknown key hiden. Did you mean 'hidden'? Known: hidden.
      - missing key hidden
    """
    return _build(recipe_type, values, recipe_type.__name__, [])


def _read(path: str | PathLike[str]) -> dict[str, Any]:
    path = Path(path)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        siblings = [other.name for other in path.parent.glob("*.toml")]
        raise UserError(f"No recipe at {path}.{nearest(path.name, siblings)}") from None
    except OSError as error:
        raise UserError(f"Can't read the recipe {path}: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"The recipe {path} is not valid TOML: {error}.") from None


def _override(tree: dict[str, Any], override: str) -> list[str]:
    """Set one `key=value` in `tree`; the problems met."""
    dotted, equals, text = (part.strip() for part in override.partition("="))
    *parents, last = dotted.split(".")
    if not (equals and all([*parents, last])):
        return [f"'{override}' is not an override: write it like training.lr=0.001"]
    for parent in parents:
        tree = tree.setdefault(parent, {})
        if not isinstance(tree, dict):
            return [f"{dotted}: '{parent}' holds a value, not a table"]
    tree[last] = _toml_value(text)
    return []


def _toml_value(text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return parsed["value"] if len(parsed) == 1 else text


def _build(
    recipe_type: type[Recipe], values: Mapping[str, Any], source: str, problems: list[str]
) -> Recipe:
    recipe = _table(recipe_type, values, "", problems)
    if not problems:
        return typing.cast(Recipe, recipe)
    if len(problems) == 1:
        raise UserError(f"{source}: {problems[0]}")
    listed = "".join(f"\n  - {problem}" for problem in problems)
    raise UserError(f"{source} has {len(problems)} problems:{listed}")


def _table(kind: type, values: Any, key: str, problems: list[str]) -> Any:
    """An instance of the dataclass `kind`, or None once anything is wrong with `values`."""
    if not isinstance(values, Mapping):
        problems.append(f"{key} must be a table, got {values!r}")
        return None
    before = len(problems)
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in _fields(kind)}
    prefix = f"{key}." if key else ""
    for name in values:
        if name not in fields:
            problems.append(f"unknown key {prefix}{name}.{nearest(name, fields)}")
    found = {}
    for name, field in fields.items():
        if name in values:
            dotted = prefix + name
            found[name] = _value(hints[name], values[name], dotted, field.metadata, problems)
        elif field.default is field.default_factory is dataclasses.MISSING:
            problems.append(f"missing key {prefix}{name}")
    if len(problems) > before:
        return None
    try:
        return kind(**found)
    except UserError as error:
        problems.append(f"{prefix.rstrip('.')}: {error}" if key else str(error))
        return None


def _value(kind: Any, value: Any, key: str, bounds: Mapping[str, Any], problems: list[str]) -> Any:
    """`value` as the type `kind`, with a line in `problems` for each thing wrong with it."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _table(typing.cast(type, kind), value, key, problems)
    if origin in (types.UnionType, typing.Union):
        if value is None and types.NoneType in arguments:
            return None
        kinds = [argument for argument in arguments if argument is not types.NoneType]
        if len(kinds) == 1:
            return _value(kinds[0], value, key, bounds, problems)
    if origin is tuple and arguments[1:] == (...,):
        if not isinstance(value, list | tuple):
            problems.append(f"{key} must be a list, got {value!r}")
            return None
        return tuple(
            _value(arguments[0], item, f"{key}[{index}]", bounds, problems)
            for index, item in enumerate(value)
        )
    if origin is Literal:
        kind, bounds = type(arguments[0]), {"choices": arguments}
    if kind is float and type(value) is int:
        value = float(value)
    if kind not in _NAMES:
        problems.append(f"{key}: {kind} is no type of a recipe's key: {KINDS}")
        return None
    if type(value) is not kind or (kind is float and not math.isfinite(value)):
        problems.append(f"{key} must be {_NAMES[kind]}, got {value!r}")
    elif "choices" in bounds and value not in bounds["choices"]:
        choices = [str(choice) for choice in bounds["choices"]]
        problems.append(f"{key} can't be {value!r}.{nearest(str(value), choices)}")
    else:
        _bounded(value, key, bounds, problems)
    return value


def _bounded(value: Any, key: str, bounds: Mapping[str, Any], problems: list[str]) -> None:
    if "min" in bounds and not value >= bounds["min"]:
        problems.append(f"{key} must be at least {bounds['min']}, got {value}")
    elif "max" in bounds and not value <= bounds["max"]:
        problems.append(f"{key} must be at most {bounds['max']}, got {value}")


def _fields(kind: Any) -> Iterable["dataclasses.Field[Any]"]:
    return (field for field in dataclasses.fields(kind) if field.init)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
