"""Analytic gradients against finite differences."""

import pytest
import torch
from tiny import BEGIN, END, PAD, every_model, sources, tiny_model
from torch.autograd import gradcheck
from torch.func import functional_call

from attention_core.parts.types import DecoderState, Memory
from attention_core.training import Batch, TeacherForcing


@every_model
def test_gradcheck_of_step(preset, cell):
    """Of the logits, the next state and the weights, by memory, state and parameters."""
    model = tiny_model(preset, cell)
    memory, state = model.remember(*sources(3, 2))
    leaves = {
        name: value.detach().clone().requires_grad_()
        for name, value in (memory._asdict() | state._asdict()).items()
        if value is not None and value.is_floating_point()
    }
    parameters = dict(model.decoder.named_parameters())
    fixed = {"valid": memory.valid, "position": state.position}

    def step(*tensors):
        given = {**dict.fromkeys(Memory._fields + DecoderState._fields), **fixed}
        given |= dict(zip(leaves, tensors, strict=False))
        memory = Memory(*(given[name] for name in Memory._fields))
        state = DecoderState(*(given[name] for name in DecoderState._fields))
        weights = dict(zip(parameters, tensors[len(leaves) :], strict=True))
        # A method other than forward, with the parameters replaced.
        logits, state, looked = functional_call(
            _Step(model.decoder),
            {f"decoder.{name}": weight for name, weight in weights.items()},
            (torch.tensor([3, 4]), memory, state),
        )
        found = (logits, state.hidden, state.cell, state.feed, state.coverage, looked)
        return tuple(x for x in found if x is not None)

    assert gradcheck(step, (*leaves.values(), *parameters.values()), fast_mode=True)


class _Step(torch.nn.Module):
    def __init__(self, decoder):
        super().__init__()
        self.decoder = decoder

    def forward(self, *given):
        return self.decoder.step(*given)


@every_model
@pytest.mark.parametrize("rows", [1, 2])
def test_gradcheck_of_teacher_forcing(preset, cell, rows):
    model = tiny_model(preset, cell)
    objective = TeacherForcing(model, pad=PAD, label_smoothing=0.1, doubly_stochastic=0.5)
    targets = [[3, 4, END], [5, END, PAD], [6, 3, END], [END, PAD, PAD]]
    tokens = torch.tensor([[BEGIN, *target] for target in targets[: 2 * rows]])
    batch = Batch(sources(3, 2), tokens)
    parameters = dict(objective.named_parameters())

    def loss(*tensors):
        return functional_call(objective, dict(zip(parameters, tensors, strict=True)), (batch,))[0]

    assert gradcheck(loss, tuple(parameters.values()), fast_mode=True)
