"""OpenNMT-py: its global attention, its recurrent encoder and both recurrent decoders."""

import pytest
import torch
from foreign import copy, copy_recurrence, imported, large
from torch import nn
from torch.testing import assert_close

from attention_core.models import Seq2Seq
from attention_core.parts.attention import Attention
from attention_core.parts.decoder import RecurrentDecoder
from attention_core.parts.encoders import TextEncoder
from attention_core.parts.masks import valid_positions
from attention_core.parts.readouts import AttentionalReadout
from attention_core.parts.rnn import RecurrentStack
from attention_core.parts.scorers import Additive, Bilinear, Dot
from attention_core.parts.starts import CopyStart
from attention_core.parts.types import Memory
from attention_core.search.scoring import coverage_score

onmt = imported("onmt.decoders.decoder", hollow=("onmt", "onmt.decoders", "onmt.utils"))
encoders = imported("onmt.encoders.rnn_encoder", hollow=("onmt.encoders",))
modules = imported("onmt.modules")
penalties = imported("onmt.translate.penalties", hollow=("onmt.translate",))

B, S, T, D, E, WORDS = 3, 5, 4, 6, 3, 7
LENGTHS = torch.tensor([5, 2, 4])
VALID = valid_positions(LENGTHS, S)
KINDS = ["dot", "general", "mlp"]


def scorer_of(theirs):
    """Our scorer with their weights. Their additive bias is the query's, ours the key's."""
    if theirs.attn_type == "dot":
        return Dot(D, D)
    if theirs.attn_type == "general":
        scorer = Bilinear(D, D)
        copy(theirs.linear_in.weight.T, scorer.key.weight)  # (W q)·h = q·(Wᵀ h)
        return scorer
    scorer = Additive(D, D, D)
    copy(theirs.linear_query.weight, scorer.query.weight)
    copy(theirs.linear_query.bias, scorer.key.bias)
    copy(theirs.linear_context.weight, scorer.key.weight)
    copy(theirs.v.weight, scorer.energy.weight)
    return scorer


class Linear(nn.Module):
    """r = W [c; s] + b: their readout after additive attention has a bias and no tanh."""

    def __init__(self):
        super().__init__()
        self.output_size, self.mix = D, nn.Linear(2 * D, D)

    def forward(self, hidden, context, embedded):
        return self.mix(torch.cat([context, hidden], -1))


def readout_of(theirs):
    readout = Linear() if theirs.attn_type == "mlp" else AttentionalReadout(D, D, D)
    for name, weight in readout.mix.named_parameters():
        copy(getattr(theirs.linear_out, name), weight)
    return readout


@pytest.mark.parametrize("kind", KINDS)
def test_global_attention(kind):
    theirs = large(modules.GlobalAttention(D, attn_type=kind))
    query, values = torch.randn(B, T, D), torch.randn(B, S, D)
    expected = theirs(query, values, LENGTHS)
    scorer = scorer_of(theirs)
    memory = Memory(values, scorer.project_keys(values), VALID, values[:, 0])
    context, weights = Attention(scorer)(query, memory, torch.zeros(B, T, dtype=torch.long))
    assert_close((readout_of(theirs)(query, context, None), weights), expected)


def embeddings():
    return modules.Embeddings(E, WORDS, 0)


def copy_embedding(theirs, embedding):
    copy(theirs.word_lut.weight, embedding.weight)


def encoder_of(theirs, cell, layers):
    """Our bidirectional encoder with their weights: both hold one of torch's recurrent modules."""
    ours = TextEncoder(nn.Embedding(WORDS, E), cell, D // 2, layers=layers).eval()
    copy_embedding(theirs.embeddings, ours.embedding)
    ours.rnn.load_state_dict(theirs.rnn.state_dict())
    return ours


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("feeding", [True, False], ids=["InputFeed", "Std"])
@pytest.mark.parametrize("layers", [1, 2])
def test_encoder_and_decoder(cell, kind, feeding, layers):
    """From source tokens to the features of a target, the first state copied from the encoder.

    Not compared: their coverage, which changes the values themselves and in place.
    """
    encoder = large(encoders.RNNEncoder(cell.upper(), True, layers, D, embeddings=embeddings()))
    build = onmt.InputFeedRNNDecoder if feeding else onmt.StdRNNDecoder
    theirs = large(build(cell.upper(), True, layers, D, attn_type=kind, embeddings=embeddings()))
    ours = Seq2Seq(
        encoder_of(encoder, cell, layers),
        RecurrentDecoder(
            embedding=nn.Embedding(WORDS, E),
            start=CopyStart(),
            recurrence=RecurrentStack(cell, E + (D if feeding else 0), D, layers),
            after=Attention(scorer_of(theirs.attn)),
            readout=readout_of(theirs.attn),
            feed=feeding,
        ),
    ).eval()
    copy_embedding(theirs.embeddings, ours.decoder.embedding)
    recurrence = ours.decoder.recurrence
    if feeding:  # their cells, one by one
        for one, other in zip(recurrence.cells, theirs.rnn.layers, strict=True):
            one.load_state_dict(other.state_dict())
    else:
        copy_recurrence(theirs.rnn, recurrence)

    source, tokens = torch.randint(1, WORDS, (B, S)), torch.randint(1, WORDS, (B, T))
    values, final, _ = encoder(source[..., None], LENGTHS)
    theirs.init_state(source, values, final)
    expected, attentions = theirs(tokens[..., None], values, LENGTHS)
    weights = attentions["std"]
    found, looked = ours.decoder.features(tokens, *ours.remember(source, VALID))
    assert_close(found, expected)
    assert_close(looked, weights.transpose(0, 1) if feeding else weights)


def test_coverage_penalty():
    """Theirs is taken away from the score, ours is added; theirs knows no padding."""
    looked, beta = 2 * torch.rand(B, S), 0.3
    expected = -penalties.PenaltyBuilder("wu", "none").coverage_penalty(looked, beta)
    assert_close(beta * coverage_score(looked, torch.ones_like(VALID)), expected)
