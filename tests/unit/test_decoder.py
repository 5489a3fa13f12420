"""The decoder's wirings, each written out once more from its paper's equations."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from attention_core.errors import UserError
from attention_core.models import PRESETS, DecoderSizes, Seq2Seq, build_decoder
from attention_core.parts.attention import Attention
from attention_core.parts.decoder import RecurrentDecoder
from attention_core.parts.encoders import TextEncoder
from attention_core.parts.masks import valid_positions
from attention_core.parts.readouts import DeepReadout
from attention_core.parts.rnn import RecurrentStack
from attention_core.parts.scorers import SCORERS, build_scorer
from attention_core.parts.sentinel import VisualSentinel
from attention_core.parts.starts import BridgeStart, CopyStart, ProjectStart
from attention_core.parts.types import Encoded, RecurrentState

B, S, WORDS = 2, 4, 7
SIZES = DecoderSizes(vocabulary=WORDS, embedding=6, hidden=6, values=5, summary=3, attention=4)
TOKENS = torch.tensor([3, 5])


def decoder_of(preset, **changes):
    torch.manual_seed(0)
    if preset == "sutskever" or preset.startswith("luong"):  # they copy a state of their own size
        changes = {"summary": 6, **changes}
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
        torch.randn(B, 6 if isinstance(decoder.start, CopyStart) else 3).double(),
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


def test_gnmt_attends_with_its_bottom_layer_and_the_ones_above_read_what_it_found():
    decoder = decoder_of("gnmt", cell="lstm", layers=3)
    (bottom,), (second, third) = decoder.recurrence.cells, decoder.above.cells
    memory, state = begun(decoder)
    assert state.hidden.shape == (B, 3, 6) and not state.hidden[:, 1:].any()
    for _ in range(2):  # the second step reads what the layers carry from the first
        s, u, v = zip(state.hidden.unbind(1), state.cell.unbind(1), strict=True)
        s = bottom(decoder.embedding(TOKENS), s)
        c, expected = attended(decoder, s[0], memory)
        u = second(torch.cat([s[0], c], -1), u)
        v = third(u[0], v)
        logits, state, weights = decoder.step(TOKENS, memory, state)
        assert_close(weights, expected)
        for found, hidden, cell in zip(
            (s, u, v), state.hidden.unbind(1), state.cell.unbind(1), strict=True
        ):
            assert_close(found, (hidden, cell))
        features = torch.tanh(decoder.readout.mix(torch.cat([c, s[0] + v[0]], -1)))
        assert_close(logits, scored(decoder, features))


def test_the_stack_above_has_the_cells_of_the_one_below():
    recurrence = RecurrentStack("gru", 6, 6)
    for above, message in (
        (RecurrentStack("lstm", 12, 6), "above: expected cell 'gru' as below, got 'lstm'"),
        (RecurrentStack("gru", 12, 5), "above: expected hidden_size 6 as below, got 5"),
    ):
        with pytest.raises(ValueError, match=message):
            RecurrentDecoder(
                embedding=nn.Embedding(WORDS, 6),
                start=ProjectStart(3, recurrence),
                recurrence=recurrence,
                readout=DeepReadout(6, 6, 6, 6, maxout=False),
                after=Attention(build_scorer("additive", 6, 6, 4)),
                above=above,
            )


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


def test_a_state_that_is_read_out_as_it_is_is_dropped_once():
    torch.manual_seed(0)
    decoder = decoder_of("sutskever", dropout=0.5)
    _, state = begun(decoder)
    top = torch.ones(1000, state.hidden.size(-1))
    features = decoder._read(top, None, top, decoder._masks(state))
    assert_close((features == 0).double().mean(), torch.tensor(0.5).double(), rtol=0, atol=0.03)
    assert features.max() == 2


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
        UserError, match=r"final.hidden: expected \(2, 1, 6\) to copy, got \(2, 1, 8\)"
    ):
        Seq2Seq(encoder, decoder).remember(tokens, tokens > 0)


def test_a_state_of_another_size_is_bridged():
    decoder = decoder_of("luong", summary=8, values=8, layers=2, cell="lstm")
    assert isinstance(decoder.start, BridgeStart)
    encoder = TextEncoder(decoder.embedding, "lstm", 4, layers=2).double()
    tokens = torch.ones(B, S, dtype=torch.long)
    encoded = encoder(tokens, tokens > 0)
    state = decoder.begin(decoder.remember(encoded), encoded.final)
    for leaf, linear, final in (
        (state.hidden, decoder.start.hidden, encoded.final.hidden),
        (state.cell, decoder.start.cell, encoded.final.cell),
    ):
        joined = torch.cat([final[:, 0], final[:, 1]], -1) @ linear.weight.T + linear.bias
        assert_close(leaf, torch.tanh(joined).view(B, 2, 6))


def test_coverage_is_the_sum_of_the_weights_so_far():
    decoder = decoder_of("bahdanau_coverage")
    memory, state = begun(decoder)
    assert not state.coverage.any()
    so_far = torch.zeros(B, S).double()
    for _ in range(3):
        scorer = decoder.attention.scorer
        mixed = (
            scorer.query(state.hidden[:, 0])[:, None]
            + memory.keys
            + so_far[..., None] * scorer.coverage.weight[:, 0]
        )
        energies = (torch.tanh(mixed) @ scorer.energy.weight[0]).masked_fill(
            ~memory.valid, -torch.inf
        )
        _, state, weights = decoder.step(TOKENS, memory, state)
        assert_close(weights, energies.softmax(-1))
        so_far = so_far + weights
        assert_close(state.coverage, so_far)


@pytest.mark.parametrize("cell", ["gru", "lstm", "tanh"])
@pytest.mark.parametrize("values", [5, 6])
def test_adaptive_attention_may_look_at_its_sentinel(cell, values):
    decoder = decoder_of("adaptive_attention", cell=cell, values=values)
    torch.manual_seed(1)
    encoded = Encoded(
        torch.randn(B, S, values).double(),
        valid_positions(torch.tensor([4, 2]), S),
        torch.randn(B, 3).double(),
    )
    memory = decoder.remember(encoded)
    state = decoder.begin(memory, None)
    x = torch.cat([decoder.embedding(TOKENS), memory.summary], -1)
    last = state.hidden[:, 0]
    after = decoder.recurrence.step(x, RecurrentState(state.hidden, state.cell))
    h = after.hidden[:, 0]
    m = torch.tanh(after.cell[:, 0]) if cell == "lstm" else h
    sentinel = torch.sigmoid(torch.cat([x, last], -1) @ decoder.sentinel.gate.weight.T) * m
    scorer, part = decoder.attention.scorer, decoder.sentinel

    def energy(key):
        return torch.tanh(scorer.query(h) + key) @ scorer.energy.weight[0]

    own = energy(sentinel @ part.key.weight.T)
    others = torch.stack([energy(memory.keys[:, s]) for s in range(S)], 1)
    everything = torch.cat([others.masked_fill(~memory.valid, -torch.inf), own[:, None]], 1)
    alpha = everything.softmax(-1)
    logits, _, weights = decoder.step(TOKENS, memory, state)
    assert_close(weights, alpha[:, :S])
    value = sentinel if values == 6 else sentinel @ part.value.weight.T
    c = (alpha[:, :S, None] * memory.values).sum(1) + alpha[:, S:] * value
    features = decoder.readout(h, c, decoder.embedding(TOKENS))
    assert_close(logits, scored(decoder, features))


def test_the_feed_forward_output_sees_the_new_state_and_its_context():
    decoder = decoder_of("feed_forward_output")
    memory, state = begun(decoder)
    s = decoder.recurrence.cells[0](decoder.embedding(TOKENS), state.hidden[:, 0])
    c, expected = attended(decoder, s, memory)
    features = decoder.readout.mix(torch.cat([s, c], -1)).clamp(min=0)
    logits, _, weights = decoder.step(TOKENS, memory, state)
    assert_close(weights, expected)
    assert_close(logits, scored(decoder, features))


def test_keys_may_be_others_than_the_values():
    decoder = decoder_of("bahdanau", values=5)
    _, state = begun(decoder)
    torch.manual_seed(2)
    values, keys = torch.randn(2, B, S, 5).double()
    valid, summary = torch.ones(B, S, dtype=torch.bool), torch.zeros(B, 3).double()
    memory = decoder.remember(Encoded(values, valid, summary, keys=keys))
    _, _, weights = decoder.step(TOKENS, memory, state)
    by_keys = decoder.remember(Encoded(keys, valid, summary))
    assert_close(weights, decoder.step(TOKENS, by_keys, state)[2])
    context, _ = decoder.attention(state.hidden, memory, state.position[:, None])
    assert_close(context[:, 0], (weights[..., None] * values).sum(1))


def test_logits_of_some_words_are_those_of_all():
    for tied in (False, True):
        decoder = decoder_of("bahdanau", tied=tied)
        features, some = torch.randn(3, 6).double(), torch.tensor([5, 0, 5])
        assert_close(decoder.vocabulary(features, some), decoder.vocabulary(features)[:, some])


@pytest.mark.parametrize("scorer", SCORERS)
@pytest.mark.parametrize("preset", ["bahdanau", "luong_local_p", "adaptive_attention"])
def test_a_preset_takes_another_scorer(preset, scorer):
    decoder = decoder_of(preset, scorer=scorer, values=6)
    assert isinstance(decoder.attention.scorer, type(build_scorer(scorer, 6, 6, 4)))


def test_a_scorer_that_does_not_fit_is_told():
    with pytest.raises(UserError, match=r"unknown scorer 'doot'. Did you mean 'dot'\?"):
        decoder_of("bahdanau", scorer="doot")
    with pytest.raises(UserError, match="dot scorer: expected equal sizes, got query 6, value 5"):
        decoder_of("bahdanau", scorer="dot")
    with pytest.raises(UserError, match="expected 'additive', which takes coverage, got 'dot'"):
        decoder_of("bahdanau_coverage", scorer="dot", values=6)


def test_attention_is_before_the_rnn_or_after_it():
    attention = Attention(build_scorer("additive", 6, 6, 4))
    with pytest.raises(ValueError, match="after: expected attention once, got it before the RNN"):
        RecurrentDecoder(
            embedding=nn.Embedding(WORDS, 6),
            start=CopyStart(),
            recurrence=RecurrentStack("gru", 12, 6),
            readout=DeepReadout(6, 6, 6, 6, maxout=False),
            before=attention,
            after=attention,
        )


def test_a_sentinel_needs_attention_after_the_rnn():
    recurrence = RecurrentStack("gru", 6, 6)
    with pytest.raises(ValueError, match="sentinel: expected attention after the RNN"):
        RecurrentDecoder(
            embedding=nn.Embedding(WORDS, 6),
            start=ProjectStart(3, recurrence),
            recurrence=recurrence,
            readout=DeepReadout(6, 0, 6, 8, maxout=False),
            sentinel=VisualSentinel(6, 6, 6, 6),
        )


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (TOKENS.double(), r"tokens: expected torch.int64 of shape \(2,\), got torch.float64 of"),
        (TOKENS[:1], r"tokens: expected torch.int64 of shape \(2,\), got torch.int64 of .*\(1,\)"),
        (TOKENS[None], r"got torch.int64 of shape \(1, 2\)"),
        (TOKENS.to("meta"), "tokens: expected on cpu, got on meta"),
    ],
)
def test_tokens_are_one_for_each_row(tokens, message):
    decoder = decoder_of("bahdanau")
    with pytest.raises(ValueError, match=message):
        decoder.step(tokens, *begun(decoder))


def test_what_is_remembered_must_fit_together():
    decoder = decoder_of("bahdanau")
    values, valid = torch.zeros(B, S, 5).double(), torch.ones(B, S, dtype=torch.bool)
    summary = torch.zeros(B, 3).double()
    for encoded, message in (
        (Encoded(values[0], valid, summary), r"encoded.values: expected shape \(any, any, any\)"),
        (Encoded(values, valid, summary[:1]), r"encoded.summary: expected shape \(2, any\), got"),
        (
            Encoded(values, valid, summary, keys=values[:, 1:]),
            r"encoded.keys: expected shape \(2, 4",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            decoder.remember(encoded)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_source_of_length_zero_is_decoded_without_nan(preset):
    decoder = decoder_of(preset, values=6, summary=6)
    encoder = TextEncoder(decoder.embedding, "gru", 3).double()
    nothing = torch.zeros(B, 0, dtype=torch.long)
    memory, state = Seq2Seq(encoder, decoder).remember(nothing, nothing.bool())
    logits, weights = decoder(torch.stack([TOKENS] * 3, 1), memory, state)
    assert logits.shape == (B, 3, WORDS) and logits.isfinite().all()
    assert weights is None or weights.shape == (B, 3, 0)


@pytest.mark.parametrize("preset", ["bahdanau", "luong", "cho"])
def test_every_source_has_as_many_rows(preset):
    decoder = decoder_of(preset)
    memory, state = begun(decoder)
    three = state.rows(torch.tensor([0, 0, 1]))
    message = "state: expected a multiple of 2 rows, got 3"
    with pytest.raises(ValueError, match=message):
        decoder.step(torch.tensor([3, 5, 4]), memory, three)
    with pytest.raises(ValueError, match=message):
        decoder(torch.ones(3, 2, dtype=torch.long), memory, three)
