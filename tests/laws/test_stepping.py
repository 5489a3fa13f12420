import pytest
import torch
from tiny import every_model, sources, tiny_model, unrolled, words
from torch.testing import assert_close

from attention_core.models import PRESETS
from attention_core.parts.types import Memory

STEPPED = {
    "bahdanau",
    "bahdanau_coverage",
    "luong_input_feeding",
    "luong_local_m_input_feeding",
    "luong_local_p_input_feeding",
    "show_attend_tell",
}


@every_model
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("rows", [1, 3])
def test_step_unrolled_is_forward(preset, cell, layers, rows):
    model = tiny_model(preset, cell, layers=layers)
    memory, state = model.remember(*sources(4, 2))
    state, tokens = state.repeated(rows), words(2 * rows, 5)
    logits, weights = model.decoder(tokens, memory, state)
    stepped, looked, last = unrolled(model.decoder, tokens, memory, state)
    assert logits.shape == (2 * rows, 5, 7)
    assert_close(stepped, logits)
    assert_close(looked, weights)
    assert last.position.tolist() == [5] * 2 * rows


@every_model
def test_forward_goes_on_from_any_state(preset, cell):
    model = tiny_model(preset, cell)
    memory, state = model.remember(*sources(3))
    tokens = words(1, 6)
    whole, _ = model.decoder(tokens, memory, state)
    _, _, later = unrolled(model.decoder, tokens[:, :2], memory, state)
    rest, _ = model.decoder(tokens[:, 2:], memory, later)
    assert_close(rest, whole[:, 2:])


@pytest.mark.parametrize("preset", PRESETS)
def test_only_what_needs_the_last_state_is_stepped(preset, monkeypatch):
    model = tiny_model(preset, "gru")
    memory, state = model.remember(*sources(3))
    assert model.decoder.fused == (preset not in STEPPED)
    taken = []
    step = model.decoder.recurrence.step
    monkeypatch.setattr(
        model.decoder.recurrence, "step", lambda *given: taken.append(1) or step(*given)
    )
    model.decoder(words(1, 4), memory, state)
    assert len(taken) == (4 if preset in STEPPED else 0)


@every_model
def test_rows_of_a_source_are_a_tiled_memory(preset, cell):
    model = tiny_model(preset, cell)
    memory, state = model.remember(*sources(4, 2, 3))
    state, tokens = state.repeated(2), words(6, 4)
    tiled = Memory(*(None if x is None else x.repeat_interleave(2, 0) for x in memory))
    for run in (model.decoder, lambda *given: unrolled(model.decoder, *given)[:2]):
        assert_close(run(tokens, memory, state), run(tokens, tiled, state))


@every_model
def test_rows_of_a_state_are_independent(preset, cell):
    model = tiny_model(preset, cell)
    memory, state = model.remember(*sources(4))
    tokens, order = words(3, 4), torch.tensor([2, 0, 2])
    logits, weights, last = unrolled(model.decoder, tokens, memory, state.repeated(3))
    picked = unrolled(model.decoder, tokens[order], memory, state.repeated(3))
    assert_close(picked[0], logits[order])
    assert_close(picked[1], None if weights is None else weights[order])
    assert_close(tuple(picked[2]), tuple(last.rows(order)))
