"""Means of weights: of the validations of a run, and of checkpoints."""

import json
import math

import pytest
import torch
from torch.testing import assert_close

from attention_core import checkpoint
from attention_core.errors import UserError
from attention_core.training import TrainingConfig
from attention_core.training.averaging import Snapshots


def snapshots(scores, **config):
    """Snapshots of the weights 1, 2, 4, 8 … with those scores."""
    kept = Snapshots(TrainingConfig(epochs=1, **config))
    for number, score in enumerate(scores):
        weights = {"w": torch.full((2,), 2.0**number), "count": torch.tensor(number)}
        kept.add(score, number, weights)
    return kept


def mean(scores, **config):
    return snapshots(scores, **config).mean()["w"].tolist()


def test_the_mean_of_the_best():
    assert mean([0.3, 0.1, 0.4, 0.2], average=2, average_of="best") == [2.5, 2.5]  # of 1 and 4


def test_the_mean_of_the_last():
    assert mean([0.3, 0.1, 0.4, 0.2], average=2, average_of="last") == [6, 6]  # of 4 and 8


def test_of_equal_scores_the_later_is_kept():
    assert mean([0.3, 0.3, 0.3], average=2) == [3, 3]  # of 2 and 4


def test_a_score_that_is_not_a_number_is_the_worst():
    assert mean([0.3, math.nan, 0.1], average=2) == [2.5, 2.5]  # of 1 and 4


def test_there_may_be_fewer_than_asked_for():
    assert mean([0.3, 0.1], average=5) == [1.5, 1.5]


def test_without_averaging_nothing_is_kept():
    assert snapshots([0.3, 0.1]).kept == []


def test_whole_numbers_are_the_latest():
    assert snapshots([0.3, 0.1, 0.2], average=2).mean()["count"].item() == 2


def test_a_snapshot_is_a_copy():
    kept = Snapshots(TrainingConfig(epochs=1, average=2))
    weight = torch.zeros(2)
    kept.add(0.5, 1, {"w": weight})
    weight += 1
    assert kept.mean()["w"].tolist() == [0, 0]


def test_fewer_may_be_asked_for_of_a_run_that_goes_on():
    kept = snapshots([], average=2)
    kept.load_state_dict(snapshots([0.3, 0.1, 0.4, 0.2], average=4).state_dict())
    kept.add(0.5, 4, {"w": torch.full((2,), 16.0), "count": torch.tensor(4)})
    assert kept.mean()["w"].tolist() == [10, 10]  # of 4 and 16


def test_the_state_brings_all_back():
    kept = snapshots([0.3, 0.1, 0.4], average=2)
    again = snapshots([], average=2)
    again.load_state_dict(kept.state_dict())
    assert_close(again.mean(), kept.mean())
    assert again.kept[0].score == 0.3


def saved(place, value, *, task="toy", config=None, half=False, shape=(2, 3), tokens=b"abc"):
    checkpoint.save(
        place,
        task=task,
        config={"size": 3} if config is None else config,
        weights={"w": torch.full(shape, value), "steps": torch.tensor(int(value))},
        files={"tokenizer.model": tokens, "README.md": f"# Model {value}\n".encode()},
        half=half,
    )
    return place


def test_the_mean_of_checkpoints(tmp_path):
    values = [1.0, 2.0, 4.5]
    places = [saved(tmp_path / str(value), value) for value in values]
    checkpoint.average(places, tmp_path / "mean")
    found = checkpoint.read(tmp_path / "mean")
    assert (found.task, found.config) == ("toy", {"size": 3})
    assert_close(found.weights()["w"], torch.full((2, 3), 2.5))
    assert found.weights()["steps"] == 4  # of the last
    assert found.file("tokenizer.model") == b"abc"
    card = found.file("README.md").decode()
    assert all(str(place) in card for place in places) and "# Model 1.0" in card


def test_the_mean_of_half_precision_is_taken_in_single(tmp_path):
    """1 + 2^-10 and 1 are neighbours in float16; their mean is not a float16."""
    places = [
        saved(tmp_path / name, value, half=True) for name, value in [("a", 1.0), ("b", 1 + 2**-10)]
    ]
    checkpoint.average(places, tmp_path / "mean")
    found = checkpoint.read(tmp_path / "mean").weights()["w"]
    assert_close(found, torch.full((2, 3), 1 + 2**-11), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("other", "problem"),
    [
        ({"task": "other"}, "is of the task 'other', and {first} of 'toy'"),
        ({"shape": (3, 3)}, "w (expected [2, 3], got [3, 3])"),
        ({"tokens": b"other"}, "has another tokenizer.model than {first}"),
    ],
)
def test_checkpoints_of_different_kinds_are_refused(tmp_path, other, problem):
    first, second = saved(tmp_path / "a", 1.0), saved(tmp_path / "b", 2.0, **other)
    with pytest.raises(UserError) as caught:
        checkpoint.average([first, second], tmp_path / "mean")
    assert str(second) in str(caught.value)
    assert problem.format(first=first) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "mean").exists()


def test_a_language_keeps_the_pieces_of_all_of_them(tmp_path):
    """Runs that learned from other text write a language with other pieces of one vocabulary."""
    places = [saved(tmp_path / name, 1.0) for name in "ab"]
    for place, pieces in zip(places, ['{"de": [2, 7, 9]}', '{"de": [2, 8, 9]}'], strict=True):
        (place / "pieces.json").write_text(pieces)
    checkpoint.average(places, tmp_path / "mean")
    assert json.loads((tmp_path / "mean" / "pieces.json").read_text()) == {"de": [2, 7, 8, 9]}


def test_damaged_pieces_have_no_mean(tmp_path):
    places = [saved(tmp_path / name, 1.0) for name in "ab"]
    for place in places:
        (place / "pieces.json").write_text("[2, 7]")
    with pytest.raises(UserError, match=r"pieces.json is damaged"):
        checkpoint.average(places, tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


def test_files_of_the_system_are_no_part_of_a_checkpoint(tmp_path):
    for name in ("a", "b"):
        weights = {"w": torch.ones(2)}
        checkpoint.save(tmp_path / name, task="toy", config={}, weights=weights, files={})
    for name in (".DS_Store", "Thumbs.db"):
        (tmp_path / "a" / name).write_text("litter")
    checkpoint.average([tmp_path / "a", tmp_path / "b"], tmp_path / "mean")
    assert not (tmp_path / "mean" / ".DS_Store").exists()


def test_one_checkpoint_has_no_mean(tmp_path):
    with pytest.raises(UserError, match="give at least two"):
        checkpoint.average([saved(tmp_path / "a", 1.0)], tmp_path / "mean")


def test_a_missing_checkpoint_is_told(tmp_path):
    with pytest.raises(UserError, match="No checkpoint at"):
        checkpoint.average([saved(tmp_path / "a", 1.0), tmp_path / "b"], tmp_path / "mean")


def test_the_config_may_differ_where_the_model_does_not(tmp_path):
    """Another seed or folder is no other model; the first one's config is taken."""
    places = [saved(tmp_path / str(seed), 1.0, config={"seed": seed}) for seed in (1, 2)]
    checkpoint.average(places, tmp_path / "mean")
    assert checkpoint.read(tmp_path / "mean").config == {"seed": 1}


def test_what_is_alike_stays_to_the_last_bit():
    """As the weights of a frozen encoder do, whose features are cached under their bytes."""
    kept = Snapshots(TrainingConfig(epochs=1, average=3))
    alike = torch.tensor([-0.0, 0.1, 0.7])
    for number in range(3):
        kept.add(0.5, number, {"w": alike})
    assert kept.mean()["w"].view(torch.int32).tolist() == alike.view(torch.int32).tolist()


def test_words_of_other_ranks_have_no_mean(tmp_path):
    """An adaptive softmax has its rows in the order of ``rank``."""
    for name, rank in (("a", [0, 1, 2]), ("b", [0, 2, 1])):
        weights = {"rank": torch.tensor(rank), "w": torch.ones(3)}
        checkpoint.save(tmp_path / name, task="toy", config={}, weights=weights, files={})
    with pytest.raises(UserError, match=r"b has another rank than .*a\."):
        checkpoint.average([tmp_path / "a", tmp_path / "b"], tmp_path / "mean")
