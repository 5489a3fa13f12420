import json
import signal
from threading import Thread

import pytest
import torch
from torch import nn

from attention_core.errors import UserError
from attention_core.training import Batch, Learner, TrainingConfig, train
from attention_core.training.loop import learning_rate


@pytest.fixture(autouse=True)
def _on_cpu(monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")


class Slope(nn.Module):
    """The loss is the sum over the batch of w · x: its gradient is known."""

    def __init__(self, size=1):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(size))

    def forward(self, batch):
        return (self.weight * batch.tokens).sum(), batch.tokens.numel()


class Scripted(Learner):
    """Two batches an epoch, and validations that score what the script says."""

    metric = "score"

    def __init__(self, *scores, size=1):
        self.objective = Slope(size)
        self.scores = iter(scores)
        self.saved = []

    def batches(self, epoch):
        return [(1.0, 2.0), (3.0, 4.0)]

    def collate(self, item):
        return Batch((torch.zeros(2),), torch.tensor(item)[:, None])

    def validate(self):
        assert not self.objective.training
        return {"score": next(self.scores)}

    def save(self, directory, metrics):
        self.saved.append(metrics["score"])


def config(**changes):
    return TrainingConfig(**{"epochs": 1, "validate_every": 1, "warmup": 0, **changes})


def log(out):
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def test_warm_up_then_constant():
    given = config(schedule="constant", warmup=4, learning_rate=0.8)
    rates = [learning_rate(given, update, 10) for update in range(6)]
    assert rates == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8, 0.8])


def test_warm_up_times_a_cosine_to_zero():
    given = config(warmup=2, learning_rate=0.8)
    rates = [learning_rate(given, update, 6) for update in (0, 1, 2, 3, 4, 6, 9)]
    # ½ (1 + cos(π u / 6)) of 0, 1, 2, 3, 4, 6 sixths of the way
    assert rates == pytest.approx([0.4, 0.8 * (2 + 3**0.5) / 4, 0.6, 0.4, 0.2, 0.0, 0.0])


def test_without_warm_up_the_first_rate_is_whole():
    assert learning_rate(config(learning_rate=0.8), 0, 10) == 0.8


def test_an_update_is_adams_of_the_mean_loss_per_token(tmp_path):
    """Adam's first step is the rate in the gradient's direction; decay shrinks what was there."""
    run = Scripted(1.0, 2.0)
    run.objective.weight.data.fill_(1.0)
    given = config(schedule="constant", learning_rate=0.1, weight_decay=0.5, epochs=1)
    train(run, given, tmp_path, seed=1)
    # 1 · (1 - 0.1 · 0.5) - 0.1; and once more, with gradients 1.5, then 3.5 clipped to 1
    after_one = 0.95 - 0.1
    assert run.objective.weight.item() == pytest.approx(0.95 * after_one - 0.1, abs=1e-4)
    assert [line["train_loss"] for line in log(tmp_path)] == pytest.approx([1.5, 3.5 * after_one])


@pytest.mark.parametrize(("clip", "expected"), [(0.5, 0.5), (100.0, 3.5), (0.0, 3.5)])
def test_gradients_are_clipped_by_their_norm(clip, expected, tmp_path):
    run = Scripted(1.0, 2.0)
    train(run, config(clip=clip), tmp_path, seed=1)
    assert run.objective.weight.grad.item() == pytest.approx(expected, rel=1e-5)


def test_every_validation_is_a_line_and_every_best_is_saved(tmp_path):
    run = Scripted(0.5, 0.4, 0.7, 0.7)
    assert train(run, config(epochs=2), tmp_path, seed=1) == tmp_path / "best"
    assert run.saved == [0.5, 0.7]
    lines = log(tmp_path)
    assert [(line["update"], line["epoch"], line["score"]) for line in lines] == [
        (1, 1, 0.5),
        (2, 1, 0.4),
        (3, 2, 0.7),
        (4, 2, 0.7),
    ]


def test_the_last_update_is_validated_however_rare_that_is(tmp_path):
    train(Scripted(0.5), config(epochs=2, validate_every=100), tmp_path, seed=1)
    assert [line["update"] for line in log(tmp_path)] == [4]


def test_patience_ends_after_so_many_validations_without_a_better_score(tmp_path):
    run = Scripted(0.5, 0.5, 0.6, 0.1, 0.6, 0.9)
    train(run, config(epochs=10, patience=2), tmp_path, seed=1)
    assert [line["score"] for line in log(tmp_path)] == [0.5, 0.5, 0.6, 0.1, 0.6]
    assert run.saved == [0.5, 0.6]


def test_a_score_that_is_not_a_number_is_never_the_best(tmp_path):
    run = Scripted(float("nan"), 0.5, float("nan"), 0.6)
    train(run, config(epochs=2), tmp_path, seed=1)
    assert run.saved == [0.5, 0.6]


def test_another_models_state_is_not_gone_on_with(tmp_path):
    train(Scripted(0.5, 0.6), config(), tmp_path, seed=1)
    with pytest.raises(UserError, match=r"state.pt is the state of a model of other sizes.*out"):
        train(Scripted(0.5, 0.6, size=2), config(), tmp_path, seed=1)


@pytest.mark.parametrize("content", [b"", b"not a state", b"PK\x03\x04"])
def test_a_damaged_state_is_told_in_one_line(content, tmp_path):
    (tmp_path / "state.pt").write_bytes(content)
    with pytest.raises(UserError, match=r"state.pt is damaged: delete it") as caught:
        train(Scripted(0.5), config(), tmp_path, seed=1)
    assert "\n" not in str(caught.value)


def test_signal_handlers_are_given_back(tmp_path):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    train(Scripted(0.5, 0.6), config(), tmp_path, seed=1)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_it_runs_in_another_thread_too(tmp_path):
    thread = Thread(target=train, args=(Scripted(0.5, 0.6), config(), tmp_path), kwargs={"seed": 1})
    thread.start()
    thread.join()
    assert len(log(tmp_path)) == 2
