"""Learning rates, update by update."""

from math import sqrt

import pytest

from attention_core.training import TrainingConfig
from attention_core.training.schedules import learning_rate


def rates(updates, total=100, halvings=0, **config):
    config = TrainingConfig(epochs=1, **{"learning_rate": 0.8, "warmup": 0, **config})
    return pytest.approx([learning_rate(config, update, total, halvings) for update in updates])


def test_warm_up_then_constant():
    assert rates(range(6), schedule="constant", warmup=4) == [0.2, 0.4, 0.6, 0.8, 0.8, 0.8]


def test_warm_up_times_a_cosine_to_zero():
    # ½ (1 + cos(π u / 12)) of 0, 1, 2, 3, 4, 6 sixths of the way
    expected = [0.4, 0.8 * (2 + sqrt(3)) / 4, 0.6, 0.4, 0.2, 0.0, 0.0]
    assert rates([0, 2, 4, 6, 8, 12, 18], total=12, warmup=2, schedule="cosine") == expected


def test_warm_up_then_the_inverse_square_root():
    expected = [0.2, 0.4, 0.6, 0.8, 0.8 * sqrt(4 / 5), 0.4, 0.2]
    assert rates([0, 1, 2, 3, 4, 15, 63], warmup=4, schedule="inverse_sqrt") == expected


def test_the_inverse_square_root_without_warm_up_begins_whole():
    assert rates([0, 3, 8], schedule="inverse_sqrt") == [0.8, 0.4, 0.8 / 3]


def test_without_warm_up_the_first_rate_is_whole():
    assert rates([0]) == [0.8]


def test_plateaus_halve_the_rate_down_to_the_lowest():
    plateau = {"schedule": "plateau", "patience": 9, "lowest_rate": 0.15}
    assert [rates([50], halvings=n, **plateau) for n in range(5)] == [
        [0.8],
        [0.4],
        [0.2],
        [0.15],
        [0.15],
    ]


def test_warm_up_goes_below_the_lowest_rate_of_a_plateau():
    plateau = {"schedule": "plateau", "patience": 9, "lowest_rate": 0.5}
    assert rates([0, 1, 3], warmup=4, **plateau) == [0.2, 0.4, 0.8]


def test_warm_up_takes_a_fifth_of_a_short_run_at_most():
    """So that the text of a beginner is learned from, whatever the recipe was made for."""
    assert rates([0, 1, 3, 9], total=20, schedule="constant", warmup=500) == [0.2, 0.4, 0.8, 0.8]
    assert rates([0], total=3, schedule="constant", warmup=500) == [0.8]
