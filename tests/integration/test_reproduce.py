"""The classic comparisons, in miniature: what they write, and the arithmetic behind them."""

import csv
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[2]))
from attention_core.translation.corpora import Pair
from scripts.reproduction import cost
from scripts.reproduction.__main__ import WIRINGS, main
from scripts.reproduction.joined import join, joined_to

SMALL = [
    "data.vocabulary=330",
    "data.validation=2",
    "model.embedding=16",
    "model.hidden=16",
    "model.attention=8",
    "training.epochs=2",
    "training.batch_tokens=400",
    "training.validate_every=20",
    "search.beam=2",
    "search.max_length=20",
]


@pytest.fixture
def reproduce(data, tmp_path, monkeypatch):
    def run(name: str) -> list[dict[str, str]]:
        monkeypatch.chdir(tmp_path)
        changes = [part for setting in SMALL for part in ("--set", setting)]
        done = CliRunner().invoke(main, [name, "--data", str(data), *changes])
        assert done.exit_code == 0, done.output
        svg = (tmp_path / "docs" / "reproduction" / f"{name}.svg").read_text()
        assert svg.startswith("<?xml")
        with (tmp_path / "docs" / "reproduction" / f"{name}.csv").open() as file:
            return list(csv.DictReader(file))

    return run


def test_wirings_are_compared_with_intervals(reproduce):
    rows = reproduce("wirings")
    assert [row["system"] for row in rows] == list(WIRINGS)
    assert rows[0]["p_value"] == "" and all(0 < float(row["p_value"]) <= 1 for row in rows[1:])
    for row in rows:
        assert float(row["low"]) <= float(row["high"])
    assert len({row["parameters"] for row in rows}) == len(rows)


def test_lengths_are_tried_with_and_without_attention(reproduce):
    rows = reproduce("lengths")
    assert {row["system"] for row in rows} == {"cho", "bahdanau"}
    words = [float(row["mean_words"]) for row in rows]
    assert words == sorted(words)


def test_joined_sentences_have_one_beginning_and_one_end():
    assert join(([5, 6, 2], [3, 7, 2]), ([8, 2], [3, 9, 9, 2])) == ([5, 6, 8, 2], [3, 7, 9, 9, 2])


def test_held_out_sentences_are_joined_in_order_and_each_used_once():
    pairs = [Pair(f"a b c {n}", f"x {n}", "de") for n in range(20)]
    found = joined_to(pairs, 12)
    assert [len(pair.source.split()) for pair in found] == [8] * 10
    assert " ".join(pair.target for pair in found) == " ".join(pair.target for pair in pairs)


def test_the_fit_finds_what_made_the_times():
    made = {"sutskever": (2.0, 0.03, 0.1, 0.0), "bahdanau": (1.0, 0.02, 0.2, 0.004)}
    times = [
        cost.Cost(preset, m, t, a + b * m + c * t + d * m * t, 0.0, 0.0)
        for preset, (a, b, c, d) in made.items()
        for m, t in ((8, 64), (64, 64), (512, 64), (256, 8), (256, 512), (16, 16))
    ]
    found = cost.fitted(times)
    for preset, expected in made.items():
        assert found[preset] == pytest.approx(expected, abs=1e-9)


def test_the_exponent_is_that_of_the_power():
    sizes = [8, 16, 32, 64, 128, 256]
    assert cost.exponent(sizes, [5.0] * 3 + [3 * n**1.7 for n in sizes[3:]]) == pytest.approx(1.7)
