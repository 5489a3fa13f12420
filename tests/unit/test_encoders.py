import pytest
import torch
from torch import nn
from torch.testing import assert_close

from attention_core.errors import UserError
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


@pytest.mark.parametrize("cell", ["gru", "lstm", "tanh"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_a_padded_batch_is_each_sentence_unpacked(cell, layers, bidirectional):
    encoder = encoder_of(cell, layers, bidirectional)
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


@pytest.mark.parametrize("cell", ["gru", "lstm", "tanh"])
def test_an_empty_sentence_is_zeros(cell):
    valid = valid_positions(torch.tensor([2, 0, 1]), 6)
    found = encoder_of(cell, 2, True)(TOKENS, valid)
    leaves = (found.values, found.summary, *(leaf for leaf in found.final if leaf is not None))
    for leaf in leaves:
        assert leaf[0].any() and not leaf[1].any()


def test_dropout_is_off_in_evaluation():
    encoder = TextEncoder(nn.Embedding(9, 4), "gru", HIDDEN, dropout=0.5)
    assert not torch.equal(encoder(TOKENS, VALID).values, encoder(TOKENS, VALID).values)
    encoder.eval()
    assert torch.equal(encoder(TOKENS, VALID).values, encoder(TOKENS, VALID).values)


def test_an_unknown_cell_is_named_with_the_nearest():
    with pytest.raises(UserError, match=r"unknown cell 'ltsm'. Did you mean 'lstm'\?"):
        TextEncoder(nn.Embedding(9, 4), "ltsm", HIDDEN)
