"""Analytic gradients of every part on its own, by its inputs and its weights."""

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck
from torch.func import functional_call

from attention_core.parts.attention import Attention
from attention_core.parts.masks import masked_softmax
from attention_core.parts.readouts import AttentionalReadout, DeepReadout, FeedForwardReadout
from attention_core.parts.rnn import CELLS, RecurrentStack
from attention_core.parts.scorers import SCORERS, Additive, build_scorer
from attention_core.parts.sentinel import Sentinel, VisualSentinel
from attention_core.parts.starts import BridgeStart, PrefixStart, ProjectStart
from attention_core.parts.types import Memory, RecurrentState
from attention_core.parts.windows import LocalMonotonic, LocalPredictive

B, M, S, V, K = 2, 3, 5, 4, 3
VALID = torch.tensor([[True] * 5, [True, True, True, False, False]])
POSITION = torch.tensor([[0, 1, 4], [0, 2, 7]])

every_cell = pytest.mark.parametrize("cell", CELLS)


class Called(nn.Module):
    """A function of a module, as a module that ``functional_call`` gives other weights."""

    def __init__(self, module, function):
        super().__init__()
        self.module, self.function = module, function

    def forward(self, *inputs):
        return self.function(self.module, *inputs)


def check(module, function, *inputs):
    """gradcheck of ``function(module, *inputs)``; outputs that are None are left out."""
    for weight in module.parameters():
        nn.init.normal_(weight, std=0.7)
    called, weights = Called(module, function), dict(module.named_parameters())
    for x in inputs:
        x.requires_grad_()

    def run(*tensors):
        names = [f"module.{name}" for name in weights]
        given = dict(zip(names, tensors[len(inputs) :], strict=True))
        found = functional_call(called, given, tensors[: len(inputs)])
        found = (found,) if isinstance(found, torch.Tensor) else found
        return tuple(x for x in found if x is not None)

    assert gradcheck(run, (*inputs, *weights.values()), fast_mode=True)


def attended(attention, query, values, *more):
    keys = attention.scorer.project_keys(values)
    return attention(query, Memory(values, keys, VALID, values[:, 0]), POSITION, *more)


def test_masked_softmax():
    check(nn.Identity(), lambda _, x: masked_softmax(x, VALID), torch.randn(B, S))


@pytest.mark.parametrize("name", SCORERS)
@pytest.mark.parametrize(
    "window",
    [
        lambda: None,
        lambda: LocalMonotonic(1),
        lambda: LocalPredictive(V, K, 2),
    ],
    ids=["everywhere", "local-m", "local-p"],
)
def test_attention(name, window):
    attention = Attention(build_scorer(name, V, V, K), window=window(), gate=nn.Linear(V, 1))
    check(attention, attended, torch.randn(B, M, V), torch.randn(B, S, V))


def test_coverage():
    attention = Attention(Additive(V, V, K, coverage=True))
    given = torch.randn(B, M, V), torch.randn(B, S, V), torch.rand(B, M, S)
    check(attention, attended, *given)


@pytest.mark.parametrize("name", SCORERS)
def test_sentinel_beside_the_source(name):
    attention = Attention(build_scorer(name, V, V, K))
    size = attention.scorer.key_size
    check(
        attention,
        lambda attention, query, values, value, key: attended(
            attention, query, values, None, Sentinel(value, key)
        ),
        torch.randn(B, M, V),
        torch.randn(B, S, V),
        torch.randn(B, M, V),
        torch.randn(B, M, size),
    )


@pytest.mark.parametrize("value_size", [V, K])
def test_visual_sentinel(value_size):
    given = torch.randn(B, 2), torch.randn(B, V), torch.randn(B, V)
    check(VisualSentinel(2, V, value_size, 5), VisualSentinel.forward, *given)


@every_cell
@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("run", ["step", "forward"])
def test_recurrence(cell, normalised, masked, run):
    stack = RecurrentStack(cell, 2, 3, 2, dropout=0.5, normalised=normalised)
    masks = stack.masks(torch.ones(B, 1)) if masked else None
    stack.eval()

    def called(stack, inputs, hidden, *carried):
        state = RecurrentState(hidden, *carried)
        if run == "step":
            return stack.step(inputs[:, 0], state, masks)
        outputs, last = stack(inputs, state, masks)
        return outputs, *last

    state = [torch.randn(B, 2, 3) for _ in range(2 if cell == "lstm" else 1)]
    check(stack, called, torch.randn(B, M, 2), *state)


@every_cell
def test_starts(cell):
    stack = RecurrentStack(cell, 2, 3, 2)
    finals = [torch.randn(B, 1, V) for _ in range(2 if cell == "lstm" else 1)]
    summary = torch.randn(B, V)
    check(
        BridgeStart(V, 1, stack),
        lambda start, *final: start(summary, RecurrentState(*final), stack),
        *finals,
    )
    check(ProjectStart(V, stack), lambda start, x: start(x, None, stack), torch.randn(B, V))
    check(PrefixStart(V, 2), lambda start, x: start(x, None, stack), torch.randn(B, V))


@pytest.mark.parametrize(
    "readout",
    [
        DeepReadout(3, V, 2, 3, maxout=True),
        DeepReadout(3, V, 2, 3, maxout=False),
        AttentionalReadout(3, V, 2),
        FeedForwardReadout(3, V, 2),
    ],
    ids=["maxout", "tanh", "attentional", "feed-forward"],
)
def test_readouts(readout):
    given = torch.randn(B, 3), torch.randn(B, V), torch.randn(B, 2)
    check(readout.double(), lambda readout, *parts: readout(*parts), *given)
