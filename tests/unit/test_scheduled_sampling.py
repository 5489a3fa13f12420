"""Scheduled sampling: which inputs are the model's own, and where they come from."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from attention_core.models import DecoderSizes, Seq2Seq, build_decoder
from attention_core.parts.encoders import TextEncoder
from attention_core.training import Batch, ScheduledSampling, TeacherForcing
from attention_core.training.scheduled_sampling import mixed_inputs

PAD, BEGIN, END, WORDS = 0, 1, 2, 7
SOURCE = torch.tensor([[3, 4, 5], [6, 3, PAD]])
TARGETS = torch.tensor([[BEGIN, 5, 4, END, PAD], [BEGIN, 3, 6, 4, END]])
BATCH = Batch((SOURCE, SOURCE != PAD), TARGETS)
NEVER = ScheduledSampling(decay="exponential", k=1e-9)  # after the first update


def model_of(preset="bahdanau", dropout=0.0):
    torch.manual_seed(0)
    sizes = DecoderSizes(
        vocabulary=WORDS,
        embedding=4,
        hidden=6,
        values=6,
        summary=6,
        attention=3,
        dropout=dropout,
    )
    decoder = build_decoder(preset, sizes)
    model = Seq2Seq(TextEncoder(decoder.embedding, "gru", 3), decoder).double()
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.7)
    return model


def mixed(model, tokens, probability):
    memory, state = model.remember(*BATCH.source)
    state = state.repeated(tokens.size(0) // 2)
    return mixed_inputs(model.decoder, tokens, memory, state, probability)


def test_with_certainty_the_inputs_are_the_true_ones():
    assert_close(mixed(model_of(), TARGETS, 1.0), TARGETS)


def test_the_first_input_is_always_true():
    assert mixed(model_of(), TARGETS, 0.0)[:, 0].tolist() == [BEGIN, BEGIN]


def test_the_share_of_true_tokens_is_the_probability():
    """Words that the model never says tell true inputs from its own."""
    model = model_of()
    with torch.no_grad():
        model.decoder.bias[6] = -1e9
    tokens = torch.full((400, 11), 6)
    true = (mixed(model, tokens, 0.3)[:, 1:] == 6).double()
    assert true.mean() == pytest.approx(0.3, abs=0.03)  # 4000 draws: three deviations are 0.022
    by_step = true.mean(0)
    assert by_step.min() > 0.2 and by_step.max() < 0.4


@pytest.mark.parametrize("preset", ["bahdanau", "luong"])
def test_own_words_are_drawn_given_the_mixed_ones_before(preset):
    """Frequencies of the third input after each second one are the model's probabilities."""
    model = model_of(preset)
    rows = 8000
    memory, state = model.remember(SOURCE[:1], SOURCE[:1] != PAD)
    tokens = torch.full((rows, 3), BEGIN)
    found = mixed_inputs(model.decoder, tokens, memory, state.repeated(rows), 0.0)
    first, state, _ = model.decoder.step(torch.tensor([BEGIN]), memory, state)
    counts = torch.bincount(found[:, 1], minlength=WORDS) / rows
    assert_close(counts, first[0].softmax(-1).float(), atol=0.02, rtol=0)
    word = int(counts.argmax())
    second, _, _ = model.decoder.step(torch.tensor([word]), memory, state)
    after = found[found[:, 1] == word, 2]
    counts = torch.bincount(after, minlength=WORDS) / len(after)
    assert_close(counts, second[0].softmax(-1).float(), atol=0.04, rtol=0)


def test_samples_are_drawn_without_dropout_which_then_goes_on():
    model = model_of(dropout=0.5)
    with torch.no_grad():
        model.decoder.bias[6] = 1e9  # so that every sample is 6
    seen = []
    model.decoder.dropout.register_forward_hook(lambda module, *_: seen.append(module.training))
    assert mixed(model, TARGETS, 0.0)[:, 1:].unique().tolist() == [6]
    assert seen and not any(seen)
    assert model.decoder.training and model.decoder.dropout.training


def test_own_words_are_drawn_in_float32_however_the_model_computes(monkeypatch):
    seen = []

    def drawn(probabilities):
        seen.append(probabilities.dtype)
        return probabilities.argmax(-1)

    monkeypatch.setattr("attention_core.training.scheduled_sampling.drawn", drawn)
    with torch.autocast("cpu", torch.bfloat16):
        mixed(model_of().float(), TARGETS, 0.0)
    assert set(seen) == {torch.float32}


def test_the_loss_is_that_of_the_mixed_inputs():
    """A model that is sure to say 6 reads 6 from the second input on."""
    model = model_of()
    objective = TeacherForcing(model, pad=PAD, scheduled_sampling=NEVER)
    with torch.no_grad():
        model.decoder.bias[6] = 1e3
    objective.update = 1
    loss, count = objective(BATCH)
    memory, state = model.remember(*BATCH.source)
    inputs = torch.tensor([[BEGIN, 6, 6, 6], [BEGIN, 6, 6, 6]])
    gains = model.decoder(inputs, memory, state)[0].log_softmax(-1)
    real = [(0, t) for t in range(3)] + [(1, t) for t in range(4)]
    assert_close(loss, -sum(gains[row, t, TARGETS[row, t + 1]] for row, t in real))
    assert count == 7


def test_the_update_decides_how_much_is_sampled():
    objective = TeacherForcing(model_of(), pad=PAD, scheduled_sampling=NEVER)
    plain, _ = TeacherForcing(objective.model, pad=PAD)(BATCH)
    objective.update = 0  # 1e-9 to the power of 0: every input is true
    assert_close(objective(BATCH)[0], plain)
    objective.update = 1
    assert not torch.isclose(objective(BATCH)[0], plain)


def test_a_validation_reads_true_inputs():
    objective = TeacherForcing(model_of(), pad=PAD, scheduled_sampling=NEVER)
    objective.update = 1
    plain, _ = TeacherForcing(objective.model, pad=PAD)(BATCH)
    assert_close(objective.eval()(BATCH)[0], plain)


def test_no_gradient_goes_through_the_choice():
    model = model_of()
    memory, state = model.remember(*BATCH.source)
    assert not mixed_inputs(model.decoder, TARGETS, memory, state, 0.0).requires_grad
    objective = TeacherForcing(model, pad=PAD, scheduled_sampling=NEVER)
    objective.update = 1
    loss, _ = objective(BATCH)
    loss.backward()
    assert all(weight.grad is not None for weight in model.parameters())


def test_own_words_are_of_those_that_the_batch_names():
    model, words = model_of(), torch.tensor([END, 4, 6])
    with torch.no_grad():
        model.decoder.bias[5] = 1e3  # what it would say, if it might
    memory, state = model.remember(*BATCH.source)
    found = mixed_inputs(model.decoder, TARGETS, memory, state, 0.0, words)
    assert torch.isin(found[:, 1:], words).all()
    objective = TeacherForcing(model, pad=PAD, scheduled_sampling=NEVER)
    objective.update = 1
    with torch.no_grad():
        model.decoder.bias[4] = 1e2
    words = torch.tensor([END, 3, 4, 5, 6])
    read = torch.tensor([[BEGIN, 5, 5, 5], [BEGIN, 5, 5, 5]])
    gains = model.decoder(read, memory, state)[0][..., words].log_softmax(-1)
    real = [(0, t) for t in range(3)] + [(1, t) for t in range(4)]
    expected = -sum(gains[row, t, TARGETS[row, t + 1] - END] for row, t in real)
    assert_close(objective(BATCH._replace(words=words))[0], expected)


def test_two_readings_are_of_the_same_words():
    """Without dropout nothing sets them apart, whatever was drawn."""
    torch.manual_seed(1)
    model = model_of()
    half = ScheduledSampling(decay="linear", k=0.5, c=1e-9)
    losses = []
    for consistency in (1e-9, 5.0):
        objective = TeacherForcing(model, pad=PAD, scheduled_sampling=half, consistency=consistency)
        torch.manual_seed(2)
        losses.append(objective(BATCH)[0])
    assert_close(*losses)
