"""Sources that are done leave the batch, and nothing that is found depends on it."""

import pytest
import torch
from torch.testing import assert_close

from attention_core.models import DecoderSizes, Seq2Seq, build_decoder
from attention_core.parts.encoders import TextEncoder
from attention_core.search import EnsembleState, MinimumLength, beam, beam_search, ensemble

WORDS, BEGIN, END, WIDTH = 11, 1, 2, 3
SOURCE = torch.tensor([[3, 4, 5, 9], [6, 3, 0, 0], [8, 0, 0, 0], [7, 10, 4, 0], [9, 9, 9, 9]])


def model_of(seed, preset="bahdanau"):
    torch.manual_seed(seed)
    sizes = DecoderSizes(vocabulary=WORDS, embedding=6, hidden=6, values=6, summary=6, attention=3)
    decoder = build_decoder(preset, sizes)
    model = Seq2Seq(TextEncoder(decoder.embedding, "gru", 3), decoder).double().eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=1.0)
    decoder.bias.data[END] += 2.0  # so that some end early
    return model


def found(model, rows, **options):
    """What is found, with how many rows each step had."""
    memory, state = model.remember(SOURCE, SOURCE != 0)

    def step(tokens, memory, state):
        rows.append(len(tokens))
        assert memory.valid.size(0) * WIDTH == len(tokens)
        return model.decoder.step(tokens, memory, state)

    begin = torch.full((len(SOURCE),), BEGIN)
    options = {"begin": begin, "end": END, "max_length": 20, "width": WIDTH, **options}
    return beam_search(step, memory, state, **options)


@pytest.mark.parametrize("kept", [0.5, 0.75, 1.0])
@pytest.mark.parametrize("options", [{}, {"stop": "best"}, {"coverage_penalty": 0.3}], ids=str)
@pytest.mark.parametrize("preset", ["sutskever", "bahdanau_coverage", "luong_input_feeding"])
def test_nothing_depends_on_who_has_left(preset, options, kept, monkeypatch):
    left = 0
    for seed in range(3):
        model, rows = model_of(seed, preset), []
        if preset == "sutskever" and "coverage_penalty" in options:
            return
        monkeypatch.setattr(beam, "KEPT", -1.0)
        expected = found(model, [], **options)
        monkeypatch.setattr(beam, "KEPT", kept)
        for ranked, like in zip(found(model, rows, **options), expected, strict=True):
            for one, other in zip(ranked, like, strict=True):
                assert (one.tokens, one.finished) == (other.tokens, other.finished)
                assert one.score == pytest.approx(other.score, abs=1e-12)
                assert_close(one.weights, other.weights)
        left += rows[-1] < rows[0]
    assert left


def test_constraints_keep_every_source():
    rows = []
    found(model_of(0), rows, constraints=[MinimumLength(2, END)])
    assert set(rows) == {len(SOURCE) * WIDTH}


def test_an_ensemble_leaves_out_each_member(monkeypatch):
    models, rows = [model_of(seed) for seed in (0, 3)], []
    memories, states = zip(*(m.remember(SOURCE, SOURCE != 0) for m in models), strict=True)
    together = ensemble([model.decoder.step for model in models])

    def step(tokens, memory, state):
        rows.append(len(tokens))
        return together(tokens, memory, state)

    def tokens():
        begin = torch.full((len(SOURCE),), BEGIN)
        options = {"begin": begin, "end": END, "max_length": 20, "width": WIDTH}
        ranked = beam_search(step, memories, EnsembleState(states), **options)
        return [[one.tokens for one in each] for each in ranked]

    monkeypatch.setattr(beam, "KEPT", 1.0)
    fewer = tokens()
    assert rows[-1] < rows[0]
    monkeypatch.setattr(beam, "KEPT", -1.0)
    assert tokens() == fewer
