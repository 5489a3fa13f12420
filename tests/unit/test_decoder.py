"""The decoder's wirings, each written out once more from its paper's equations."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from attention_core.errors import UserError
from attention_core.models import PRESETS, DecoderSizes, Seq2Seq, build_decoder
from attention_core.parts.decoder import RecurrentDecoder
from attention_core.parts.encoders import TextEncoder
from attention_core.parts.masks import valid_positions
from attention_core.parts.readouts import DeepReadout
from attention_core.parts.rnn import RecurrentStack
from attention_core.parts.starts import ProjectStart
from attention_core.parts.types import Encoded, RecurrentState

B, S, WORDS = 2, 4, 7
SIZES = DecoderSizes(vocabulary=WORDS, embedding=6, hidden=6, values=5, summary=3, attention=4)
TOKENS = torch.tensor([3, 5])


def decoder_of(preset, **changes):
    torch.manual_seed(0)
    sizes = DecoderSizes(**{**vars(SIZES), **changes})
    decoder = build_decoder(preset, sizes).double()
    for weight in decoder.parameters():
        nn.init.normal_(weight, std=0.7)
    return decoder


def begun(decoder):
    """Memory and first state of a random source."""
    torch.manual_seed(1)
    encoded = Encoded(
        torch.randn(B, S, 5).double(),
        valid_positions(torch.tensor([4, 2]), S),
        torch.randn(B, 3).double(),
        RecurrentState(torch.randn(B, 1, 6).double()),
    )
    memory = decoder.remember(encoded)
    return memory, decoder.begin(memory, encoded.final)


def attended(decoder, query, memory):
    """Σ_s α_s h_s over the real positions, one source at a time."""
    scorer, contexts, looked = decoder.attention.scorer, [], []
    for q, values, valid in zip(query, memory.values, memory.valid, strict=True):
        keys = scorer.project_keys(values[valid][None])
        weights = scorer(q[None, None], keys)[0, 0].softmax(0)
        contexts.append(weights @ values[valid])
        looked.append(nn.functional.pad(weights, (0, S - len(weights))))
    return torch.stack(contexts), torch.stack(looked)


def scored(decoder, features):
    weight = decoder.embedding.weight if decoder.output is None else decoder.output
    return features @ weight.T + decoder.bias


def test_bahdanau_attends_with_the_last_state():
    decoder = decoder_of("bahdanau")
    memory, state = begun(decoder)
    last, y = state.hidden[:, 0], decoder.embedding(TOKENS)
    c, expected = attended(decoder, last, memory)
    s = decoder.recurrence.cells[0](torch.cat([y, c], -1), last)
    pairs = decoder.readout.mix(torch.cat([s, c, y], -1)).unflatten(-1, (6, 2))
    logits, after, weights = decoder.step(TOKENS, memory, state)
    assert_close(weights, expected)
    assert_close(after.hidden[:, 0], s)
    assert_close(logits, scored(decoder, torch.maximum(pairs[..., 0], pairs[..., 1])))


@pytest.mark.parametrize("preset", ["bahdanau", "show_attend_tell", "spatial_attention"])
def test_of_several_layers_the_top_one_attends_and_is_read_out(preset):
    decoder = decoder_of(preset, layers=2)
    memory, state = begun(decoder)
    logits, after, weights = decoder.step(TOKENS, memory, state)
    query = after.hidden[:, 1] if preset == "spatial_attention" else state.hidden[:, 1]
    c, expected = attended(decoder, query, memory)
    assert_close(weights, expected)
    if preset == "spatial_attention":
        features = decoder.readout(after.hidden[:, 1], c, decoder.embedding(TOKENS))
        assert_close(logits, scored(decoder, features))


@pytest.mark.parametrize("preset", ["luong", "luong_input_feeding"])
def test_luong_attends_with_the_new_state(preset):
    decoder = decoder_of(preset)
    memory, state = begun(decoder)
    features = torch.zeros(B, 6).double()
    for _ in range(2):  # the second step reads the features of the first
        y, last = decoder.embedding(TOKENS), state.hidden[:, 0]
        inputs = torch.cat([y, features], -1) if preset == "luong_input_feeding" else y
        s = decoder.recurrence.cells[0](inputs, last)
        c, expected = attended(decoder, s, memory)
        features = torch.tanh(decoder.readout.mix(torch.cat([c, s], -1)))
        logits, state, weights = decoder.step(TOKENS, memory, state)
        assert_close(weights, expected)
        assert_close(state.hidden[:, 0], s)
        assert_close(logits, scored(decoder, features))
    assert (state.feed is None) == (preset == "luong")


def test_show_attend_tell_gates_its_context():
    decoder = decoder_of("show_attend_tell")
    memory, state = begun(decoder)
    last, y = state.hidden[:, 0], decoder.embedding(TOKENS)
    c, expected = attended(decoder, last, memory)
    c = torch.sigmoid(last @ decoder.before.gate.weight.T + decoder.before.gate.bias) * c
    s = decoder.recurrence.cells[0](torch.cat([y, c], -1), last)
    features = torch.tanh(decoder.readout.mix(torch.cat([s, c, y], -1)))
    logits, _, weights = decoder.step(TOKENS, memory, state)
    assert_close(weights, expected)
    assert_close(logits, scored(decoder, features))


def test_spatial_attention_reads_the_summary_and_attends_with_the_new_state():
    decoder = decoder_of("spatial_attention")
    memory, state = begun(decoder)
    last, y = state.hidden[:, 0], decoder.embedding(TOKENS)
    s = decoder.recurrence.cells[0](torch.cat([y, memory.summary], -1), last)
    c, expected = attended(decoder, s, memory)
    features = torch.tanh(decoder.readout.mix(torch.cat([s, c, y], -1)))
    logits, _, weights = decoder.step(TOKENS, memory, state)
    assert_close(weights, expected)
    assert_close(logits, scored(decoder, features))


def test_cho_and_sutskever():
    decoder = decoder_of("cho")
    memory, state = begun(decoder)
    y, c = decoder.embedding(TOKENS), memory.summary
    s = decoder.recurrence.cells[0](torch.cat([y, c], -1), state.hidden[:, 0])
    pairs = decoder.readout.mix(torch.cat([s, c, y], -1)).unflatten(-1, (6, 2))
    logits, _, weights = decoder.step(TOKENS, memory, state)
    assert weights is None
    assert_close(logits, scored(decoder, pairs.amax(-1)))

    decoder = decoder_of("sutskever")
    memory, state = begun(decoder)
    s = decoder.recurrence.cells[0](decoder.embedding(TOKENS), state.hidden[:, 0])
    assert_close(decoder.step(TOKENS, memory, state)[0], scored(decoder, s))


def test_one_matrix_over_context_and_word_is_separate_weights_for_each():
    """tanh(W_y y + W_c c + U s + b), the two matrices being column blocks of one."""
    decoder = decoder_of("context_and_previous", cell="tanh")
    memory, state = begun(decoder)
    cell = decoder.recurrence.cells[0]
    of_word, of_context = cell.weight_ih.split([6, 3], 1)
    s = torch.tanh(
        decoder.embedding(TOKENS) @ of_word.T
        + memory.summary @ of_context.T
        + state.hidden[:, 0] @ cell.weight_hh.T
        + cell.bias_ih
        + cell.bias_hh
    )
    logits, after, _ = decoder.step(TOKENS, memory, state)
    assert_close(after.hidden[:, 0], s)
    assert_close(logits, scored(decoder, s))


@pytest.mark.parametrize("preset", PRESETS)
def test_tied_scores_words_with_the_embedding(preset):
    decoder = decoder_of(preset, tied=True)
    memory, state = begun(decoder)
    assert decoder.output is None
    features, _ = decoder.features(TOKENS[:, None], memory, state)
    logits, _, _ = decoder.step(TOKENS, memory, state)
    assert_close(logits, features[:, 0] @ decoder.embedding.weight.T + decoder.bias)


def test_tied_needs_equal_sizes():
    sizes = DecoderSizes(**{**vars(SIZES), "hidden": 8, "tied": True})
    with pytest.raises(
        ValueError, match="tied: expected a readout of the embedding's size 6, got 8"
    ):
        build_decoder("sutskever", sizes)


def test_keys_are_projected_once_a_source():
    decoder, calls = decoder_of("bahdanau"), []
    decoder.attention.scorer.key.register_forward_hook(lambda *given: calls.append(1))
    memory, state = begun(decoder)
    decoder(torch.stack([TOKENS] * 3, 1), memory, state)
    assert len(calls) == 1
    assert memory.keys.shape == (B, S, 4)
    assert begun(decoder_of("cho"))[0].keys is None


def test_the_first_state_is_at_position_zero_and_feeds_zeros():
    decoder = decoder_of("luong_input_feeding")
    memory, state = begun(decoder)
    assert state.position.tolist() == [0, 0]
    assert state.feed.shape == (B, 6) and not state.feed.any()
    _, state, _ = decoder.step(TOKENS, memory, state)
    assert state.position.tolist() == [1, 1] and state.feed.any()


@pytest.mark.parametrize(
    ("valid", "given"),
    [
        (torch.ones(B, S), r"torch.float32 of shape \(2, 4\)"),
        (torch.ones(S, B, dtype=torch.bool), r"torch.bool of shape \(4, 2\)"),
    ],
)
def test_the_mask_must_be_one_of_the_positions(valid, given):
    encoded = Encoded(torch.zeros(B, S, 5), valid, torch.zeros(B, 3))
    with pytest.raises(
        ValueError, match=r"encoded.valid: expected torch.bool of shape \(2, 4\), got " + given
    ):
        decoder_of("bahdanau").remember(encoded)


def test_dropout_acts_on_words_states_and_features():
    """With all of it dropped, only the bias of the vocabulary is left."""
    decoder = decoder_of("bahdanau", dropout=1.0)
    memory, state = begun(decoder)
    assert_close(decoder.step(TOKENS, memory, state)[0], decoder.bias.expand(B, -1))
    decoder.eval()
    assert not torch.allclose(decoder.step(TOKENS, memory, state)[0], decoder.bias.expand(B, -1))


def test_parts_may_be_put_together_by_hand():
    torch.manual_seed(0)
    recurrence = RecurrentStack("gru", 6, 6)
    decoder = RecurrentDecoder(
        embedding=nn.Embedding(WORDS, 6),
        start=ProjectStart(3, recurrence),
        recurrence=recurrence,
        readout=DeepReadout(6, 0, 6, 8, maxout=False),
    )
    assert decoder.fused and decoder.attention is None
    memory = decoder.remember(
        Encoded(torch.zeros(B, S, 5), valid_positions(torch.tensor([4, 2]), S), torch.zeros(B, 3))
    )
    logits, weights = decoder(torch.stack([TOKENS] * 3, 1), memory, decoder.begin(memory, None))
    assert logits.shape == (B, 3, WORDS) and weights is None


def test_unknown_names_come_with_the_nearest():
    with pytest.raises(UserError, match=r"unknown preset 'bahdanu'. Did you mean 'bahdanau'\?"):
        build_decoder("bahdanu", SIZES)
    with pytest.raises(UserError, match=r"unknown cell 'rnn'. Known: gru, lstm, tanh"):
        build_decoder("bahdanau", DecoderSizes(**{**vars(SIZES), "cell": "rnn"}))


def test_a_copied_state_must_fit():
    decoder = decoder_of("luong", values=8)
    encoder = TextEncoder(decoder.embedding, "gru", 4).double()
    tokens = torch.ones(B, S, dtype=torch.long)
    with pytest.raises(
        ValueError, match=r"final.hidden: expected \(2, 1, 6\) to copy, got \(2, 1, 8\)"
    ):
        Seq2Seq(encoder, decoder).remember(tokens, tokens > 0)


