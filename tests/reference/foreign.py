"""Other people's implementations as they are installed, and their weights in our parts."""

import sys
import warnings
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from unittest.mock import MagicMock

import pytest
import torch
from torch import Tensor, nn

from attention_core.parts.rnn import RecurrentStack


def imported(
    name: str, *, hollow: tuple[str, ...] = (), stand_ins: tuple[str, ...] = ()
) -> ModuleType:
    """The module of that name; the test file is skipped where its package is not installed.

    ``hollow`` packages are entered without running their ``__init__``, which would import all of
    the package. ``stand_ins`` draw, download or log, compute nothing, and need not be installed.
    """
    package = name.partition(".")[0]
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed: scripts/test does it", allow_module_level=True)
    for folder in hollow:
        sys.modules[folder] = module_from_spec(find_spec(folder))
    absent = [module for module in stand_ins if module not in sys.modules]
    sys.modules.update({module: MagicMock() for module in absent})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return import_module(name)
    finally:
        for module in absent:
            del sys.modules[module]


def large(module: nn.Module) -> nn.Module:
    """The module in evaluation, with large random weights, so that nothing hides in small ones."""
    for weight in module.eval().parameters():
        if weight.is_floating_point():
            nn.init.normal_(weight, std=0.7)
    return module


@torch.no_grad()
def copy(source: Tensor, *targets: Tensor) -> None:
    """Sets each of the targets, parameters of the same shape, to the source."""
    for target in targets:
        assert target.shape == source.shape
        target.copy_(source)


def copy_recurrence(source: nn.RNNBase, target: RecurrentStack) -> None:
    """The weights of torch's ``GRU`` or ``LSTM`` into a stack, layer by layer."""
    for layer, cell in enumerate(target.cells):
        for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            copy(getattr(source, f"{kind}_l{layer}"), getattr(cell, kind))
