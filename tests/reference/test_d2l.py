"""Dive into Deep Learning: its attentions, and the two decoders that it builds of its parts.

The package holds the book's parts; the decoders stand in the book alone (§10.7.2 and §11.4.2), and
are put together here of the package's parts, as the book describes them.
"""

import pytest
import torch
from foreign import copy, copy_recurrence, imported, large
from torch import nn
from torch.testing import assert_close

from attention_core.parts.attention import Attention, FixedContext
from attention_core.parts.decoder import RecurrentDecoder
from attention_core.parts.masks import masked_softmax, valid_positions
from attention_core.parts.readouts import HiddenReadout
from attention_core.parts.rnn import RecurrentStack
from attention_core.parts.scorers import Additive, ScaledDot
from attention_core.parts.starts import CopyStart
from attention_core.parts.types import Encoded, Memory, RecurrentState

d2l = imported(
    "d2l.torch",
    stand_ins=(
        "IPython",
        "matplotlib_inline",
        "requests",
        "scipy",
        "scipy.spatial",
        "torchvision",
    ),
)

B, S, T, H, E, WORDS = 3, 5, 4, 6, 3, 7
LENGTHS = torch.tensor([5, 2, 4])
VALID = valid_positions(LENGTHS, S)


def attended(scorer, query, values):
    memory = Memory(values, scorer.project_keys(values), VALID, values[:, 0])
    return Attention(scorer)(query, memory, torch.zeros(query.shape[:2], dtype=torch.long))


def additive_of(theirs):
    """Our scorer with their weights. Theirs has no bias: ours is zero."""
    scorer = Additive(H, H, theirs.W_q.out_features)
    copy(theirs.W_q.weight, scorer.query.weight)
    copy(theirs.W_k.weight, scorer.key.weight)
    copy(theirs.w_v.weight, scorer.energy.weight)
    nn.init.zeros_(scorer.key.bias)
    return scorer


def additive():
    """Theirs, its sizes settled by a first call."""
    attention = d2l.AdditiveAttention(8, 0.0)
    attention(torch.zeros(1, 1, H), torch.zeros(1, 1, H), torch.zeros(1, 1, H), torch.ones(1))
    return large(attention)


def test_masked_softmax():
    scores = torch.randn(B, T, S)
    assert_close(masked_softmax(scores, VALID[:, None]), d2l.masked_softmax(scores, LENGTHS))


def test_additive_attention():
    theirs = additive()
    query, values = torch.randn(B, T, H), torch.randn(B, S, H)
    expected = theirs(query, values, values, LENGTHS)
    assert_close(attended(additive_of(theirs), query, values), (expected, theirs.attention_weights))


def test_dot_product_attention():
    """Theirs is given projected queries and keys."""
    theirs, scorer = d2l.DotProductAttention(0.0), large(ScaledDot(H, H, 8))
    query, values = torch.randn(B, T, H), torch.randn(B, S, H)
    expected = theirs(scorer.query(query), scorer.key(values), values, LENGTHS)
    assert_close(attended(scorer, query, values), (expected, theirs.attention_weights))


def encoded(outputs, final):
    """The book's encoder's answer, which is time-major, as ours."""
    state = RecurrentState(final.transpose(0, 1))
    return Encoded(outputs.transpose(0, 1), VALID, final[-1], state)


@pytest.mark.parametrize("layers", [1, 2])
def test_decoder_with_a_context_at_every_step(layers):
    """[y; c] is read at every step, c being the encoder's last state; s_0 is copied."""
    encoder = large(d2l.Seq2SeqEncoder(WORDS, E, H, layers))
    rnn, dense = large(d2l.GRU(E + H, H, layers)), large(nn.Linear(H, WORDS))
    ours = RecurrentDecoder(
        embedding=nn.Embedding(WORDS, E),
        start=CopyStart(),
        recurrence=RecurrentStack("gru", E + H, H, layers),
        before=FixedContext(),
        readout=HiddenReadout(H),
    )
    copy_recurrence(rnn.rnn, ours.recurrence)
    copy(dense.weight, ours.output)
    copy(dense.bias, ours.bias)

    source, tokens = torch.randint(WORDS, (B, S)), torch.randint(WORDS, (B, T))
    outputs, final = encoder(source)
    repeated = final[-1].expand(T, B, H)
    states, _ = rnn(torch.cat([ours.embedding(tokens).transpose(0, 1), repeated], -1), final)
    memory = ours.remember(encoded(outputs, final))
    found, _ = ours(tokens, memory, ours.begin(memory, encoded(outputs, final).final))
    assert_close(found, dense(states).transpose(0, 1))


@pytest.mark.parametrize("layers", [1, 2])
def test_decoder_with_bahdanau_attention(layers):
    """The last state asks before the step, of the top layer; the RNN reads [c; y].

    Departures of the book from the paper: the first state is copied, and the state alone is read
    out. Ours reads [y; c]: the columns of the input's weights change places.
    """
    encoder, attention = large(d2l.Seq2SeqEncoder(WORDS, E, H, layers)), additive()
    rnn, dense = large(d2l.GRU(E + H, H, layers)), large(nn.Linear(H, WORDS))
    ours = RecurrentDecoder(
        embedding=nn.Embedding(WORDS, E),
        start=CopyStart(),
        recurrence=RecurrentStack("gru", E + H, H, layers),
        before=Attention(additive_of(attention)),
        readout=HiddenReadout(H),
    )
    copy_recurrence(rnn.rnn, ours.recurrence)
    copy(rnn.rnn.weight_ih_l0.roll(E, dims=1), ours.recurrence.cells[0].weight_ih)
    copy(dense.weight, ours.output)
    copy(dense.bias, ours.bias)

    source, tokens = torch.randint(WORDS, (B, S)), torch.randint(WORDS, (B, T))
    outputs, final = encoder(source)
    keys, hidden, logits, weights = outputs.transpose(0, 1), final, [], []
    for y in ours.embedding(tokens).transpose(0, 1):
        context = attention(hidden[-1][:, None], keys, keys, LENGTHS)
        states, hidden = rnn(torch.cat([context.transpose(0, 1), y[None]], -1), hidden)
        logits.append(dense(states[0]))
        weights.append(attention.attention_weights[:, 0])
    memory = ours.remember(encoded(outputs, final))
    found = ours(tokens, memory, ours.begin(memory, encoded(outputs, final).final))
    assert_close(found, (torch.stack(logits, 1), torch.stack(weights, 1)))
