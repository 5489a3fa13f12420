import pytest
import torch
from torch import nn
from torch.testing import assert_close

from attention_core.errors import UserError
from attention_core.parts.aligned import aligned_lstm
from attention_core.parts.encoders import TextEncoder
from attention_core.parts.masks import valid_positions

HIDDEN, LENGTHS = 3, (2, 5, 1)
TOKENS = torch.randint(9, (3, 6), generator=torch.Generator().manual_seed(0))
VALID = valid_positions(torch.tensor(LENGTHS), 6)


def encoder_of(cell, layers, bidirectional):
    torch.manual_seed(0)
    encoder = TextEncoder(
        nn.Embedding(9, 4), cell, HIDDEN, layers=layers, bidirectional=bidirectional
    )
    return encoder.double()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("cell", ["gru", "lstm", "tanh"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_a_padded_batch_is_each_sentence_unpacked(cell, layers, bidirectional, training):
    encoder = encoder_of(cell, layers, bidirectional).train(training)
    found = encoder(TOKENS, VALID)
    size = HIDDEN * (2 if bidirectional else 1)
    assert encoder.output_size == size and found.values.shape == (3, 6, size)
    assert found.valid is VALID
    for i, length in enumerate(LENGTHS):
        outputs, final = encoder.rnn(encoder.embedding(TOKENS[i, :length]))
        assert_close(found.values[i, :length], outputs)
        assert not found.values[i, length:].any()
        # [→h_S; ←h_1] of the top layer
        assert_close(found.summary[i, :HIDDEN], outputs[-1, :HIDDEN])
        assert_close(found.summary[i, HIDDEN:], outputs[0, HIDDEN:])
        for leaf, expected in zip(
            found.final, final if cell == "lstm" else (final, None), strict=True
        ):
            if expected is None:
                assert leaf is None
            else:  # (L·D, H) of torch: the directions of a layer stand side by side
                assert_close(leaf[i], expected.reshape(layers, size))


@pytest.mark.parametrize("bidirectional", [True, False])
def test_an_lstm_learns_by_its_kernel_what_it_would_by_packed_sequences(bidirectional):
    """In float32, which is what oneDNN's kernel takes: values, states, and all gradients."""
    encoder = encoder_of("lstm", 2, bidirectional).float()
    direction, found = torch.randn(3, 6, encoder.output_size), []
    for packed in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            if packed:
                patch.setattr(encoder, "_has_kernel", lambda embedded: False)
            encoded = encoder(TOKENS, VALID)
        loss = (encoded.values * direction).sum() + encoded.final.cell.square().sum()
        found.append((*encoded, *torch.autograd.grad(loss, list(encoder.parameters()))))
    kernel = torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU])
    with kernel:
        encoder(TOKENS, VALID)
    names = [event.name for event in kernel.events()]
    assert ("aten::mkldnn_rnn_layer" in names) == torch.backends.mkldnn.is_available()
    assert_close(*found)
    assert not found[0][0][~VALID].any()


def test_what_lies_between_layers_is_dropped_once_for_each():
    seen = []

    def between(inputs):
        seen.append(inputs)
        return torch.zeros_like(inputs)

    lstm = encoder_of("lstm", 3, True).rnn
    outputs, _, _ = aligned_lstm(lstm, torch.randn(3, 6, 4).double(), VALID, between)
    assert [inputs.shape for inputs in seen] == [(3, 6, 2 * HIDDEN)] * 2
    others, _, _ = aligned_lstm(lstm, torch.randn(3, 6, 4).double(), VALID, between)
    assert outputs.any() and torch.equal(outputs, others)  # nothing of what was read is left


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("cell", ["gru", "lstm", "tanh"])
def test_an_empty_sentence_is_zeros(cell, training):
    valid = valid_positions(torch.tensor([2, 0, 1]), 6)
    found = encoder_of(cell, 2, True).train(training)(TOKENS, valid)
    leaves = (found.values, found.summary, *(leaf for leaf in found.final if leaf is not None))
    for leaf in leaves:
        assert leaf[0].any() and not leaf[1].any()


@pytest.mark.parametrize("cell", ["gru", "lstm", "tanh"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_stepping_is_the_fused_kernel(cell, layers, bidirectional):
    """What variational dropout and layer normalisation need, with the weights of torch's module."""
    fused = encoder_of(cell, layers, bidirectional)
    stepped = TextEncoder(
        fused.embedding, cell, HIDDEN, layers=layers, bidirectional=bidirectional, variational=True
    ).double()
    directions = ["", "_reverse"][: fused.directions]
    with torch.no_grad():
        for number, stack in enumerate(stepped.rnn.stacks):
            layer, end = number // fused.directions, directions[number % fused.directions]
            for name, weight in stack.cells[0].named_parameters():
                weight.copy_(getattr(fused.rnn, f"{name}_l{layer}{end}"))
    valid = valid_positions(torch.tensor([2, 0, 6]), 6)
    expected, found = fused(TOKENS, valid), stepped(TOKENS, valid)
    assert_close(found.values, expected.values)
    assert_close(found.summary, expected.summary)
    assert_close(tuple(found.final), tuple(expected.final))


@pytest.mark.parametrize("variational", [False, True])
@pytest.mark.parametrize("cell", ["gru", "lstm", "tanh"])
def test_a_batch_of_sentences_without_any_position(cell, variational):
    encoder = TextEncoder(nn.Embedding(9, 4), cell, HIDDEN, variational=variational)
    found = encoder(torch.zeros(2, 0, dtype=torch.long), torch.zeros(2, 0, dtype=torch.bool))
    assert found.values.shape == (2, 0, 6)
    assert found.summary.shape == (2, 6) and not found.summary.any()


@pytest.mark.parametrize(
    ("tokens", "valid", "message"),
    [
        (
            TOKENS.float(),
            VALID,
            r"tokens: expected torch.int64 of shape \(any, any\), got torch.fl",
        ),
        (TOKENS[0], VALID, r"tokens: expected .* got torch.int64 of shape \(6,\)"),
        (TOKENS, VALID.long(), r"valid: expected torch.bool of shape \(3, 6\), got torch.int64"),
        (TOKENS, VALID[:, 1:], r"valid: expected torch.bool of shape \(3, 6\), got .*\(3, 5\)"),
        (TOKENS, ~VALID, "valid: expected real positions first in each row, got some after"),
        (TOKENS.to("meta"), VALID, "tokens: expected on cpu, got on meta"),
    ],
)
def test_what_is_not_a_batch_of_sentences_is_told(tokens, valid, message):
    with pytest.raises(ValueError, match=message):
        TextEncoder(nn.Embedding(9, 4), "gru", HIDDEN)(tokens, valid)


def test_dropout_is_off_in_evaluation():
    encoder = TextEncoder(nn.Embedding(9, 4), "gru", HIDDEN, dropout=0.5)
    assert not torch.equal(encoder(TOKENS, VALID).values, encoder(TOKENS, VALID).values)
    encoder.eval()
    assert torch.equal(encoder(TOKENS, VALID).values, encoder(TOKENS, VALID).values)


def test_an_unknown_cell_is_named_with_the_nearest():
    with pytest.raises(UserError, match=r"unknown cell 'ltsm'. Did you mean 'lstm'\?"):
        TextEncoder(nn.Embedding(9, 4), "ltsm", HIDDEN)
