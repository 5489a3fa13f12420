"""One update: k accumulated batches are one k times as large, in float64 and without dropout."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from attention_core.errors import UserError
from attention_core.models import DecoderSizes, Seq2Seq, build_decoder
from attention_core.parts.encoders import TextEncoder
from attention_core.training import Batch, Objective, TeacherForcing, TrainingConfig, pad
from attention_core.training.processes import accelerator
from attention_core.training.run import Run
from attention_core.training.updating import Updater

PAD, BEGIN, END, WORDS = 0, 1, 2, 9
PAIRS = [([3, 4, 5], [5]), ([6], [3, 8, 8, 4, 7]), ([7, 7], [6, 6]), ([4, 3, 8, 5], [3, 3, 4])]


@pytest.fixture(autouse=True)
def _on_cpu(monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")


def batch_of(pairs):
    source = pad([source for source, _ in pairs], PAD)
    return Batch((source, source != PAD), pad([[BEGIN, *words, END] for _, words in pairs], PAD))


def updater_of(**config):
    torch.manual_seed(0)
    sizes = DecoderSizes(vocabulary=WORDS, embedding=4, hidden=6, values=6, summary=6, attention=3)
    decoder = build_decoder("bahdanau", sizes)
    model = Seq2Seq(TextEncoder(decoder.embedding, "gru", 3), decoder).double()
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.7)
    config = TrainingConfig(epochs=1, doubly_stochastic=0.5, **config)
    return Updater(accelerator(), TeacherForcing.of(config, model, pad=PAD), config)


@pytest.mark.parametrize("parts", [[1, 3], [2, 2], [1, 1, 1, 1]])
def test_accumulated_batches_are_one_larger_batch(parts):
    whole, split = updater_of(), updater_of()
    for _ in range(3):
        loss, count = whole.update([batch_of(PAIRS)], rate=0.1)
        pairs = iter(PAIRS)
        batches = [batch_of([next(pairs) for _ in range(size)]) for size in parts]
        assert split.update(batches, rate=0.1) == (pytest.approx(loss, rel=1e-12), count)
        assert count == sum(len(words) + 1 for _, words in PAIRS)
    for one, other in zip(whole.weights, split.weights, strict=True):
        assert_close(one.grad, other.grad, rtol=1e-9, atol=1e-12)
        assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_the_gradient_is_that_of_the_mean_over_all_tokens_and_not_of_means():
    updater = updater_of(clip=0.0)
    before = [weight.detach().clone() for weight in updater.weights]
    updater.update([batch_of(PAIRS[:1]), batch_of(PAIRS[1:2])], rate=0.1)
    found = [weight.grad.clone() for weight in updater.weights]
    for weight, value in zip(updater.weights, before, strict=True):
        weight.data.copy_(value)
        weight.grad = None
    losses = [updater.objective(batch_of([pair])) for pair in PAIRS[:2]]
    (sum(loss for loss, _ in losses) / sum(count for _, count in losses)).backward()
    for gradient, weight in zip(found, updater.weights, strict=True):
        assert_close(gradient, weight.grad)


def test_clipping_comes_after_the_mean():
    """The norm of the accumulated gradient is what is clipped."""
    free, clipped = updater_of(clip=0.0), updater_of(clip=1e-3)
    for updater in (free, clipped):
        updater.update([batch_of(PAIRS[:2]), batch_of(PAIRS[2:])], rate=0.1)
    norm = torch.stack([weight.grad.norm() for weight in free.weights]).norm()
    for one, other in zip(free.weights, clipped.weights, strict=True):
        assert_close(one.grad * (1e-3 / norm), other.grad, rtol=1e-4, atol=1e-12)


def test_the_rate_is_that_of_the_update():
    """Adam's first step moves a weight by the rate, whatever its gradient."""
    updater = updater_of()
    before = [weight.detach().clone() for weight in updater.weights]
    updater.update([batch_of(PAIRS)], rate=0.25)
    assert updater.rate == 0.25
    moved = [(one - other).abs().max() for one, other in zip(updater.weights, before, strict=True)]
    assert max(moved).item() == pytest.approx(0.25, rel=1e-4)


def test_weights_with_a_rate_of_their_own():
    """Theirs follows the schedule in proportion; the rate that is told is that of the others."""
    torch.manual_seed(0)
    config = TrainingConfig(epochs=1, learning_rate=0.5)
    objective = updater_of().objective
    rates = {"model.encoder.": 0.05, "model.nowhere.": 9.0}
    updater = Updater(accelerator(), objective, config, rates)
    before = {name: weight.detach().clone() for name, weight in objective.named_parameters()}
    updater.update([batch_of(PAIRS)], rate=0.25)
    assert updater.rate == 0.25
    moved = {"encoder": 0.0, "decoder": 0.0}
    for name, weight in objective.named_parameters():
        part = name.split(".")[1]
        moved[part] = max(moved[part], (weight - before[name]).abs().max().item())
    assert moved["decoder"] == pytest.approx(0.25, rel=1e-4)
    assert moved["encoder"] == pytest.approx(0.025, rel=1e-4)


def test_every_weight_is_in_one_group():
    objective = updater_of().objective
    updater = Updater(
        accelerator(), objective, TrainingConfig(epochs=1), {"model.": 0.1, "model.encoder.": 0.2}
    )
    groups = [group["params"] for group in updater.optimizer.param_groups]
    assert [len(group) for group in groups] == [0, len(list(objective.parameters()))]


def test_a_state_of_other_weights_is_refused(tmp_path):
    config = TrainingConfig(epochs=1)
    updater = updater_of()
    Run(tmp_path, config, accelerator(), updater.objective, updater.optimizer).save()
    updater.objective.model.encoder.requires_grad_(False)
    fewer = Updater(accelerator(), updater.objective, config)
    with pytest.raises(UserError, match="a run that trained other weights of the model"):
        Run(tmp_path, config, accelerator(), fewer.objective, fewer.optimizer)


def test_the_weight_decay_is_the_recipes_when_a_run_goes_on(tmp_path):
    config, later = (TrainingConfig(epochs=1, weight_decay=x) for x in (0.0, 0.5))
    updater = updater_of()
    Run(tmp_path, config, accelerator(), updater.objective, updater.optimizer).save()
    again = Updater(accelerator(), updater.objective, later)
    Run(tmp_path, later, accelerator(), again.objective, again.optimizer)
    assert [group["weight_decay"] for group in again.optimizer.param_groups] == [0.5]


def test_a_rate_of_their_own_needs_one_to_be_a_share_of():
    config = TrainingConfig(epochs=1, learning_rate=0.0)
    with pytest.raises(UserError, match=r"learning_rate: expected more than 0, as some weights"):
        Updater(accelerator(), updater_of().objective, config, {"model.encoder": 0.1})


def test_gradients_of_several_processes_lie_as_their_weights_do():
    """Weights of a picture network may lie in memory with the channels last."""

    class Convolution(Objective):
        def __init__(self):
            super().__init__()
            self.inner = nn.Conv2d(3, 4, 2).to(memory_format=torch.channels_last)

        def forward(self, batch):
            return self.inner(batch.source[0]).square().sum(), 1

    one = accelerator()
    several = SimpleNamespace(
        num_processes=2, device=one.device, autocast=one.autocast, reduce=lambda x, how: x
    )
    found = []
    for each in (one, several):
        torch.manual_seed(0)
        updater = Updater(each, Convolution(), TrainingConfig(epochs=1, clip=0.0))
        batch = Batch((torch.randn(2, 3, 5, 5),), torch.zeros(1, 1))
        for _ in range(2):
            updater.update([batch], rate=0.1)
        found.append(updater.objective.inner.weight)
    assert_close(*found)


def test_without_a_token_the_weights_stay():
    updater = updater_of()
    before = [weight.detach().clone() for weight in updater.weights]
    source = torch.tensor([[3, 4]])
    empty = Batch((source, source != PAD), torch.tensor([[BEGIN, PAD]]))
    _, count = updater.update([empty], rate=0.1)
    assert count == 0
    for weight, known in zip(updater.weights, before, strict=True):
        assert_close(weight, known, rtol=0, atol=0)
