"""Reward training: the loss by hand, and a policy that learns what it is rewarded for."""

import pytest
import torch
from torch.testing import assert_close

from attention_core.models import DecoderSizes, Seq2Seq, build_decoder
from attention_core.parts.encoders import TextEncoder
from attention_core.search import sample
from attention_core.training import Batch, SelfCritical, TeacherForcing, self_critical

PAD, BEGIN, END, WORDS = 0, 1, 2, 7
SOURCE = torch.tensor([[3, 4, 5], [6, 3, PAD]])
REFERENCES = torch.tensor([[BEGIN, 5, END], [BEGIN, 6, END], [BEGIN, 4, END], [BEGIN, 4, END]])
BATCH = Batch((SOURCE, SOURCE != PAD), REFERENCES)


def objective_with(reward, samples=3, preset="bahdanau", cross_entropy=0.0, **changes):
    torch.manual_seed(0)
    sizes = DecoderSizes(
        vocabulary=WORDS, embedding=4, hidden=6, values=6, summary=6, attention=3, **changes
    )
    decoder = build_decoder(preset, sizes)
    model = Seq2Seq(TextEncoder(decoder.embedding, "gru", 3), decoder).double()
    return SelfCritical(
        model,
        reward,
        samples=samples,
        max_length=4,
        end=END,
        pad=PAD,
        cross_entropy=cross_entropy,
    )


@pytest.mark.parametrize("words", [None, [END, 4, 5]])
@pytest.mark.parametrize("preset", ["bahdanau", "luong"])
def test_the_loss_weighs_each_sample_by_its_advantage(preset, words):
    seen = []
    written = torch.arange(WORDS) if words is None else torch.tensor(words)

    def reward(drawn, expected):
        seen.append((drawn, expected))
        return torch.tensor([[1.0, 2.0, 6.0], [0.0, 0.0, 3.0]])

    objective = objective_with(reward, preset=preset)
    loss, count = objective(BATCH._replace(words=None if words is None else written))
    ((drawn, expected),) = seen
    assert {i for samples in drawn for row in samples for i in row} <= set(written.tolist())
    assert expected == [[[5, END], [6, END]], [[4, END], [4, END]]]
    advantages = [[1 - 4.0, 2 - 3.5, 6 - 1.5], [0 - 1.5, 0 - 1.5, 3 - 0.0]]
    total = torch.zeros((), dtype=torch.float64)
    for source, samples in enumerate(drawn):
        for row, advantage in zip(samples, advantages[source], strict=True):
            tokens = SOURCE[source : source + 1]
            memory, state = objective.model.remember(tokens, tokens != PAD)
            inputs = torch.tensor([[BEGIN, *row[:-1]]])
            logits, _ = objective.model.decoder(inputs, memory, state)
            places = [written.tolist().index(i) for i in row]
            gains = logits[..., written].log_softmax(-1)[0, range(len(row)), places]
            total = total - advantage * gains.sum()
    assert_close(loss, total)
    assert count == sum(len(row) for samples in drawn for row in samples)


def test_equal_rewards_teach_nothing():
    objective = objective_with(lambda drawn, expected: torch.ones(2, 3))
    loss, _ = objective(BATCH)
    loss.backward()
    assert all(
        weight.grad is None or float(weight.grad.abs().max()) < 1e-12
        for weight in objective.parameters()
    )


@pytest.mark.parametrize("longest", [2, 3, 9])
def test_no_sample_is_longer_than_the_longest_reference_or_the_limit(longest):
    seen = []

    def reward(drawn, expected):
        seen.extend(row for samples in drawn for row in samples)
        return torch.zeros(1, 50)

    references = torch.full((1, 1 + longest), 5)
    references[0, 0], references[0, -1] = BEGIN, END
    source = SOURCE[:1]
    objective_with(reward, samples=50)(Batch((source, source != PAD), references))
    assert max(map(len, seen)) == min(longest, 4)
    assert all(row[-1] == END for row in seen if len(row) < min(longest, 4))


def test_it_learns_what_is_rewarded():
    def reward(drawn, expected):
        return torch.tensor([[float(row[0] == 6) for row in samples] for samples in drawn])

    objective = objective_with(reward, samples=8)
    optimizer = torch.optim.Adam(objective.parameters(), lr=0.05)
    for _ in range(40):
        optimizer.zero_grad()
        loss, count = objective(BATCH)
        (loss / count).backward()
        optimizer.step()
    memory, state = objective.model.remember(*BATCH.source)
    logits, _, _ = objective.model.decoder.step(torch.tensor([BEGIN, BEGIN]), memory, state)
    assert logits.softmax(-1)[:, 6].min() > 0.9


@pytest.mark.parametrize("preset", ["bahdanau", "luong"])
def test_samples_are_drawn_without_dropout_and_scored_with_it(preset):
    modes = []

    def reward(drawn, expected):
        modes.append("rewarded")
        return torch.zeros(2, 3)

    objective = objective_with(reward, preset=preset, dropout=0.5)
    dropout = objective.model.decoder.dropout
    dropout.register_forward_hook(lambda module, *_: modes.append(module.training))
    objective(BATCH)
    rewarded = modes.index("rewarded")
    assert set(modes[:rewarded]) == {False}
    assert set(modes[rewarded + 1 :]) == {True}


@pytest.mark.parametrize("preset", ["bahdanau", "luong"])
def test_the_masks_of_variational_dropout_are_the_same_in_both(monkeypatch, preset):
    """Samples are scored with the very probabilities that they were drawn with."""
    rewards = torch.tensor([[1.0, 2.0, 6.0], [0.0, 0.0, 3.0]])
    objective = objective_with(lambda *_: rewards, preset=preset, dropout=0.5, variational=True)
    found = []

    def keeping(*given, **options):
        found.extend(sample(*given, **options))
        return found

    monkeypatch.setattr(self_critical, "sample", keeping)
    loss, _ = objective(BATCH)
    advantages = [[1 - 4.0, 2 - 3.5, 6 - 1.5], [0 - 1.5, 0 - 1.5, 3 - 0.0]]
    expected = -sum(
        advantage * hypothesis.log_probability
        for each, row in zip(found, advantages, strict=True)
        for hypothesis, advantage in zip(each, row, strict=True)
    )
    assert loss.item() == pytest.approx(expected)


def test_cross_entropy_of_the_references_is_mixed_in():
    """Where all rewards are equal, it is all there is."""
    objective = objective_with(lambda drawn, expected: torch.ones(2, 3), cross_entropy=0.25)
    forced, _ = TeacherForcing(objective.model, pad=PAD)(BATCH)
    loss, _ = objective(BATCH)
    assert_close(loss, 0.25 * forced)
    loss.backward()
    assert objective.model.decoder.bias.grad.abs().max() > 0


def test_one_sample_has_no_baseline():
    with pytest.raises(ValueError, match="samples: expected at least 2"):
        objective_with(lambda drawn, expected: torch.zeros(2, 1), samples=1)


@pytest.mark.parametrize("shape", [(3, 2), (1, 1), (6,)])
def test_there_is_a_reward_for_each_sample(shape):
    objective = objective_with(lambda drawn, expected: torch.ones(shape))
    with pytest.raises(ValueError, match=r"the rewards: expected shape \(2, 3\), got"):
        objective(BATCH)


def test_each_source_needs_as_many_references():
    objective = objective_with(lambda drawn, expected: torch.ones(2, 3))
    with pytest.raises(ValueError, match=r"batch.tokens: expected a multiple of 2 rows, got 3"):
        objective(BATCH._replace(tokens=REFERENCES[:3]))
