"""A run that stops and goes on, however it stopped, ends as one that never did: bit for bit."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import learner
import pytest
import torch
from learner import CONFIG, EVERYTHING, SEED, CopyLearner
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from attention_core.errors import UserError
from attention_core.training import run as state
from attention_core.training import train
from attention_core.training.alone import write_alone

UPDATES = 30


class Killed(BaseException):
    """Stands for the end of the process: nothing in the loop may catch it."""


@pytest.fixture(autouse=True)
def _float32_on_cpu(monkeypatch):
    torch.set_default_dtype(torch.float32)
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What a run leaves that is never interrupted."""
    out = tmp_path_factory.mktemp("whole")
    torch.set_default_dtype(torch.float32)
    run = CopyLearner()
    train(run, CONFIG, out, seed=SEED)
    assert run.counts == {"update": UPDATES, "validation": 6, "save": 3, "saved": 3}
    return left(out, run)


def left(out, run):
    """Weights, log and best checkpoint, as bytes."""
    weights = {name: weight.numpy().tobytes() for name, weight in run.model.state_dict().items()}
    best = {path.name: path.read_bytes() for path in (out / "best").iterdir()}
    return weights, (out / "log.jsonl").read_text(), best


def ended(out, updates=None):
    """What the run leaves when it is begun again and goes on to its end, in so many updates."""
    run = CopyLearner()
    train(run, CONFIG, out, seed=SEED)
    assert updates is None or run.counts.get("update", 0) == updates
    return left(out, run)


def stopping(event, count, stop):
    def on(*now):
        if now == (event, count):
            stop()

    return CopyLearner(on)


def interrupt(number):
    return lambda: os.kill(os.getpid(), number)


def die():
    raise Killed


@pytest.mark.parametrize("update", [1, 5, 6, 7, 15, 22, UPDATES - 1, UPDATES])
def test_interrupted_in_an_update(update, whole, tmp_path):
    run = stopping("update", update, interrupt(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        train(run, CONFIG, tmp_path, seed=SEED)
    assert run.counts["update"] == update  # which it finished
    assert ended(tmp_path, UPDATES - update) == whole


def test_terminated_in_a_validation(whole, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(stopping("validation", 2, interrupt(signal.SIGTERM)), CONFIG, tmp_path, seed=SEED)
    assert ended(tmp_path) == whole


def test_interrupted_again_and_again(whole, tmp_path):
    for _ in range(UPDATES):
        with pytest.raises(KeyboardInterrupt):
            train(stopping("update", 1, interrupt(signal.SIGINT)), CONFIG, tmp_path, seed=SEED)
    assert ended(tmp_path, 0) == whole


def test_an_impatient_second_interrupt_is_a_kill(whole, tmp_path):
    def twice():
        interrupt(signal.SIGINT)()
        interrupt(signal.SIGINT)()

    with pytest.raises(KeyboardInterrupt):
        train(stopping("update", 10, twice), CONFIG, tmp_path, seed=SEED)
    assert ended(tmp_path) == whole


@pytest.mark.parametrize(
    ("event", "count"),
    [
        ("update", 1),
        ("update", 6),
        ("update", UPDATES),
        ("validation", 1),
        ("validation", 3),
        ("save", 1),
        ("save", 3),
        ("saved", 1),
        ("saved", 3),
    ],
)
def test_killed(event, count, whole, tmp_path):
    with pytest.raises(Killed):
        train(stopping(event, count, die), CONFIG, tmp_path, seed=SEED)
    assert ended(tmp_path) == whole


def test_killed_while_the_state_is_written(whole, tmp_path, monkeypatch):
    """The earlier state, of update 5, is there to go on from."""
    save = torch.save

    def half(state, path):
        save(state, path)
        if state["counters"]["update"] == 10:
            path.write_bytes(path.read_bytes()[:1000])
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(state.torch, "save", half)
        with pytest.raises(Killed):
            train(CopyLearner(), CONFIG, tmp_path, seed=SEED)
    assert ended(tmp_path, UPDATES - 5) == whole


def test_killed_in_the_middle_of_a_line_of_the_log(whole, tmp_path):
    with pytest.raises(Killed):
        train(stopping("update", 13, die), CONFIG, tmp_path, seed=SEED)
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write('{"update": 15, "ep')
    assert ended(tmp_path) == whole


def test_killed_by_the_system(whole, tmp_path):
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    process = subprocess.run(
        [sys.executable, Path(learner.__file__), tmp_path, "17"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr
    assert (tmp_path / "state.pt").exists()
    assert ended(tmp_path) == whole


def test_a_run_that_has_ended_stays_as_it_is(whole, tmp_path):
    assert ended(tmp_path) == whole
    again = CopyLearner()
    train(again, CONFIG, tmp_path, seed=SEED)
    assert "update" not in again.counts
    assert left(tmp_path, again) == whole


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """A whole run with all that training can do: its last validation is of averaged weights."""
    out = tmp_path_factory.mktemp("everything")
    torch.set_default_dtype(torch.float32)
    run = CopyLearner(config=EVERYTHING)
    train(run, EVERYTHING, out, seed=SEED)
    assert run.counts == {"update": 36, "validation": 7, "save": 2, "saved": 2}
    return left(out, run), curves(out)


def curves(out):
    """TensorBoard's points, without the time of day."""
    events = EventAccumulator(str(out / "tensorboard")).Reload()
    return {
        name: [(point.step, point.value) for point in events.Scalars(name)]
        for name in events.Tags()["scalars"]
    }


@pytest.mark.parametrize(
    ("event", "count", "stop", "error"),
    [
        *[("update", n, interrupt(signal.SIGINT), KeyboardInterrupt) for n in (1, 6, 13, 20, 36)],
        ("validation", 4, interrupt(signal.SIGTERM), KeyboardInterrupt),
        *[("update", n, die, Killed) for n in (3, 12, 29)],
        *[("validation", n, die, Killed) for n in (1, 3, 6, 7)],
        *[("saved", n, die, Killed) for n in (1, 2)],
    ],
)
def test_with_everything_that_training_can_do(event, count, stop, error, everything, tmp_path):
    def on(*now):
        if now == (event, count):
            stop()

    with pytest.raises(error):
        train(CopyLearner(on, EVERYTHING), EVERYTHING, tmp_path, seed=SEED)
    time.sleep(1 - time.time() % 1)  # TensorBoard orders its files by the second they begin in
    again = CopyLearner(config=EVERYTHING)
    train(again, EVERYTHING, tmp_path, seed=SEED)
    assert (left(tmp_path, again), curves(tmp_path)) == everything


def test_such_a_run_that_has_ended_stays_as_it_is(everything, tmp_path):
    for validations in (7, 0):
        run = CopyLearner(config=EVERYTHING)
        train(run, EVERYTHING, tmp_path, seed=SEED)
        assert run.counts.get("validation", 0) == validations
        assert (left(tmp_path, run), curves(tmp_path)) == everything


def test_two_processes_do_not_train_in_one_folder(tmp_path):
    code = (
        "import sys, pathlib, attention_core.training.alone as one\n"
        "with one.alone(pathlib.Path(sys.argv[1])): print('there', flush=True); input()"
    )
    run, pipe = CopyLearner(), subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code, tmp_path], stdin=pipe, stdout=pipe) as other:
        assert other.stdout.readline().strip() == b"there"
        (tmp_path / "log.jsonl").write_text("{}\n")  # as the other one wrote it
        with pytest.raises(UserError, match="another process is training there: wait for it"):
            train(run, CONFIG, tmp_path, seed=SEED)
        assert not run.counts and (tmp_path / "log.jsonl").read_text() == "{}\n"
        with pytest.raises(UserError, match="another process is training there"):
            write_alone(tmp_path / "log.jsonl", b"another's")
        assert (tmp_path / "log.jsonl").read_text() == "{}\n"
        other.kill()  # which leaves its file, and no lock
    train(run, CONFIG, tmp_path, seed=SEED)
    assert run.counts["update"] == UPDATES
