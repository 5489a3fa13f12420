"""What makes arithmetic come out in fractions, so that it can be followed on paper.

u = ½ ln 3 is the number whose tanh is 1/2:  tanh(u) = 1/2,  tanh(2u) = 4/5,  tanh(0) = 0.
σ(0) = 1/2,  σ(ln 2) = 2/3,  σ(ln 3) = 3/4, and softmax(ln 1, ln 2, ln 5) = 1/8, 2/8, 5/8.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.testing import assert_close

u = math.log(3) / 2


def ln(x: float) -> float:
    return math.log(x)


def tensor(*numbers: float | Sequence[float]) -> Tensor:
    """A batch of one: tensor(1, 2) has shape (1, 2), tensor([1, 2], [3, 4]) has (1, 2, 2)."""
    return torch.tensor([numbers], dtype=torch.float64)


@torch.no_grad()
def given(module: nn.Module, weights: dict[str, list]) -> nn.Module:
    """The module with these weights, all of which must be given."""
    module.double().eval()
    parameters = dict(module.named_parameters())
    assert parameters.keys() == weights.keys()
    for name, weight in weights.items():
        number = torch.tensor(weight, dtype=torch.float64)
        assert parameters[name].shape == number.shape, name
        parameters[name].copy_(number)
    return module


def equal(found: Tensor, *numbers: float | Sequence[float], to: float = 1e-12) -> None:
    """The found tensor is those numbers, for a batch of one."""
    assert_close(found.detach(), tensor(*numbers), rtol=0, atol=to)
