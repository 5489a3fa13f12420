"""What a program imports and the measured work never calls: readers, loggers, servers, drawings."""

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from unittest.mock import MagicMock


def absent(*modules: str) -> None:
    """Lets these modules be imported, whether they are installed or not."""
    for module in modules:
        sys.modules[module] = MagicMock()
        sys.modules[module].__spec__ = ModuleSpec(module, None)  # torch asks for some of them


def hollow(*packages: str) -> None:
    """Lets parts of these packages be imported without all that their ``__init__`` imports."""
    for package in packages:
        spec = find_spec(package)
        assert spec is not None, package
        sys.modules[package] = module_from_spec(spec)
