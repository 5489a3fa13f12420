"""Layer-normalised cells against the equations, written with ``layer_norm`` once more."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from attention_core.parts.cells import NormalisedGRUCell, NormalisedLSTMCell, NormalisedTanhCell

INPUT, HIDDEN, ROWS = 3, 4, 5
X = torch.linspace(-2, 2, ROWS * INPUT).view(ROWS, INPUT).double()
H = torch.linspace(1, -1, ROWS * HIDDEN).view(ROWS, HIDDEN).double().sin()
M = H.cos()


def random_cell(kind):
    torch.manual_seed(0)
    cell = kind(INPUT, HIDDEN).double()
    for weight in cell.parameters():
        nn.init.normal_(weight)
    return cell


def normed(norm, x):
    return F.layer_norm(x, x.shape[-1:], norm.weight, norm.bias)


def products(cell):
    return (
        normed(cell.input_norm, X @ cell.input.weight.T),
        normed(cell.recurrent_norm, H @ cell.recurrent.weight.T),
    )


def test_tanh():
    cell = random_cell(NormalisedTanhCell)
    ours, theirs = products(cell)
    assert_close(cell(X, H), torch.tanh(ours + theirs))


def test_gru():
    cell = random_cell(NormalisedGRUCell)
    (xr, xz, xn), (hr, hz, hn) = (product.split(HIDDEN, 1) for product in products(cell))
    r, z = torch.sigmoid(xr + hr), torch.sigmoid(xz + hz)
    assert_close(cell(X, H), (1 - z) * torch.tanh(xn + r * hn) + z * H)


@pytest.mark.parametrize("kind", [NormalisedTanhCell, NormalisedGRUCell])
def test_in_bfloat16_it_learns_too(kind):
    cell = random_cell(kind).float()
    with torch.autocast("cpu", torch.bfloat16):
        hidden = cell(X.float(), H.float())
        cell(X.float(), hidden).sum().backward()
    assert cell.input.weight.grad.isfinite().all()


def test_lstm():
    cell = random_cell(NormalisedLSTMCell)
    i, f, g, o = sum(products(cell)).split(HIDDEN, 1)
    m = torch.sigmoid(f) * M + torch.sigmoid(i) * torch.tanh(g)
    hidden, carried = cell(X, (H, M))
    assert_close(carried, m)
    assert_close(hidden, torch.sigmoid(o) * torch.tanh(normed(cell.cell_norm, m)))


@pytest.mark.parametrize("kind", [NormalisedTanhCell, NormalisedGRUCell, NormalisedLSTMCell])
def test_the_scale_of_the_input_matrix_does_not_matter(kind):
    """What layer normalisation is for. Ba et al. 2016, table 1."""
    cell = random_cell(kind)
    state = (H, M) if kind is NormalisedLSTMCell else H
    before = cell(X, state)
    with torch.no_grad():
        cell.input.weight.mul_(1000)
    assert_close(cell(X, state), before, rtol=1e-4, atol=1e-4)
