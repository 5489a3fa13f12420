"""The proof that it all works together: a tiny corpus is learnt by heart."""

import pytest
import torch
from tiny import BEGIN, END, PAD, Source, begins

from attention_core.models import DecoderSizes, Seq2Seq, build_decoder
from attention_core.parts.encoders import TextEncoder
from attention_core.search import beam_search, greedy_search
from attention_core.training import Batch, TeacherForcing, pad

WORDS = 9


@pytest.mark.parametrize("preset", ["bahdanau", "luong"])
def test_copying_is_learnt_by_heart(preset):
    torch.set_default_dtype(torch.float32)
    sequences = torch.randint(END + 1, WORDS, (24, 4)).tolist()
    sequences = [words[: 2 + i % 3] for i, words in enumerate(sequences)]
    tokens = pad(sequences, PAD)
    source = Source(tokens, tokens != PAD)
    batch = Batch(source, pad([[BEGIN, *words, END] for words in sequences], PAD))
    sizes = DecoderSizes(
        vocabulary=WORDS, embedding=16, hidden=32, values=32, summary=32, attention=16
    )
    decoder = build_decoder(preset, sizes)
    model = Seq2Seq(TextEncoder(decoder.embedding, "gru", 16), decoder)
    objective = TeacherForcing(model, pad=PAD)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(120):
        loss, count = objective(batch)
        optimizer.zero_grad()
        (loss / count).backward()
        optimizer.step()
    options = {"begin": begins(source), "end": END, "max_length": 8}
    greedy = greedy_search(decoder.step, *model.remember(*source), **options)
    beam = beam_search(decoder.step, *model.remember(*source), width=3, **options)
    assert [found.tokens for found in greedy] == [[*words, END] for words in sequences]
    assert [nbest[0].tokens for nbest in beam] == [[*words, END] for words in sequences]
