"""Every public name has an example in its docstring, and every example is right."""

import doctest
import importlib
import inspect
import pkgutil
import re
from types import ModuleType

import pytest
import torch

import attention_core

BASE = "attention_core"
# In packages with a face of their own, the names on it; in the other modules all that they define.
FACES = {f"{BASE}.plots", f"{BASE}.search", f"{BASE}.training"}
WHOLE = {f"{BASE}.{name}" for name in ("checkpoint", "errors", "models", "recipe", "tasks")}
WHOLE |= {f"{BASE}.tokenizer", f"{BASE}.parts", f"{BASE}.translation"}
# These need a terminal, a browser or a person.
NOT_SHOWN = {f"{BASE}.translation.command", f"{BASE}.translation.tab"}


def modules() -> list[str]:
    found = [name for _, name, _ in pkgutil.walk_packages(attention_core.__path__, f"{BASE}.")]
    return [BASE, *found]


def defined(module: ModuleType) -> dict[str, object]:
    """The public classes and functions that a module defines."""
    return {
        name: member
        for name, member in vars(module).items()
        if not name.startswith("_") and getattr(member, "__module__", None) == module.__name__
    }


def members() -> dict[str, object]:
    """Every public class and function by its place."""
    found = {f"{BASE}.{name}": getattr(attention_core, name) for name in attention_core.__all__}
    for name in modules():
        module = importlib.import_module(name)
        if name in FACES:
            found |= {f"{name}.{each}": getattr(module, each) for each in module.__all__}
        elif {name, name.rpartition(".")[0]} & WHOLE and name not in NOT_SHOWN:
            found |= {f"{name}.{each}": member for each, member in defined(module).items()}
    return {
        name: member
        for name, member in found.items()
        if inspect.isclass(member) or inspect.isfunction(member)
    }


def has_example(member: object) -> bool:
    docs = [inspect.getdoc(member) or ""]
    if inspect.isclass(member):
        docs += [inspect.getdoc(part) or "" for part in vars(member).values() if callable(part)]
    return any(re.search(r"^\s*>>> ", doc, re.MULTILINE) for doc in docs)


@pytest.mark.parametrize("name", modules())
def test_every_example_is_right(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    told: list[str] = []
    runner = doctest.DocTestRunner()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for test in doctest.DocTestFinder(exclude_empty=True).find(module):
            runner.run(test, out=told.append)
    assert not told, "".join(told)


def test_every_public_name_has_an_example():
    everything = members()
    assert len(everything) > 100
    missing = sorted(name for name, member in everything.items() if not has_example(member))
    assert not missing, "\n".join(missing)
