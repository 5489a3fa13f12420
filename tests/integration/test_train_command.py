"""``attention-core train`` and ``evaluate`` on miniature data, from recipe to scores."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from conftest import attention_core

from attention_core.translation.learner import TranslateLearner
from captioner.learner import CaptionLearner

TASKS = ["translate", "caption"]
LEARNERS = {"translate": TranslateLearner, "caption": CaptionLearner}


def refused(result):
    """What stderr says of a call that did nothing else, less the progress of its data."""
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Traceback" not in result.stderr
    return result.stderr[result.stderr.index("error: ") :].rstrip("\n")


@pytest.mark.parametrize("task", TASKS)
def test_a_run_leaves_a_log_and_its_best_model(trained, task):
    run = trained(task)
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [entry["update"] for entry in log] == sorted({entry["update"] for entry in log})
    assert log[-1]["train_loss"] < log[0]["train_loss"]
    assert {"config.json", "model.safetensors", "tokenizer.model", "README.md"} <= {
        path.name for path in (run / "best").iterdir()
    }


@pytest.mark.parametrize("task", TASKS)
def test_an_interrupted_run_goes_on_as_if_it_never_stopped(
    trained, recipe, tmp_path, monkeypatch, task
):
    collate, calls = LEARNERS[task].collate, []

    def interrupted(self, item):
        calls.append(item)
        if len(calls) in (6, 11):
            os.kill(os.getpid(), signal.SIGINT)  # Ctrl-C in the middle of an epoch
        return collate(self, item)

    path = recipe(task, tmp_path)
    monkeypatch.setattr(LEARNERS[task], "collate", interrupted)
    for updates in (6, 11):
        stopped = attention_core("train", path)
        assert (stopped.exit_code, stopped.stdout) == (130, "")
        *_, last = stopped.stderr.splitlines()
        assert last == f"Stopped; the same command goes on from {tmp_path / 'run'}."
        assert len(calls) == updates
    finished = attention_core("train", path)
    assert (finished.exit_code, finished.stdout) == (0, f"{tmp_path / 'run' / 'best'}\n")
    for name in ("log.jsonl", "best/model.safetensors"):
        assert (tmp_path / "run" / name).read_bytes() == (trained(task) / name).read_bytes()
    once_more = attention_core("train", path)
    assert (once_more.exit_code, once_more.stdout) == (0, finished.stdout)


def test_ctrl_c_at_the_keyboard(recipe, tmp_path):
    path = recipe("translate", tmp_path)
    path.write_text(path.read_text().replace("epochs = ", "patience = 100000\nepochs = 10000"))
    process = subprocess.Popen(
        [sys.executable, "-m", "attention_core.cli", "train", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    log = tmp_path / "run" / "log.jsonl"
    while not log.exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (130, "")
    assert "Traceback" not in errors
    assert errors.endswith(f"Stopped; the same command goes on from {tmp_path / 'run'}.\n")
    assert (tmp_path / "run" / "state.pt").exists()


def test_a_translation_model_is_evaluated(trained, data):
    best = trained("translate") / "best"
    result = attention_core("evaluate", best, "--data", data, "--json")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert {name: scores["sentences"] for name, scores in report.items()} == {
        "multi30k test_2016_flickr en-de": 3,
        "multi30k test_2017_flickr en-de": 3,
        "tatoeba test en-de": 6,
        "names test en-de": 205,
        "tatoeba test en-zh": 6,
        "names test en-zh": 205,
    }
    assert "tok:zh" in report["tatoeba test en-zh"]["signature"]
    for name, scores in report.items():
        low, high = scores["interval"]
        assert 0 <= low <= high
        assert ("lc-tok bleu" in scores) == ("lc-tok signature" in scores) == ("multi" in name)
    told = attention_core("evaluate", best, "--data", data, "--split", "val", "--beam", 1).stdout
    assert told.startswith("multi30k val en-de: bleu ") and len(told.splitlines()) == 3


def test_a_caption_model_is_evaluated(trained, data, monkeypatch):
    monkeypatch.setenv("PATH", "")  # without Java, which is slow to start
    best = trained("caption") / "best"
    result = attention_core("evaluate", best, "--data", data, "--json")
    assert result.exit_code == 0
    (scores,) = json.loads(result.stdout).values()
    assert scores["pictures"] == 2 and {"BLEU-4", "ROUGE_L", "CIDEr"} <= scores.keys()


@pytest.mark.parametrize("task", TASKS)
def test_what_was_trained_serves_its_command(trained, task, tmp_path):
    from PIL import Image

    Image.new("RGB", (32, 32), "red").save(tmp_path / "red.png")
    inputs = {"translate": ["3 dogs play.", "--to", "de"], "caption": [tmp_path / "red.png"]}
    result = attention_core(task, *inputs[task], "--checkpoint", trained(task) / "best")
    assert result.exit_code == 0 and "error" not in result.stderr  # so small, it may doubt itself


@pytest.mark.parametrize("task", TASKS)
def test_all_mistakes_of_a_recipe_are_told_at_once(recipe, tmp_path, task):
    path = recipe(task, tmp_path)
    text = path.read_text().replace("hidden =", "hiden =").replace("epochs =", "# epochs =")
    path.write_text(text.replace("warmup = 5", 'warmup = "five"'))
    error = refused(attention_core("train", path, "--set", "search.beam=0"))
    first, *problems = error.splitlines()
    assert first == f"error: {path} has 4 problems:"
    for problem in (
        "unknown key model.hiden. Did you mean 'hidden'?",
        "missing key training.epochs",
        "training.warmup must be a whole number, got 'five'",
        "search.beam must be at least 1, got 0",
    ):
        assert any(problem in line for line in problems)
    assert len(problems) == 4


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("training.epoch=3", "unknown key training.epoch. Did you mean 'epochs'?"),
        ("training.epochs", "'training.epochs' is not an override: write it like"),
        ("training.epochs=many", "training.epochs must be a whole number, got 'many'"),
        ("seed.deep=3", "seed.deep: 'seed' holds a value, not a table"),
    ],
)
def test_a_bad_override(recipe, tmp_path, override, problem):
    path = recipe("translate", tmp_path)
    path.write_text(f"seed = 1\n{path.read_text()}")
    assert problem in refused(attention_core("train", path, "--set", override))


def test_an_override_is_taken(recipe, tmp_path):
    arguments = ["--set", "training.epochs=1", "--set", "seed=7", "--set", "data.languages=['de']"]
    result = attention_core("train", recipe("translate", tmp_path), *arguments)
    assert result.exit_code == 0, result.stderr
    config = json.loads((tmp_path / "run" / "best" / "config.json").read_text())["config"]
    assert (config["training"]["epochs"], config["seed"]) == (1, 7)
    assert config["data"]["languages"] == ["de"]


@pytest.mark.parametrize(
    ("task", "source"), [("translate", "github.com/multi30k"), ("caption", "Flickr8k comes from")]
)
def test_missing_data_says_what_to_get(recipe, tmp_path, task, source):
    empty = tmp_path / "empty"
    error = refused(
        attention_core("train", recipe(task, tmp_path), "--set", f"data.root='{empty}'")
    )
    assert error.startswith(f"error: {empty}") and "is missing" in error and source in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("task", TASKS)
def test_missing_data_of_an_evaluation(trained, tmp_path, task):
    result = attention_core("evaluate", trained(task) / "best", "--data", tmp_path / "none")
    error = refused(result)
    assert str(tmp_path / "none") in error and "is missing" in error


@pytest.mark.parametrize("task", TASKS)
def test_an_unknown_split(trained, data, task):
    result = attention_core("evaluate", trained(task) / "best", "--data", data, "--split", "tset")
    assert "unknown split 'tset'. Did you mean 'test'?" in refused(result)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('task = "captoin"', "unknown task 'captoin'. Did you mean 'caption'?"),
        ("seed = 1", 'names no task: put a line like task = "translate" at its top'),
        ("task = caption", "is not valid TOML"),
        ("\x00", "is not valid TOML"),
    ],
)
def test_a_recipe_that_is_none(tmp_path, content, problem):
    path = tmp_path / "recipe.toml"
    path.write_text(content)
    error = refused(attention_core("train", path))
    assert problem in error and len(error.splitlines()) == 1


def test_a_missing_recipe_and_its_nearest(recipe, tmp_path):
    recipe("translate", tmp_path)
    error = refused(attention_core("train", tmp_path / "translat.toml"))
    assert "Did you mean 'translate.toml'?" in error
    assert "Can't read the recipe" in refused(attention_core("train", tmp_path))


def test_a_run_where_no_folder_can_be(recipe, tmp_path):
    path = recipe("translate", tmp_path)
    (tmp_path / "run").write_text("in the way")
    error = refused(attention_core("train", path))
    assert str(tmp_path / "run") in error and len(error.splitlines()) == 1


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b""])
def test_a_damaged_state_is_named(trained, recipe, tmp_path, damage):
    path = recipe("translate", tmp_path)
    run = tmp_path / "run"
    run.mkdir()
    for name in ("state.pt", "tokenizer.model"):
        (run / name).write_bytes((trained("translate") / name).read_bytes())
    (run / "state.pt").write_bytes(damage((run / "state.pt").read_bytes()))
    assert f"{run / 'state.pt'} is damaged" in refused(attention_core("train", path))


@pytest.fixture
def ended(trained, recipe, tmp_path):
    """The recipe of a run that has ended, and its folder."""
    shutil.copytree(trained("translate"), tmp_path / "run")
    return recipe("translate", tmp_path), tmp_path / "run"


def test_a_run_whose_model_is_gone_says_so(ended, monkeypatch):
    path, run = ended
    monkeypatch.setattr(TranslateLearner, "finish", lambda self, best: None)
    shutil.rmtree(run / "best")
    gone = refused(attention_core("train", path))
    assert gone == f"error: {run / 'best'} is gone, and the run has no update left to make: " + (
        f"delete {run} to train anew"
    )


def test_a_run_is_not_gone_on_with_in_another_vocabulary(ended):
    path, run = ended
    told = refused(attention_core("train", path, "--set", "data.vocabulary=301"))
    assert f"{run / 'state.pt'} is the state of a run with another vocabulary: give" in told
