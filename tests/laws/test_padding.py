import pytest
import torch
from tiny import BEGIN, END, PAD, Source, begins, every_model, sources, tiny_model, words
from torch.testing import assert_close

from attention_core.search import beam_search, greedy_search
from attention_core.training import Batch, TeacherForcing

LENGTHS = (3, 5, 1)


def padded(source: Source, more: int) -> Source:
    """The same sources with more padding, which holds words as the rest does."""
    rows = source.tokens.size(0)
    tokens = torch.cat([source.tokens, words(rows, more)], 1)
    return Source(tokens, torch.cat([source.valid, torch.zeros(rows, more, dtype=torch.bool)], 1))


def decoded(model, source, tokens):
    memory, state = model.remember(*source)
    return model.decoder(tokens, memory, state)


def searches(model, source):
    options = {"begin": begins(source), "end": END, "max_length": 5}
    return {
        "beam": beam_search(model.decoder.step, *model.remember(*source), width=3, **options),
        "greedy": [
            [found]
            for found in greedy_search(model.decoder.step, *model.remember(*source), **options)
        ],
    }


@every_model
@pytest.mark.parametrize("layers", [1, 2])
def test_padding_changes_nothing_and_is_never_looked_at(preset, cell, layers):
    model, source = tiny_model(preset, cell, layers=layers), sources(*LENGTHS)
    logits, weights = decoded(model, source, words(3, 4))
    more, looked = decoded(model, padded(source, 3), words(3, 4))
    assert_close(more, logits)
    if weights is not None:
        assert_close(looked[..., :5], weights)
        assert not looked[..., 5:].any()


@every_model
def test_a_batch_is_its_sources_one_by_one(preset, cell):
    model, source, tokens = tiny_model(preset, cell), sources(*LENGTHS), words(3, 4)
    logits, weights = decoded(model, source, tokens)
    for i, length in enumerate(LENGTHS):
        alone, looked = decoded(model, source.single(i), tokens[i : i + 1])
        assert_close(alone[0], logits[i])
        if weights is not None:
            assert_close(looked[0], weights[i, :, :length])


@every_model
def test_search_finds_the_same_in_a_padded_batch_and_alone(preset, cell):
    model, source = tiny_model(preset, cell), sources(*LENGTHS)
    together = searches(model, padded(source, 2))
    for i, length in enumerate(LENGTHS):
        alone = searches(model, source.single(i))
        for kind, batch in together.items():
            assert [h.tokens for h in batch[i]] == [h.tokens for h in alone[kind][0]]
            for one, other in zip(batch[i], alone[kind][0], strict=True):
                assert one.finished == other.finished
                assert one.score == pytest.approx(other.score)
                if one.weights is not None:
                    assert_close(one.weights[:, :length], other.weights)
                    assert not one.weights[:, length:].any()


@every_model
def test_padding_changes_neither_loss_nor_gradients(preset, cell):
    model, source = tiny_model(preset, cell), sources(3, 4)
    objective = TeacherForcing(model, pad=PAD, label_smoothing=0.1, doubly_stochastic=0.5)
    tokens = torch.tensor([[BEGIN, 3, 4, END], [BEGIN, 5, END, PAD]])
    wider = torch.cat([tokens, torch.full((2, 2), PAD)], 1)
    found = []
    for batch in (Batch(source, tokens), Batch(padded(source, 2), wider)):
        model.zero_grad()
        loss, count = objective(batch)
        loss.backward()
        found.append((loss, count, [weight.grad for weight in model.parameters()]))
    assert_close(found[0], found[1])
