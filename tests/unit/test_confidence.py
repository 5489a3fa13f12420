"""How good a translation is likely to be: fitted, kept beside a model, and told when it is not."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from attention_core.errors import UserError
from attention_core.search import Hypothesis
from attention_core.translation.confidence import (
    CONFIDENCE,
    Confidence,
    fit,
    inputs,
    read_confidence,
)


def found(*gains: float) -> Hypothesis:
    return Hypothesis([5] * len(gains), list(gains), sum(gains), weights=None, finished=True)


def test_inputs_worked_by_hand() -> None:
    frequencies = [0, 7, 1]  # of 8 + 3 after adding one to each
    mean, lowest, rarity, rarest, length = inputs([1, 2], found(-1.0, -3.0), frequencies)
    assert (mean, lowest) == (-2.0, -3.0)
    assert rarest == pytest.approx(np.log(11 / 2))
    assert rarity == pytest.approx((np.log(11 / 8) + np.log(11 / 2)) / 2)
    assert length == pytest.approx(np.log(2))


def made_up(seed: int) -> tuple[list[list[float]], list[float], list[str]]:
    generator = np.random.default_rng(seed)
    given = generator.normal(size=(4000, 5)) * [1, 2, 3, 4, 0.1] + 5
    languages = generator.choice(["de", "fr"], size=4000)
    gain = (given[:, 0] - 5) - 0.5 * (given[:, 3] - 5) + np.where(languages == "de", -1.0, 1.0)
    quality = np.clip(1 / (1 + np.exp(-gain)) + generator.normal(size=4000) * 0.1, 0, 1)
    return given.tolist(), quality.tolist(), languages.tolist()


def test_the_fit_finds_what_quality_depends_on_and_is_calibrated_on_unseen_sentences() -> None:
    given, quality, languages = made_up(0)
    model = fit(given, quality, languages, {"de": [1], "fr": [1]})
    slopes = np.array(model.slopes) / np.array(model.deviations)
    assert slopes == pytest.approx([1, 0, 0, -0.5, 0], abs=0.15)
    assert model.intercepts["fr"] - model.intercepts["de"] == pytest.approx(2, abs=0.2)
    unseen, truth, their = made_up(1)
    gain = [
        model.intercepts[language]
        + sum(
            b * (x - m) / d
            for x, m, d, b in zip(row, model.means, model.deviations, model.slopes, strict=True)
        )
        for row, language in zip(unseen, their, strict=True)
    ]
    expected = 1 / (1 + np.exp(-np.array(gain)))
    for low in np.arange(0, 1, 0.2):
        those = (expected >= low) & (expected < low + 0.2)
        assert np.mean(np.array(truth)[those]) == pytest.approx(expected[those].mean(), abs=0.03)


MODEL = Confidence([0.0] * 5, [1.0] * 5, [0.0, 1.0, 0, 0, 0], {"de": 2.0}, {"de": [3, 4]})


def test_expected_is_between_nought_and_one_and_falls_with_the_least_sure_token() -> None:
    sure, unsure = (MODEL.expected([0, 1], found(-0.1, x), "de") for x in (-0.1, -5.0))
    assert 0 < unsure < sure < 1
    assert sure == pytest.approx(1 / (1 + np.exp(-(2.0 - 0.1))))  # the intercept, and that token


def test_a_language_that_it_was_not_fitted_for_is_told() -> None:
    with pytest.raises(UserError, match="not fitted for 'cs': calibrate it again"):
        MODEL.expected([0], found(-1.0), "cs")


@pytest.fixture
def saved(tmp_path):
    def file(name: str) -> bytes:
        return (tmp_path / name).read_bytes()

    return SimpleNamespace(path=tmp_path, file=file)


def test_it_is_kept_beside_a_model(saved) -> None:
    tokenizer = SimpleNamespace(size=2)
    assert read_confidence(saved, tokenizer) is None
    (saved.path / CONFIDENCE).write_bytes(MODEL.to_bytes())
    assert read_confidence(saved, tokenizer) == MODEL


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"slopes": [1.0]}, "not of this checkpoint"),
        ({"intercepts": {"fr": 1.0}}, "not of this checkpoint"),
        ({"frequencies": {"de": [1, 2, 3]}}, "not of this checkpoint"),
        ({"more": 1}, "is damaged"),
        (None, "is damaged"),
    ],
)
def test_damage_is_told(saved, change, problem) -> None:
    text = "{" if change is None else json.dumps(json.loads(MODEL.to_bytes()) | change)
    (saved.path / CONFIDENCE).write_text(text)
    with pytest.raises(UserError, match=problem):
        read_confidence(saved, SimpleNamespace(size=2))
