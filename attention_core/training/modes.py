"""Training and evaluation modes."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """The module without dropout, for as long as the block lasts.

    >>> module = nn.Sequential(nn.Dropout(), nn.Dropout().eval())
    >>> with evaluating(module):
    ...     [part.training for part in module]
    [False, False]
    >>> [part.training for part in module]
    [True, False]
    """
    before = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in before:
            part.training = training
