import pytest
import torch
from torch import nn

from attention_core.models import DecoderSizes, Seq2Seq, build_decoder
from attention_core.parts.dropout import Dropout, WordDropout, dropped, sequence_mask
from attention_core.parts.encoders import TextEncoder
from attention_core.parts.rnn import CELLS, RecurrentStack
from attention_core.parts.types import RecurrentState

TOKENS = torch.randint(9, (64, 7), generator=torch.Generator().manual_seed(0))
VALID = torch.ones_like(TOKENS, dtype=torch.bool)


def model_of(preset="bahdanau", cell="gru", **changes):
    torch.manual_seed(0)
    sizes = DecoderSizes(
        vocabulary=9, embedding=4, hidden=6, values=6, summary=6, attention=3, cell=cell, **changes
    )
    decoder = build_decoder(preset, sizes)
    return Seq2Seq(TextEncoder(decoder.embedding, cell, 3), decoder)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_dropout_drops_at_the_stated_rate_and_keeps_the_mean(dtype):
    torch.manual_seed(0)
    found = Dropout(0.3)(torch.ones(201, 999, dtype=dtype))  # no multiple of the four of a draw
    assert found.dtype == dtype and len(found.unique()) == 2
    assert (found == 0).double().mean() == pytest.approx(0.3, abs=0.005)
    assert found.double().mean() == pytest.approx(1.0, abs=0.01)


def test_what_dropout_drops_tells_nothing_of_what_else_it_drops():
    """Neither of a neighbour, who shares its draw, nor of the row before, nor of the next call."""
    torch.manual_seed(0)
    first, second = ((Dropout(0.3)(torch.ones(400, 1000)) > 0).double() - 0.7 for _ in range(2))
    pairs = [(first[:, :-n], first[:, n:]) for n in (1, 2, 3, 4)]
    for one, other in (*pairs, (first[:-1], first[1:]), (first, second)):
        assert (one * other).mean().abs() < 0.002


def test_dropout_of_all_and_of_none():
    x = torch.randn(5, 7)
    assert not Dropout(1.0)(x).any()
    assert torch.equal(Dropout(0.0)(x), x) and torch.equal(Dropout(0.5).eval()(x), x)


def test_gradients_pass_where_dropout_does():
    x = torch.randn(50, 7, requires_grad=True)
    found = Dropout(0.5)(x)
    (gradient,) = torch.autograd.grad(found.sum(), x)
    assert torch.equal(gradient * x, found)


def test_word_dropout_drops_words_at_the_stated_rate_and_keeps_the_mean():
    torch.manual_seed(0)
    embedded = WordDropout(0.3)(torch.ones(200, 100, 4))
    assert (embedded == embedded[..., :1]).all()
    assert (embedded[..., 0] == 0).double().mean() == pytest.approx(0.3, abs=0.01)
    assert embedded.mean() == pytest.approx(1.0, abs=0.02)


def test_word_dropout_is_off_in_evaluation():
    words = WordDropout(0.9).eval()
    assert torch.equal(words(torch.ones(5, 6, 2)), torch.ones(5, 6, 2))


def test_word_dropout_acts_in_encoder_and_decoder():
    """With every word dropped, it does not matter which words there were."""
    model = model_of(word_dropout=1.0)
    model.encoder.words.p = 1.0
    others = (TOKENS + 1) % 9
    runs = []
    for tokens in (TOKENS, others):
        memory, state = model.remember(tokens, VALID)
        runs.append((memory.values, model.decoder.forward(tokens, memory, state)[0]))
    assert torch.equal(runs[0][0], runs[1][0])
    assert torch.equal(runs[0][1], runs[1][1])


def test_a_mask_is_one_draw_for_the_whole_sequence():
    torch.manual_seed(0)
    mask = sequence_mask(torch.zeros(1000, 3), 5, 0.25)
    assert sorted(mask.unique().tolist()) == pytest.approx([0, 4 / 3])
    assert (mask == 0).double().mean() == pytest.approx(0.25, abs=0.02)
    found = dropped(torch.ones(1000, 8, 5), nn.Dropout(0.25), mask)
    assert torch.equal(found, mask[:, None].expand(-1, 8, -1))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("normalised", [False, True])
def test_the_stack_multiplies_states_and_what_goes_between_layers(cell, normalised):
    torch.manual_seed(0)
    stack = RecurrentStack(cell, 3, 4, 2, dropout=0.5, normalised=normalised).double()
    x, masks = torch.randn(2, 3).double(), stack.masks(torch.zeros(2, 1).double())
    assert masks.shape == (2, 12)
    hidden = torch.randn(2, 2, 4).double()
    carried = torch.randn_like(hidden) if cell == "lstm" else None

    def run(layer, inputs, mask):
        before = hidden[:, layer] * mask
        state = before if carried is None else (before, carried[:, layer])
        after = stack.cells[layer](inputs, state)
        return after if carried is None else after[0]

    first = run(0, x, masks[:, :4])
    second = run(1, first * masks[:, 8:], masks[:, 4:8])
    found = stack.step(x, RecurrentState(hidden, carried), masks)
    torch.testing.assert_close(found.hidden, torch.stack([first, second], 1))
    outputs, last = stack(x[:, None], RecurrentState(hidden, carried), masks)
    torch.testing.assert_close(last.hidden, found.hidden)
    torch.testing.assert_close(outputs[:, 0], found.hidden[:, 1])


@pytest.mark.parametrize("preset", ["bahdanau", "luong", "adaptive_attention"])
@pytest.mark.parametrize("cell", CELLS)
def test_steps_of_a_sequence_share_its_masks_in_training(preset, cell):
    model = model_of(preset, cell, layers=1, dropout=0.5, variational=True)
    memory, state = model.remember(TOKENS, VALID)
    assert state.masks.shape == (64, sum(model.decoder._spots))
    whole, _ = model.decoder(TOKENS, memory, state)
    stepped = []
    for column in TOKENS.unbind(1):
        logits, state, _ = model.decoder.step(column, memory, state)
        stepped.append(logits)
    torch.testing.assert_close(torch.stack(stepped, 1), whole)
    assert not torch.equal(model.decoder(TOKENS, *model.remember(TOKENS, VALID))[0], whole)


def test_rows_take_their_masks_along():
    model = model_of(dropout=0.5, variational=True)
    _, state = model.remember(TOKENS, VALID)
    order = torch.tensor([3, 0, 3])
    assert torch.equal(state.rows(order).masks, state.masks[order])


@pytest.mark.parametrize("variational", [False, True])
def test_evaluation_has_no_masks_and_is_the_same_each_time(variational):
    model = model_of(dropout=0.5, word_dropout=0.5, variational=variational).eval()
    memory, state = model.remember(TOKENS, VALID)
    assert state.masks is None
    assert torch.equal(
        model.decoder(TOKENS, memory, state)[0], model.decoder(TOKENS, memory, state)[0]
    )


def test_the_encoder_draws_one_mask_a_sentence():
    """Without recurrence to tell places apart, equal words at all places give equal values."""
    torch.manual_seed(0)
    encoder = TextEncoder(nn.Embedding(9, 4), "tanh", 8, dropout=0.5, variational=True)
    for name, weight in encoder.named_parameters():
        if "weight_hh" in name:
            nn.init.zeros_(weight)
    values = encoder(torch.full((1, 6), 3), torch.ones(1, 6, dtype=torch.bool)).values
    torch.testing.assert_close(values, values[:, :1].expand_as(values))
    assert (values == 0).any() and values.any()


@pytest.mark.parametrize("p", [-0.5, 1.5, float("nan")])
def test_words_are_dropped_with_a_probability(p):
    with pytest.raises(ValueError, match="p: expected a probability, got"):
        WordDropout(p)
