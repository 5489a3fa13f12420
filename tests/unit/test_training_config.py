"""The training part of a recipe: what excludes what, each told in one line."""

import math

import pytest

from attention_core.errors import UserError
from attention_core.recipe import as_dict, from_dict
from attention_core.training import (
    ScheduledSampling,
    SearchConfig,
    SelfCriticalConfig,
    TrainingConfig,
)

LINEAR = {"decay": "linear", "k": 1.0, "c": 0.1}


def test_the_defaults_are_the_plain_run():
    config = TrainingConfig(epochs=1)
    assert (config.schedule, config.accumulate, config.average) == ("cosine", 1, 0)
    assert config.scheduled_sampling is None and not config.sampled_softmax
    assert not config.tensorboard


def test_it_goes_through_json():
    config = from_dict(TrainingConfig, {"epochs": 2, "scheduled_sampling": LINEAR})
    assert config.scheduled_sampling == ScheduledSampling(**LINEAR)
    assert from_dict(TrainingConfig, as_dict(config)) == config


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"schedule": "plateau", "plateau": 5, "patience": 5}, "plateau: 5 validations without a"),
        ({"lowest_rate": 0.1}, "lowest_rate: 0.1 is above learning_rate 0.001"),
        ({"average": 1}, "average: the mean of one is no mean: set it to 0, or to 2 or more"),
        (
            {"sampled_softmax": 9, "label_smoothing": 0.1},
            "label_smoothing: it needs all words, and sampled_softmax only some: drop one",
        ),
        (
            {"sampled_softmax": 9, "consistency": 5.0},
            "consistency: it needs all words, and sampled_softmax only some: drop one",
        ),
        ({"accumulate": 0}, "accumulate must be at least 1, got 0"),
        ({"schedule": "cosin"}, "schedule can't be 'cosin'. Did you mean 'cosine'?"),
        ({"average_of": "first"}, "average_of can't be 'first'"),
        ({"scheduled_sampling": {"decay": "linear"}}, "missing key scheduled_sampling.k"),
        (
            {"scheduled_sampling": {"decay": "exponential", "k": 1.5}},
            "scheduled_sampling: k: an exponential decay needs 0 < k < 1, got 1.5",
        ),
    ],
)
def test_wrong_settings_are_one_line(settings, problem):
    with pytest.raises(UserError) as caught:
        from_dict(TrainingConfig, {"epochs": 1, **settings})
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "settings", "problem"),
    [
        (TrainingConfig, {"epochs": 0}, "epochs must be at least 1, got 0"),
        (TrainingConfig, {"epochs": 1, "clip": -1.0}, "clip must be at least 0.0, got -1.0"),
        (TrainingConfig, {"epochs": 1, "clip": math.nan}, "clip must be a number, got nan"),
        (TrainingConfig, {"epochs": 1, "schedule": "cosin"}, "schedule can't be 'cosin'. Did you"),
        (
            TrainingConfig,
            {"epochs": 1, "learning_rate": "a"},
            "learning_rate must be a number, got",
        ),
        (SearchConfig, {"beam": 2.5}, "beam must be a whole number, got 2.5"),
        (SearchConfig, {"beam": 101}, "beam must be at most 100, got 101"),
        (SelfCriticalConfig, {"samples": 1}, "samples must be at least 2, got 1"),
        (ScheduledSampling, {**LINEAR, "lowest": 1.5}, "lowest must be at most 1.0, got 1.5"),
    ],
)
def test_bounds_hold_in_python_too(kind, settings, problem):
    with pytest.raises(UserError, match=problem):
        kind(**settings)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"decay": "linear", "k": 1.5, "c": 0.1}, "k: a linear decay begins at 0 < k ≤ 1, got 1.5"),
        ({"decay": "linear", "k": 0.0, "c": 0.1}, "k: a linear decay begins"),
        ({"decay": "linear", "k": 1.0}, "c: the slope of a linear decay, and of no other, got 0.0"),
        ({"decay": "exponential", "k": 0.9, "c": 0.1}, "c: the slope of a linear decay"),
        ({"decay": "exponential", "k": 0.0}, "k: an exponential decay needs"),
        ({"decay": "inverse_sigmoid", "k": 0.9}, "k: an inverse sigmoid decay needs k ≥ 1"),
    ],
)
def test_a_decay_has_its_own_constants(settings, problem):
    with pytest.raises(UserError, match=problem):
        ScheduledSampling(**settings)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"decay": "linear", "k": 0.9, "c": 0.2, "lowest": 0.25}, [0.9, 0.7, 0.5, 0.25]),
        ({"decay": "exponential", "k": 0.5}, [1.0, 0.5, 0.25, 0.0]),
        (
            {"decay": "inverse_sigmoid", "k": 2.0},
            [2 / 3, 2 / (2 + math.exp(0.5)), 2 / (2 + math.e), 0.0],
        ),
    ],
)
def test_the_probability_of_the_true_token_decays(settings, expected):
    schedule = ScheduledSampling(**settings)
    assert [schedule.probability(i) for i in (0, 1, 2, 100_000)] == pytest.approx(expected)
