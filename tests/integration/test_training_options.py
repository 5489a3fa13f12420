"""What recipes may ask of training, in whole runs on miniature data."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from conftest import attention_core

from attention_core import checkpoint
from attention_core.errors import UserError
from attention_core.tokenizer import Tokenizer
from attention_core.training import TrainingConfig
from attention_core.translation.corpora import Pair
from attention_core.translation.learner import TranslateLearner, TranslateRecipe
from attention_core.translation.mixture import DataConfig, mixture
from attention_core.translation.predictor import Translator


def run(recipe, folder, *overrides, task="translate"):
    """A run of the miniature recipe with overrides: its log."""
    arguments = [part for override in overrides for part in ("--set", override)]
    result = attention_core("train", recipe(task, folder), *arguments)
    assert result.exit_code == 0, result.stderr
    return log_of(Path(result.stdout.strip()).parent)


def log_of(out):
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    "overrides",
    [
        ["model.tied=false", "model.cutoffs=[40, 120]"],
        ["training.sampled_softmax=60"],
        ["training.consistency=2", "model.dropout=0.1"],
        ["training.scheduled_sampling={decay='inverse_sigmoid', k=5}"],
        ["training.schedule=plateau", "training.plateau=1", "training.accumulate=2"],
        ["data.bpe_dropout=0.1", "data.stand_ins=0.3"],
        ["data.phrases=2", "data.vocabulary=3400"],
        ["data.into_english=true"],
    ],
)
def test_it_learns_with_each(recipe, tmp_path, overrides):
    log = run(recipe, tmp_path, "training.epochs=6", *overrides)
    assert log[-1]["train_loss"] < 0.9 * log[0]["train_loss"]
    language = "en" if "data.into_english=true" in overrides else "de"
    best = tmp_path / "run" / "best"
    served = attention_core("translate", "3 ☃ 4.", "--to", language, "--checkpoint", best, "--json")
    assert served.exit_code == 0
    (found,) = map(json.loads, served.stdout.splitlines())
    if "data.stand_ins=0.3" in overrides:
        assert "☃" in found["source_tokens"] and "☃" in found["translation"]


def test_one_precision_after_another_in_a_process(recipe, tmp_path):
    for name, precision in enumerate(("no", "bf16", "no")):
        changes = f"out={tmp_path / str(name)}", "training.epochs=1"
        run(recipe, tmp_path, *changes, f"training.precision={precision}")
    full, half, again = (log_of(tmp_path / name) for name in "012")
    assert full == again != half


def test_what_varies_is_the_same_when_a_run_is_gone_on_with(recipe, tmp_path):
    varied = ["data.bpe_dropout=0.2", "data.stand_ins=0.5"]
    at_once, in_two = tmp_path / "once", tmp_path / "twice"
    at_once.mkdir(), in_two.mkdir()
    run(recipe, at_once, *varied, "training.epochs=3", "training.schedule=constant")
    run(recipe, in_two, *varied, "training.epochs=1", "training.schedule=constant")
    run(recipe, in_two, *varied, "training.epochs=3", "training.schedule=constant")
    last = [checkpoint.read(folder / "run" / "best").weights() for folder in (at_once, in_two)]
    assert all(torch.equal(last[0][name], last[1][name]) for name in last[0])


def test_text_that_a_model_made_is_learned_from_alone(data, tmp_path):
    made = {"de": ("Twelve dogs.", "Zwölf Hunde."), "zh": ("A dog \t sleeps.", "一只狗在睡。")}
    for language, pair in made.items():
        for ending, line in zip(("en", language), pair, strict=True):
            (tmp_path / f"made.en-{language}.{ending}").write_text(f"{line}\n\n", "utf-8")
    recipe = DataConfig(root=str(data), languages=("zh", "de"), tatoeba=9, synthetic=str(tmp_path))
    learned = {corpus.name: corpus for corpus in mixture(recipe, "train")}
    assert learned["synthetic_de"].pairs == [Pair(*made["de"], "de")]
    assert learned["synthetic_zh"].pairs == [Pair("A dog sleeps.", "一只狗在睡。", "zh")]
    assert {name for name in learned if "synthetic" not in name} == {
        corpus.name for corpus in mixture(recipe, "val")
    }


def test_batches_are_of_one_language_and_name_its_words(data):
    recipe = TranslateRecipe(
        out=str(data / "languages"),
        data=DataConfig(
            root=str(data), languages=("zh", "de"), tatoeba=500, vocabulary=420, bpe_dropout=0.3
        ),
        training=TrainingConfig(epochs=1, batch_tokens=200),
    )
    learner = TranslateLearner(recipe)
    seen = set()
    for epoch in range(3):
        for item in learner.batches(epoch):
            batch = learner.collate(item)
            (language,) = set(batch.tokens[:, 0].tolist())
            seen.add(language)
            targets = batch.tokens[:, 1:][batch.tokens[:, 1:] != learner.tokenizer.pad]
            assert torch.isin(targets, batch.words).all()
            assert torch.equal(batch.words, batch.words.unique())
            assert len(batch.words) < learner.tokenizer.size
    assert seen == {learner.tokenizer.begin(language) for language in ("zh", "de")}


def test_bleu_is_what_is_learned_when_it_is_the_reward(trained, recipe, tmp_path):
    settings = [
        f"start={trained('translate') / 'best'}",
        "self_critical={samples=3, cross_entropy=0.1}",
        "training.label_smoothing=0",
        "training.epochs=2",
    ]
    log = run(recipe, tmp_path, *settings)
    assert log[-1]["bleu"] > 0
    assert json.loads((tmp_path / "run" / "best" / "config.json").read_text())["config"][
        "self_critical"
    ] == {"samples": 3, "cross_entropy": 0.1}


def test_a_model_that_goes_on_with_fewer_languages_knows_those_alone(
    trained, recipe, data, tmp_path
):
    run(recipe, tmp_path, f"start={trained('translate') / 'best'}", 'data.languages=["de"]')
    best = tmp_path / "run" / "best"
    translator = Translator.load(best)
    assert translator.languages == ("de",)
    assert translator.translate(["3 dogs play."], to="de")[0].confidence is not None
    with pytest.raises(UserError, match=r"Unknown language 'zh'\. Known: de\."):
        translator.translate(["3 dogs play."], to="zh")
    result = attention_core("evaluate", best, "--split", "val", "--data", data)
    assert result.exit_code == 0, result.stderr
    assert "en-de" in result.stdout and "en-zh" not in result.stdout


def test_a_translator_tells_how_sure_it_is(trained):
    best = trained("translate") / "best"
    fitted = json.loads((best / "confidence.json").read_text())
    assert len(fitted["slopes"]) == 5
    assert sum(fitted["frequencies"]["de"]) > 100  # tokens of the sources into German
    (found,) = Translator.load(best).translate(["3 dogs play."], to="de")
    assert 0 < found.confidence < 1
    assert found.doubtful is (found.confidence < 0.4)


def test_an_adaptive_softmax_ranks_words_by_frequency(recipe, tmp_path):
    run(recipe, tmp_path, "model.tied=false", "model.cutoffs=[40]", "training.epochs=1")
    saved = checkpoint.read(tmp_path / "run" / "best")
    rank = saved.weights()["decoder.adaptive.rank"]
    assert sorted(rank.tolist()) == list(range(len(rank)))
    tokenizer = Tokenizer.load(tmp_path / "run" / "tokenizer.model")
    assert rank[tokenizer.eos] < 3  # every sentence has one
    assert rank[tokenizer.begin("de")] > 40  # which is never predicted


def test_curves_and_averaged_weights(recipe, tmp_path):
    log = run(recipe, tmp_path, "training.tensorboard=true", "training.average=2")
    assert log[-1]["averaged"] == 2 and log[-1]["update"] == log[-2]["update"]
    assert list((tmp_path / "run" / "tensorboard").glob("events.*"))


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (["model.cutoffs=[40]"], "tied: an adaptive softmax has matrices of its own"),
        (
            ["model.cutoffs=[40]", "model.tied=false", "training.label_smoothing=0.1"],
            "label_smoothing: it needs all words, and the softmax is adaptive",
        ),
        (
            ["model.cutoffs=[40]", "model.tied=false", "training.consistency=5"],
            "consistency: it needs all words, and the softmax is adaptive",
        ),
        (["self_critical={}"], "self_critical: name the trained model that it goes on from"),
        (
            ["self_critical={}", "start=x", "training.label_smoothing=0.1"],
            "self_critical: training.label_smoothing is of teacher forcing",
        ),
        (["model.cutoffs=[40, 30]", "model.tied=false"], "cutoffs: expected whole numbers that"),
        (
            ["training.sampled_softmax=9", "training.label_smoothing=0.1"],
            "training: label_smoothing: it needs all words",
        ),
    ],
)
def test_what_excludes_what_is_one_line(recipe, tmp_path, overrides, problem):
    arguments = [part for override in overrides for part in ("--set", override)]
    result = attention_core("train", recipe("translate", tmp_path), *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert problem in result.stderr and "Traceback" not in result.stderr
    assert result.stderr[result.stderr.index("error: ") :].count("\n") == 1


def test_checkpoints_are_averaged_and_serve(trained, recipe, tmp_path):
    first = trained("translate")
    folder = tmp_path / "other"
    folder.mkdir()
    path = recipe("translate", folder)
    (folder / "run").mkdir()
    (folder / "run" / "tokenizer.model").write_bytes((first / "tokenizer.model").read_bytes())
    assert attention_core("train", path, "--set", "training.epochs=2").exit_code == 0
    mean = tmp_path / "mean"
    result = attention_core("average", first / "best", folder / "run" / "best", "--out", mean)
    assert (result.exit_code, result.stdout) == (0, f"{mean}\n")
    assert (first / "best" / "confidence.json").exists() and not (mean / "confidence.json").exists()
    served = attention_core("translate", "3 dogs play.", "--to", "de", "--checkpoint", mean)
    assert served.exit_code == 0 and "error" not in served.stderr  # so small, it may doubt itself


def test_checkpoints_of_two_tasks_have_no_mean(trained, tmp_path):
    places = [trained(task) / "best" for task in ("translate", "caption")]
    result = attention_core("average", *places, "--out", tmp_path / "mean")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"error: {places[1]} is of the task 'caption', and {places[0]} of 'translate'.\n"
    )


def test_two_processes_speak_with_one_voice(recipe, tmp_path):
    """Ctrl-C, passed on by the launcher, stops both; the same command goes on to the end."""
    path = recipe("translate", tmp_path)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [*launcher, "--nproc-per-node=2", "-m", "attention_core.cli", "train", str(path)]
    process = subprocess.Popen(
        [*command, "--set", "training.epochs=100000", "--set", "training.patience=1000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    out = tmp_path / "run"
    while not (out / "state.pt").exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=300)
    assert output == ""
    assert errors.count(f"Stopped; the same command goes on from {out}.") == 1
    stopped = log_of(out)
    epochs = stopped[-1]["epoch"] + 1
    finished = subprocess.run(
        [*command, "--set", f"training.epochs={epochs}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert (finished.returncode, finished.stdout) == (0, f"{out / 'best'}\n"), finished.stderr
    log = log_of(out)
    assert log[: len(stopped)] == stopped and log[-1]["epoch"] == epochs
