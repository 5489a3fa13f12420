"""The benchmark's check against what was committed, and what it is made of."""

import json
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[2]))
from attention_core.parts.packed import HalfLinear, PackedLinear
from scripts.benchmarking import quick, report, work
from scripts.benchmarking.counting import NETWORKS
from scripts.benchmarking.turns import Notebook, in_turn

BEFORE = {"beam": {"operations": 1000, "calls": 100, "time over plain torch": 0.5}}


class Peer:
    """Of a name, taking these seconds."""

    version, network = "1", "shared"

    def __init__(self, name, seconds, jobs, heard):
        self.name, self.left, self.jobs, self.heard = name, list(seconds), jobs, heard

    def seconds(self, job):
        self.heard.append((self.name, job))
        seconds = self.left.pop(0)
        return seconds, seconds / 2


@pytest.mark.parametrize(
    ("figure", "same", "worse"),
    [("operations", 1000, 1002), ("calls", 101, 103), ("time over plain torch", 0.59, 0.61)],
)
def test_what_is_worse_is_told(figure, same, worse):
    assert not list(quick.compared({"beam": {figure: same}}, BEFORE))
    (line,) = quick.compared({"beam": {figure: worse}}, BEFORE)
    assert line.startswith(f"beam: {figure} {worse:g}, and ")
    assert not list(quick.compared({"new": {figure: worse}}, BEFORE))


def test_the_committed_baseline_has_every_job():
    baselines = json.loads(Path(__file__).parents[2].joinpath(quick.BASELINE).read_text())
    for known in baselines.values():
        assert set(known) == set(work.TEXT_JOBS)
        for job in ("greedy", "beam", "single"):
            expected = NETWORKS["shared"].operations(job) * work.JOBS[job].count
            assert known[job]["operations"] == pytest.approx(expected, rel=1e-3)


def test_ratios_are_compared_with_the_same_processor_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(quick, "BASELINE", tmp_path / "baseline.json")
    slower = {"beam": {"operations": 1000, "calls": 100, "time over plain torch": 0.9}}
    assert quick.check(BEFORE, "one") == []
    assert quick.check(slower, "another") == []
    assert quick.check(slower, "another") == []
    assert quick.check(slower, "one") == ["beam: time over plain torch 0.9, and 0.5 before"]
    more = {"beam": {**slower["beam"], "calls": 200}}
    assert quick.check(more, "a third") == ["beam: calls 200, and 100 before"]
    assert json.loads(quick.BASELINE.read_text()) == {
        "one": BEFORE,
        "another": slower,
        "a third": more,
    }


@pytest.mark.parametrize("kind", [PackedLinear, HalfLinear])
def test_products_of_packed_weights_are_counted(kind):
    weight, x = torch.randn(5, 3), torch.randn(2, 3)
    plain, packed = nn.Linear(3, 5, bias=False), kind(weight, None)
    assert quick.counted(lambda: plain(x))["operations"] == 2 * 2 * 3 * 5
    assert quick.counted(lambda: packed(x)) == {"operations": 2 * 2 * 3 * 5, "calls": 1}


def test_turns_alternate_and_the_first_is_not_counted():
    heard = []
    peers = [
        Peer("a", [9.0, 1.0, 2.0], ["beam"], heard),
        Peer("b", [9.0, 3.0, 4.0], ["beam", "train"], heard),
        Peer("c", [], ["train"], heard),
    ]
    a, b = in_turn(peers, "beam", rounds=2, rate=iter([9.0, 5.0, 6.0]).__next__)
    assert heard == [("a", "beam"), ("b", "beam")] * 3
    assert (a.name, a.seconds, a.worked) == ("a", [1.0, 2.0], [0.5, 1.0])
    assert (b.name, b.seconds) == ("b", [3.0, 4.0])
    assert a.rates == b.rates == [5.0, 6.0]


def test_a_notebook_goes_on_unless_the_conditions_changed(tmp_path):
    path = tmp_path / "folder" / "notes.json"
    Notebook(path, {"threads": "1"})["beam"] = [1, 2]
    assert Notebook(path, {"threads": "1"})["beam"] == [1, 2]
    assert "beam" not in Notebook(path, {"threads": "2"})


def test_the_report_tells_rates_shares_and_ratios(tmp_path, monkeypatch):
    """Turns of 0.5 s for 64 sentences are 128 a second; the other takes twice as long. What the
    machine can do in each round, the first does half of, or a quarter, or all.
    """
    monkeypatch.setattr(report, "PAGE", tmp_path / "performance.md")
    notes = Notebook(tmp_path / "notes.json", {"processor": "abacus"})
    operations = NETWORKS["shared"].operations("beam")
    notes["rates"] = {"products": {"2 x 2 x 2": 7.0}, "read": 1e9}
    rates = [operations * 128 * part / 1e9 for part in (2, 4, 1)]
    common = {"job": "beam", "version": "1", "network": "shared", "rates": rates}
    notes["beam"] = [
        {**common, "name": "ours", "seconds": [0.5] * 3, "worked": [0.5] * 3},
        {**common, "name": "theirs", "seconds": [1.0] * 3, "worked": [0.5] * 3},
    ]
    notes["failed"] = {"another": "no such package"}
    report.write(notes)
    page = (tmp_path / "performance.md").read_text("utf-8")
    assert "| processor | abacus |" in page
    assert "| ours 1 | 128 | 128–128 | 1.00× |" in page
    assert "| theirs 1 | 64 | 64–64 | 2.00× |" in page
    assert "| 50% |" in page and "| 25% |" in page
    assert "not measured: another (no such package)" in page
    assert "Not measured in this run" in page
    assert (tmp_path / "performance.csv").read_text("utf-8").count("\n") == 3


def test_the_report_tells_what_fast_costs():
    told = {"captions, CIDEr": [51.284, 50.856, 0.891, 0.9987]}
    page = report.lost(told)
    assert "| captions, CIDEr | 51.28 | 50.86 | 89% |" in page
    assert "Not measured" not in page
    assert "- captions: 99.9%" in report.exact(told)
    assert not report.exact({})


def test_pictures_have_fewer_turns_than_text():
    heard = []
    peer = Peer("a", [1.0] * 20, ["beam", "caption"], heard)
    turns = [in_turn([peer], job, rate=float)[0].seconds for job in ("beam", "caption")]
    assert list(map(len, turns)) == [9, 5]
