"""How sure a captioner is: its inputs by hand, what they tell, and damaged files."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from attention_core.checkpoint import Checkpoint
from attention_core.errors import UserError
from attention_core.search import Hypothesis
from captioner.confidence import (
    CONFIDENCE,
    CaptionConfidence,
    counted,
    fit,
    inputs,
    read_confidence,
)
from captioner.labels import labels

NUMBER = {label.name: number for number, label in enumerate(labels())}
FOUND = Hypothesis([5, 6, 2], [-0.5, -1.0, 0.0], score=-1.5, weights=None, finished=True)


def test_inputs_by_hand():
    classes = np.zeros(1000)
    classes[[151, 963]] = 0.25, 0.75  # a dog, a pizza
    counts = [0] * len(labels())
    counts[NUMBER["dog"]] = 9
    total = 9 + len(labels())
    rarity = -(0.25 * math.log(10 / total) + 0.75 * math.log(1 / total))
    entropy = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert inputs(classes, FOUND, "A dog.", "en", counts) == pytest.approx(
        [-0.5, -1.0, entropy, rarity, 0.25], rel=1e-4
    )
    assert inputs(classes, FOUND, "一个披萨。", "zh", counts)[-1] == pytest.approx(0.75)


def test_what_was_learnt_from_is_counted_by_label():
    counts = counted([("a dog and a cat", "en"), ("zwei Hunde", "de"), ("the sky", "en")])
    assert (counts[NUMBER["dog"]], counts[NUMBER["cat"]], sum(counts)) == (2, 1, 3)


def test_strange_pictures_are_doubted():
    generator = np.random.default_rng(0)
    given = generator.normal(size=(300, 5))
    quality = 1 / (1 + np.exp(given[:, 3] - given[:, 0]))
    model = fit(given.tolist(), quality.tolist(), ["en", "zh", "de"] * 100, [0] * len(labels()))
    assert model.slopes[3] < -0.5 and model.slopes[0] > 0.5
    found = [model.of(x, "zh") for x in given]
    assert np.corrcoef(found, quality)[0, 1] > 0.99


@pytest.fixture
def saved(tmp_path: Path) -> Checkpoint:
    model = CaptionConfidence(
        [0.0] * 5, [1.0] * 5, [1.0] * 5, {"en": 0.5}, named=[1] * len(labels())
    )
    (tmp_path / CONFIDENCE).write_bytes(model.to_bytes())
    return Checkpoint(tmp_path, "caption", {})


def test_it_is_kept_beside_the_weights(saved: Checkpoint):
    model = read_confidence(saved)
    assert model is not None
    known = model.expected(np.full(1000, 1e-3), FOUND, "A dog.", "en")
    assert 0 < known < 1
    with pytest.raises(UserError, match="not fitted for 'de'"):
        model.expected(np.full(1000, 1e-3), FOUND, "Ein Hund.", "de")
    (saved.path / CONFIDENCE).unlink()
    assert read_confidence(saved) is None


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda text: text[:-9], "is damaged"),
        (lambda text: json.dumps({**json.loads(text), "more": 1}), "is damaged"),
        (lambda text: json.dumps({**json.loads(text), "named": [1]}), "is not of this version"),
    ],
)
def test_damage_is_told(saved: Checkpoint, change, problem):
    path = saved.path / CONFIDENCE
    path.write_text(change(path.read_text()))
    with pytest.raises(UserError, match=problem):
        read_confidence(saved)
