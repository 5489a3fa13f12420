import pytest
import torch
from torch.testing import assert_close

from attention_core.models import DecoderSizes, Seq2Seq, build_decoder
from attention_core.parts.decoder import RecurrentDecoder
from attention_core.parts.readouts import HiddenReadout
from attention_core.parts.rnn import RecurrentStack
from attention_core.parts.starts import ProjectStart
from attention_core.parts.unconditional import Unconditional
from attention_core.search import sample
from attention_core.training import Batch, TeacherForcing


def test_every_row_has_the_one_learned_vector():
    encoder = Unconditional(4)
    encoded = encoder(torch.zeros(3, 9, dtype=torch.long))
    assert_close(encoded.summary, encoder.vector.expand(3, 4))
    assert_close(encoded.values, encoder.vector.expand(3, 1, 4))
    assert encoded.valid.all()
    assert encoder.double()(torch.zeros(2)).summary.dtype == torch.float64


@pytest.mark.parametrize("preset", ["cho", "bahdanau", "show_and_tell"])
def test_presets_are_language_models_over_it(preset):
    sizes = DecoderSizes(vocabulary=7, embedding=4, hidden=5, values=3, summary=3, attention=2)
    model = Seq2Seq(Unconditional(3), build_decoder(preset, sizes))
    rows = torch.zeros(2)
    memory, state = model.remember(rows)
    logits, _ = model.decoder(torch.tensor([[1, 2], [1, 2]]), memory, state)
    assert_close(logits[0], logits[1])


def test_a_language_model_learns_how_often_words_follow_each_other():
    torch.manual_seed(0)
    recurrence = RecurrentStack("gru", 4, 8)
    decoder = RecurrentDecoder(
        embedding=torch.nn.Embedding(4, 4),
        start=ProjectStart(3, recurrence),
        recurrence=recurrence,
        readout=HiddenReadout(8),
    )
    model = Seq2Seq(Unconditional(3), decoder)
    text = torch.tensor([[0, 1, 3], [0, 1, 3], [0, 1, 3], [0, 2, 3]])
    objective = TeacherForcing(model, pad=-1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(100):
        loss, count = objective(Batch((text,), text))
        optimizer.zero_grad()
        (loss / count).backward()
        optimizer.step()
    memory, state = model.remember(text[:1])
    logits, _, _ = decoder.step(torch.tensor([0]), memory, state)
    assert_close(logits.softmax(-1)[0], torch.tensor([0, 0.75, 0.25, 0]), atol=0.02, rtol=0)
    drawn = sample(
        decoder.step,
        memory,
        state,
        begin=torch.tensor([0]),
        end=3,
        max_length=5,
        samples=20,
        generator=torch.Generator().manual_seed(0),
    )
    assert {tuple(found.tokens) for found in drawn[0]} == {(1, 3), (2, 3)}
