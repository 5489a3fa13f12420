"""``step`` is one graph: torch.compile without a break, torch.export with batch and source open."""

import pytest
import torch
from tiny import every_model, sources, tiny_model, unrolled, words
from torch import nn
from torch.export import Dim, export
from torch.testing import assert_close

from attention_core.models import PRESETS


@pytest.fixture(autouse=True)
def _as_in_search():
    torch.compiler.reset()
    with torch.no_grad():
        yield


class Step(nn.Module):
    def __init__(self, decoder):
        super().__init__()
        self.decoder = decoder

    def forward(self, tokens, memory, state):
        return self.decoder.step(tokens, memory, state)


@every_model
def test_step_compiles_without_a_graph_break(preset, cell):
    decoder = (model := tiny_model(preset, cell, layers=2)).decoder
    memory, state = model.remember(*sources(4, 2))
    state, tokens = state.repeated(3), words(6, 3)
    compiled = Step(decoder)
    compiled.forward = torch.compile(compiled.forward, backend="eager", fullgraph=True)
    expected = unrolled(decoder, tokens, memory, state)
    for column in tokens.unbind(1):
        logits, state, weights = compiled(column, memory, state)
    assert_close(logits, expected[0][:, -1])
    assert_close(weights, None if expected[1] is None else expected[1][:, -1])
    assert_close(tuple(state), tuple(expected[2]))


@pytest.mark.parametrize("preset", PRESETS)
def test_normalised_cells_compile_too(preset):
    model = tiny_model(preset, "lstm", normalised=True)
    memory, state = model.remember(*sources(4, 2))
    compiled = torch.compile(Step(model.decoder), backend="eager", fullgraph=True)
    tokens = words(2, 1)[:, 0]
    assert_close(compiled(tokens, memory, state)[0], model.decoder.step(tokens, memory, state)[0])


@pytest.mark.parametrize("preset", PRESETS)
def test_step_is_exported_for_any_batch_and_any_source(preset):
    model = tiny_model(preset, "lstm")
    batch, size = Dim("batch", min=2), Dim("source", min=2)

    def open_in(tuple_, positions):
        return type(tuple_)(
            *(
                None if x is None else {0: batch, 1: size} if name in positions else {0: batch}
                for name, x in tuple_._asdict().items()
            )
        )

    memory, state = model.remember(*sources(4, 2, 3))
    example = (words(3, 1)[:, 0], memory, state)
    shapes = (
        {0: batch},
        open_in(memory, {"values", "keys", "valid"}),
        open_in(state, {"coverage"}),
    )
    program = export(Step(model.decoder), example, dynamic_shapes=shapes).module()
    for source in (sources(4, 2, 3), sources(5, 7, 1, 2, 3)):
        memory, state = model.remember(*source)
        tokens = words(len(source.tokens), 2)
        for column in tokens.unbind(1):
            found = program(column, memory, state)
            expected = model.decoder.step(column, memory, state)
            assert_close(found[0], expected[0])
            assert_close(found[2], expected[2])
            assert_close(tuple(found[1]), tuple(expected[1]))
            state = expected[1]
