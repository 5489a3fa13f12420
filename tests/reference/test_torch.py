"""torch itself: its attention, its bilinear map and cosine, and whole decoders of its modules."""

import pytest
import torch
import torch.nn.functional as F
from foreign import copy, copy_recurrence, large
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.testing import assert_close

from attention_core.models import DecoderSizes, Seq2Seq, build_decoder
from attention_core.parts.attention import Attention
from attention_core.parts.encoders import TextEncoder
from attention_core.parts.masks import valid_positions
from attention_core.parts.scorers import Bilinear, Cosine, ScaledDot
from attention_core.parts.types import Encoded, Memory

B, M, S, Q, V, K, WORDS = 3, 4, 5, 6, 7, 8, 9
VALID = valid_positions(torch.tensor([5, 2, 4]), S)


def attended(scorer, query, values, valid):
    memory = Memory(values, scorer.project_keys(values), valid, values[:, 0])
    return Attention(scorer)(query, memory, torch.zeros(query.shape[:2], dtype=torch.long))


@settings(max_examples=30, derandomize=True, deadline=None, database=None)
@given(st.data())
def test_scaled_dot_is_torchs_attention_whatever_the_mask(data):
    """Values and gradients; a row without any position is zeros in both."""
    sources, queries, positions = (data.draw(st.integers(1, 4)) for _ in range(3))
    mask = st.lists(st.booleans(), min_size=positions, max_size=positions)
    valid = torch.tensor(data.draw(st.lists(mask, min_size=sources, max_size=sources)))
    scorer = large(ScaledDot(Q, V, K))
    query = torch.randn(sources, queries, Q, requires_grad=True)
    values = torch.randn(sources, positions, V, requires_grad=True)
    found, _ = attended(scorer, query, values, valid)
    expected = F.scaled_dot_product_attention(
        scorer.query(query), scorer.key(values), values, attn_mask=valid[:, None]
    )
    assert_close(found, expected)
    given = (query, values)
    assert_close(
        torch.autograd.grad(found.square().sum(), given),
        torch.autograd.grad(expected.square().sum(), given),
    )


def test_scaled_dot_is_one_head_of_multihead_attention():
    theirs = large(nn.MultiheadAttention(V, 1, bias=False, batch_first=True))
    scorer = ScaledDot(V, V, V)
    of_query, of_key, of_value = theirs.in_proj_weight.chunk(3)
    copy(of_query, scorer.query.weight)
    copy(of_key, scorer.key.weight)
    query, values = torch.randn(B, M, V), torch.randn(B, S, V)
    expected, weights = theirs(query, values, values, key_padding_mask=~VALID)
    context, found = attended(scorer, query, values, VALID)
    assert_close(found, weights)
    # Σ α (W h) = W Σ α h: theirs projects the values before, and the context after.
    assert_close(context @ of_value.T @ theirs.out_proj.weight.T, expected)


def test_bilinear_is_torchs():
    theirs, scorer = large(nn.Bilinear(Q, V, 1, bias=False)), Bilinear(Q, V)
    copy(theirs.weight[0], scorer.key.weight)
    query, values = torch.randn(B, M, Q), torch.randn(B, S, V)
    pairs = query[:, :, None].expand(-1, -1, S, -1), values[:, None].expand(-1, M, -1, -1)
    found = scorer(query, scorer.project_keys(values))
    assert_close(found, theirs(*(pair.contiguous() for pair in pairs))[..., 0])


def test_cosine_is_torchs():
    scorer, query, values = large(Cosine(V, V)), torch.randn(B, M, V), torch.randn(B, S, V)
    expected = F.cosine_similarity(query[:, :, None], values[:, None], dim=-1)
    found = scorer(query, scorer.project_keys(values))
    assert_close(found, scorer.log_strength.exp() * expected)


def sizes(cell, layers, **changes):
    given = {"vocabulary": WORDS, "embedding": 4, "hidden": Q, "values": Q, "summary": Q}
    return DecoderSizes(**given, attention=K, cell=cell, layers=layers, **changes)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize(("cell", "theirs"), [("gru", nn.GRU), ("lstm", nn.LSTM), ("tanh", nn.RNN)])
def test_sutskever_is_two_recurrent_modules(cell, theirs, layers):
    """The second goes on from where the first ended, and a linear map scores the words."""
    decoder = build_decoder("sutskever", sizes(cell, layers))
    reader = TextEncoder(decoder.embedding, cell, Q, layers=layers, bidirectional=False)
    model = large(Seq2Seq(reader, decoder))
    one, other = (theirs(4, Q, layers, batch_first=True) for _ in range(2))
    one.load_state_dict(model.encoder.rnn.state_dict())
    for layer, own in enumerate(decoder.recurrence.cells):
        for name, weight in own.named_parameters():
            copy(weight, getattr(other, f"{name}_l{layer}"))

    tokens, source = torch.randint(WORDS, (B, M)), torch.randint(WORDS, (B, S))
    found, _ = decoder(tokens, *model.remember(source, VALID))
    for row, length in enumerate(VALID.sum(1)):
        _, final = one(decoder.embedding(source[row, :length]))
        states, _ = other(decoder.embedding(tokens[row]), final)
        assert_close(found[row], F.linear(states, decoder.output, decoder.bias))


def test_show_and_tell_is_one_lstm_over_the_picture_and_the_words():
    decoder = large(build_decoder("show_and_tell", sizes("lstm", 2)))
    lstm = large(nn.LSTM(4, Q, 2, batch_first=True))
    copy_recurrence(lstm, decoder.recurrence)
    tokens, picture = torch.randint(WORDS, (B, M)), torch.randn(B, Q)
    first = nn.LayerNorm(4).double()(decoder.start.project(picture))[:, None]
    states, _ = lstm(torch.cat([first, decoder.embedding(tokens)], 1))
    memory = decoder.remember(Encoded(torch.randn(B, S, Q), VALID, picture))
    found, _ = decoder(tokens, memory, decoder.begin(memory, None))
    assert_close(found, F.linear(states[:, 1:], decoder.output, decoder.bias))
