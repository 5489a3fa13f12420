"""Two processes on a CPU are one: in what they learn, and in how they stop and go on."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace

import parallel
import pytest
import torch
from torch.testing import assert_close

# Accelerate's own launcher starts several processes without a GPU only if it is told of GPUs.
LAUNCHERS = {
    "torchrun": ["torch.distributed.run", "--standalone", "--nproc-per-node=2"],
    "accelerate": ["accelerate.commands.launch", "--multi_gpu", "--num_processes=2"],
}


@pytest.fixture(autouse=True)
def _on_cpu(monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")


def launched(out, *arguments, launcher="torchrun"):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    del environment["ACCELERATE_USE_CPU"]  # a bare launcher must do
    return subprocess.Popen(
        [sys.executable, "-m", *LAUNCHERS[launcher], parallel.__file__, out, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process):
    """What both processes said."""
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return output, errors


def left(out):
    """The weights of each process, the log, and the best checkpoint."""
    weights = [torch.load(path) for path in sorted(out.glob("weights-*.pt"))]
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return weights, log, {path.name: path.read_bytes() for path in (out / "best").iterdir()}


def test_two_processes_are_one_with_batches_twice_as_many(tmp_path):
    """The same losses, metrics and weights; only the first process speaks and saves."""
    together = launched(tmp_path / "two", "0.0")
    alone = parallel.run(tmp_path / "one", replace(parallel.RUN, accumulate=2), 0.0)
    _, errors = ended(together)
    (expected,), expected_log, _ = left(tmp_path / "one")
    weights, log, _ = left(tmp_path / "two")
    assert len(weights) == 2
    for each in weights:
        assert_close(each, expected, rtol=1e-9, atol=1e-9)
    assert [line["update"] for line in log] == [2, 4, 6, 8, 10, 12, 12]
    for line, expected_line in zip(log, expected_log, strict=True):
        assert line == pytest.approx(expected_line, rel=1e-9)
    assert errors.count("· best") == alone.counts["save"] == 3
    first, second = torch.load(tmp_path / "two" / "state.pt")["processes"]
    assert not torch.equal(first["cpu"], second["cpu"])  # each draws its own dropout and samples


def test_an_interrupt_of_one_stops_both_which_go_on_as_if_never_stopped(tmp_path):
    """With dropout, of which each process draws its own."""
    whole = launched(tmp_path / "whole", "0.3", launcher="accelerate")
    output, _ = ended(launched(tmp_path / "stopped", "0.3", "5"))
    # both write at once, so a line may end after the other's
    assert sorted(re.findall(r"process \d stopped", output)) == [
        "process 0 stopped",
        "process 1 stopped",
    ]
    ended(launched(tmp_path / "stopped", "0.3"))
    ended(whole)
    weights, *rest = left(tmp_path / "stopped")
    expected, *expected_rest = left(tmp_path / "whole")
    assert len(weights) == 2
    assert_close(weights, expected, rtol=0, atol=0)
    assert rest == expected_rest
