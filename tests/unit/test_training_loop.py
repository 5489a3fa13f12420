import json
import math
import signal
from dataclasses import replace
from threading import Thread

import numpy as np
import pytest
import torch
from torch import nn

from attention_core.errors import UserError
from attention_core.training import Batch, Learner, TrainingConfig, train


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
    train(Scripted(0.5, 0.5, 0.5), config(epochs=4, validate_every=3), tmp_path, seed=1)
    assert [line["update"] for line in log(tmp_path)] == [3, 6, 8]


def test_a_run_too_short_for_two_validations_has_one_after_each_epoch(tmp_path):
    train(Scripted(0.5, 0.5), config(epochs=2, validate_every=100), tmp_path, seed=1)
    assert [line["update"] for line in log(tmp_path)] == [2, 4]


def test_patience_ends_after_so_many_validations_without_a_better_score(tmp_path, capsys):
    run = Scripted(0.5, 0.5, 0.6, 0.1, 0.6, 0.9)
    train(run, config(epochs=10, patience=2), tmp_path, seed=1)
    assert [line["score"] for line in log(tmp_path)] == [0.5, 0.5, 0.6, 0.1, 0.6]
    assert run.saved == [0.5, 0.6]


def test_a_score_that_is_not_a_number_is_never_the_best(tmp_path):
    run = Scripted(float("nan"), 0.5, float("nan"), 0.6)
    train(run, config(epochs=2), tmp_path, seed=1)
    assert run.saved == [0.5, 0.6]


def test_an_update_takes_so_many_batches(tmp_path):
    """Two batches are one of both: their gradients are 1.5 and 3.5, their mean is 2.5."""
    run = Scripted(0.5, 0.6)
    train(run, config(accumulate=2, epochs=2, clip=0.0), tmp_path, seed=1)
    assert [line["update"] for line in log(tmp_path)] == [1, 2]
    assert run.objective.weight.grad.item() == pytest.approx(2.5)


def test_batches_left_over_are_an_update_too(tmp_path):
    run = Scripted(0.5, 0.6)
    train(run, config(accumulate=3, epochs=2, clip=0.0), tmp_path, seed=1)
    assert [line["epoch"] for line in log(tmp_path)] == [1, 2]
    assert run.objective.weight.grad.item() == pytest.approx(2.5)


def test_a_cosine_ends_with_the_last_update_of_several_batches(tmp_path):
    run = Scripted(*[0.5] * 4)
    train(run, config(accumulate=2, epochs=4, learning_rate=0.8), tmp_path, seed=1)
    rates = [line["learning_rate"] for line in log(tmp_path)]
    assert rates == pytest.approx([0.8, 0.4 * (1 + 0.5**0.5), 0.4, 0.4 * (1 - 0.5**0.5)])


def test_plateaus_halve_the_rate(tmp_path):
    """After each second validation in a row that is not better."""
    run = Scripted(0.5, 0.4, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.1, 0.1)
    given = config(schedule="plateau", plateau=2, patience=9, epochs=5, learning_rate=0.8)
    train(run, given, tmp_path, seed=1)
    rates = [line["learning_rate"] for line in log(tmp_path)]
    assert rates == [0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.2, 0.2, 0.1, 0.1]


def test_the_objective_knows_how_many_updates_were_made(tmp_path):
    run, seen = Scripted(0.5, 0.5, 0.5), []
    run.objective.register_forward_pre_hook(lambda module, _: seen.append(module.update))
    train(run, config(accumulate=2, epochs=3, validate_every=100), tmp_path, seed=1)
    assert seen == [0, 0, 1, 1, 2, 2]


def weights_at_validations(run):
    """What the weight was at each validation and each save."""
    seen = []
    validate, save = run.validate, run.save
    run.validate = lambda: (seen.append(run.objective.weight.item()), validate())[1]
    run.save = lambda *given: (seen.append(("saved", run.objective.weight.item())), save(*given))
    return seen


@pytest.mark.parametrize(("score", "saved"), [(0.9, True), (0.6, False)])
def test_the_mean_of_the_best_validations_is_one_more_try(score, saved, tmp_path):
    run = Scripted(0.5, 0.4, 0.6, 0.3, score)
    seen = weights_at_validations(run)
    train(run, config(epochs=2, average=2), tmp_path, seed=1)
    at = [x for x in seen if not isinstance(x, tuple)]
    mean = pytest.approx((at[0] + at[2]) / 2)
    assert at[4] == mean
    assert run.objective.weight.item() == at[3]  # the run's own, to go on with
    assert (seen[-1] == ("saved", at[4])) == saved
    assert log(tmp_path)[-1] == {"update": 4, "averaged": 2, "score": score}


def test_a_run_that_kept_no_weights_has_nothing_to_average(tmp_path):
    train(Scripted(0.5, 0.6), config(), tmp_path, seed=1)
    train(Scripted(), config(average=2), tmp_path, seed=1)
    assert len(log(tmp_path)) == 2


def test_more_epochs_go_on_from_the_runs_own_weights(tmp_path):
    """The averaged weights of the end are no part of the run."""
    given = config(schedule="constant", average=2)
    train(Scripted(0.5, 0.6, 0.9), given, tmp_path / "on", seed=1)
    longer = replace(given, epochs=2)
    gone_on = Scripted(0.7, 0.8, 0.95)
    train(gone_on, longer, tmp_path / "on", seed=1)
    at_once = Scripted(0.5, 0.6, 0.7, 0.8, 0.95)
    train(at_once, longer, tmp_path / "whole", seed=1)
    assert gone_on.objective.weight.item() == at_once.objective.weight.item()
    assert gone_on.saved == [0.95]


def test_another_models_state_is_not_gone_on_with(tmp_path):
    train(Scripted(0.5, 0.6), config(), tmp_path, seed=1)
    with pytest.raises(UserError, match=r"state.pt is the state of a model of other sizes.*out"):
        train(Scripted(0.5, 0.6, size=2), config(), tmp_path, seed=1)


def test_a_state_that_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    train(Scripted(0.5, 0.6), config(), tmp_path, seed=1)

    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("attention_core.training.run.torch.load", refused)
    with pytest.raises(UserError, match=r"Can't read .*state.pt: Permission denied."):
        train(Scripted(0.5, 0.6), config(), tmp_path, seed=1)


def test_as_many_processes_as_before_must_go_on(tmp_path):
    train(Scripted(0.5, 0.6), config(), tmp_path, seed=1)
    state = torch.load(tmp_path / "state.pt")
    torch.save(state | {"processes": state["processes"] * 2}, tmp_path / "state.pt")
    with pytest.raises(UserError, match=r"of a run in 2 processes, and this is one in 1: start as"):
        train(Scripted(0.5, 0.6), config(), tmp_path, seed=1)


def test_a_run_of_something_else_is_not_gone_on_with(tmp_path):
    first, other = Scripted(0.5, 0.6), Scripted(0.7, 0.8)
    first.identity, other.identity = {"text": "a"}, {"text": "b"}
    train(first, config(), tmp_path, seed=1)
    with pytest.raises(UserError, match=r"state.pt is the state of a run with another text: give"):
        train(other, config(epochs=2), tmp_path, seed=1)
    other.identity = {"text": "a"}
    train(other, config(epochs=2), tmp_path, seed=1)
    assert len(log(tmp_path)) == 4


def test_a_run_that_has_ended_says_so(tmp_path, capsys):
    train(Scripted(0.5, 0.6), config(), tmp_path, seed=1)
    assert "had ended" not in capsys.readouterr().err
    train(Scripted(), config(), tmp_path, seed=1)
    said = capsys.readouterr().err
    assert f"{tmp_path} had ended already, at update 2" in "".join(said.splitlines())
    assert "nan" not in said


def test_a_run_without_a_model_to_keep_says_so(tmp_path):
    with pytest.raises(UserError, match="there is no model to keep, as score was never a number"):
        train(Scripted(math.nan, math.nan), config(), tmp_path, seed=1)


def test_what_a_learner_lacks_is_told(tmp_path):
    learner = Scripted(0.5, 0.6)
    learner.metric = "bleu"
    with pytest.raises(ValueError, match="validate: expected 'bleu' among the metrics, got score"):
        train(learner, config(), tmp_path / "one", seed=1)
    learner.batches = lambda epoch: []
    with pytest.raises(ValueError, match="batches: expected some in epoch 0, got none"):
        train(learner, config(), tmp_path / "two", seed=1)


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


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_a_number_ends_the_run_before_a_weight_is_touched(value, tmp_path):
    learner = Scripted(0.5)
    learner.batches = lambda epoch: [(1.0, 2.0), (3.0, value)]
    problem = "update 2, in epoch 1: the loss is not a number: look for such values in the data"
    with pytest.raises(UserError, match=problem):
        train(learner, config(), tmp_path, seed=1)
    assert learner.objective.weight.isfinite().all() and learner.saved == [0.5]


@pytest.mark.parametrize("clip", [1.0, 0.0])
def test_a_gradient_that_is_not_a_number_ends_the_run_too(clip, tmp_path):
    learner = Scripted(0.5)
    learner.objective.weight.register_hook(lambda gradient: gradient * math.nan)
    with pytest.raises(UserError, match="update 1, in epoch 1: the gradient is not a number"):
        train(learner, config(clip=clip), tmp_path, seed=1)
    assert learner.objective.weight.isfinite().all()


def test_a_mistake_of_a_task_in_arithmetic_is_its_own(tmp_path):
    learner = Scripted(0.5)
    learner.collate = lambda item: 1 / 0
    with pytest.raises(ZeroDivisionError):
        train(learner, config(), tmp_path, seed=1)


def test_metrics_may_be_numbers_of_numpy_or_torch(tmp_path):
    train(Scripted(np.float32(0.5), torch.tensor(0.75)), config(), tmp_path, seed=1)
    assert [line["score"] for line in log(tmp_path)] == [0.5, 0.75]


def test_a_state_that_cant_be_written_is_one_line_and_leaves_the_one_before(tmp_path, monkeypatch):
    train(Scripted(0.5, 0.6), config(), tmp_path, seed=1)
    before = (tmp_path / "state.pt").read_bytes()

    def full(state, path):
        path.write_bytes(b"half")
        raise RuntimeError("unexpected pos 844096 vs 843984")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(UserError, match=r"Can't save .*state.pt: is the disk full\?$"):
        train(Scripted(0.7, 0.8), config(epochs=2), tmp_path, seed=1)
    assert (tmp_path / "state.pt").read_bytes() == before
    assert not list(tmp_path.glob("*.new"))
