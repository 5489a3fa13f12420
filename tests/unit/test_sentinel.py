"""The sentinel's place in the decoder, where the stack has several layers."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from attention_core.models import DecoderSizes, build_decoder
from attention_core.parts.masks import valid_positions
from attention_core.parts.types import Encoded

B, S = 2, 4


@pytest.mark.parametrize("cell", ["gru", "lstm", "tanh"])
def test_of_several_layers_the_top_one_makes_the_sentinel(cell):
    """Its gate reads h_{t-1}, and it holds tanh(m_t), or h_t of a cell without m_t."""
    torch.manual_seed(0)
    sizes = DecoderSizes(
        vocabulary=7, embedding=3, hidden=5, values=6, summary=2, attention=4, layers=2, cell=cell
    )
    decoder = build_decoder("adaptive_attention", sizes).double()
    for weight in decoder.parameters():
        nn.init.normal_(weight, std=0.7)
    valid = valid_positions(torch.tensor([4, 2]), S)
    summary = torch.randn(B, 2).double()
    memory = decoder.remember(Encoded(torch.randn(B, S, 6).double(), valid, summary))
    before, tokens = decoder.begin(memory, None), torch.tensor([3, 5])
    logits, after, weights = decoder.step(tokens, memory, before)

    embedded, top = decoder.embedding(tokens), after.hidden[:, 1]
    held = top if after.cell is None else torch.tanh(after.cell[:, 1])
    sentinel = decoder.sentinel(
        torch.cat([embedded, summary], -1)[:, None], before.hidden[:, None, 1], held[:, None]
    )
    context, expected = decoder.after(
        top[:, None], memory, before.position[:, None], sentinel=sentinel
    )
    assert_close(weights, expected[:, 0])
    assert_close(logits, decoder.vocabulary(decoder.readout(top, context[:, 0], embedded)))
