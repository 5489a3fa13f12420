"""The benchmark of Flickr8k, in miniature: what it trains, keeps, compares and writes."""

import csv
import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[2]))
from attention_core.recipe import load_recipe
from attention_core.search import Hypothesis
from attention_core.training import SearchConfig, train
from captioner.calibration import Measured
from captioner.corpus import Corpus
from captioner.learner import CaptionLearner, CaptionRecipe
from captioner.predictor import Captioner
from scripts.captioning import __main__ as command
from scripts.captioning import card, decoding
from scripts.captioning.systems import RECIPE, SYSTEMS, recipe_of

SMALL = [
    "data.vocabulary=330",
    "encoder.backbone=squeezenet1_1",
    "encoder.weights=random",
    "encoder.size=64",
    "model.embedding=16",
    "model.hidden=16",
    "model.values=16",
    "model.attention=8",
    "training.epochs=2",
    "training.precision=no",
    "training.batch_tokens=200",
    "training.warmup=1",
    "search.max_length=12",
]


@pytest.fixture(scope="module")
def benchmark(data, tmp_path_factory):
    """benchmark(*arguments): the command, in a folder of its own."""
    place = tmp_path_factory.mktemp("benchmark")

    def run(*arguments: str):
        changes = [part for setting in SMALL for part in ("--set", setting)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", "")  # without Java, which is slow to start
            patch.chdir(place)
            return CliRunner().invoke(
                command.main, ["--data", str(data), *changes, *arguments], catch_exceptions=False
            )

    run.place = place
    return run


@pytest.fixture(scope="module")
def done(benchmark):
    """The folder after a system of two seeds, and one that goes on from it."""
    result = benchmark("--system", "spatial", "--seed", "1", "--seed", "2")
    assert result.exit_code == 0, result.output
    result = benchmark("--system", "spatial-reward", "--seed", "1")
    assert result.exit_code == 0, result.output
    return benchmark.place


def test_every_run_is_scored_and_told_of(done):
    with (done / "docs" / "captions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(row["system"], row["seed"], row["test"], row["origin"]) for row in rows} == {
        (name, seed, "flickr8k test en", "own")
        for name, seed in (("spatial", "1"), ("spatial", "2"), ("spatial-reward", "1"))
    }
    assert {"BLEU-4", "ROUGE_L", "CIDEr", "length", "repetition"} <= {r["figure"] for r in rows}
    page = (done / "docs" / "captions.md").read_text("utf-8")
    line = next(line for line in page.splitlines() if line.startswith("| `spatial` |"))
    assert line.count("±") == 6  # all but METEOR, which is Java's
    assert "| Show and Tell, best public re-run |" in page and "Richness" in page


def test_the_search_is_that_of_the_best_cider_on_val(done, data):
    run = done / "runs" / "captions" / "spatial-1"
    told = json.loads((run / "outputs" / "told.json").read_text())["search"]["en"]
    captioner = Captioner.load(run / "best")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(done)
        recipe = recipe_of("spatial", 1, (f"data.root={data}", *SMALL))
        pictures = decoding.Pictures(captioner, recipe)
    val = pictures.corpus.of("val", "en")
    scores = {}
    for beam in decoding.BEAMS:
        for penalty in decoding.LENGTH_PENALTIES:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(decoding, "BEAMS", (beam,))
                patch.setattr(decoding, "LENGTH_PENALTIES", (penalty,))
                scores[beam, penalty] = decoding.choose(pictures, val, "en")["CIDEr"]
            assert captioner.search.beam == beam
            assert captioner.search.length_penalty == penalty
    assert told["CIDEr"] == max(scores.values()) == scores[told["beam"], told["length_penalty"]]


def test_what_is_done_is_not_done_again(done, benchmark, monkeypatch):
    monkeypatch.setattr(command, "fitted", None)
    monkeypatch.setattr(command, "decode", None)
    page = (done / "docs" / "captions.md").read_text("utf-8")
    shutil.rmtree(done / "docs")
    result = benchmark("--system", "spatial", "--seed", "1")
    assert result.exit_code == 0, result.output
    assert (done / "docs" / "captions.md").read_text("utf-8") == page


def test_a_run_that_is_gone_keeps_its_rows(done, benchmark, monkeypatch):
    pages = [done / "docs" / f"captions{end}" for end in (".md", ".csv", "-runs.json")]
    before = [page.read_text("utf-8") for page in pages]
    (done / "runs" / "captions" / "spatial-2").rename(done / "elsewhere")
    try:
        assert benchmark("--report-only").exit_code == 0
        assert [page.read_text("utf-8") for page in pages] == before
        monkeypatch.delitem(SYSTEMS, "spatial-reward")  # which nobody asks for any more
        assert benchmark("--report-only").exit_code == 0
        assert not any("spatial-reward" in page.read_text("utf-8") for page in pages)
    finally:
        (done / "elsewhere").rename(done / "runs" / "captions" / "spatial-2")
    monkeypatch.undo()
    assert benchmark("--report-only").exit_code == 0
    assert [page.read_text("utf-8") for page in pages] == before


def test_a_run_of_another_recipe_is_told(done, benchmark):
    result = benchmark("--report-only", "--set", "model.hidden=17")
    assert result.exit_code == 1
    assert "was trained by another recipe than its system has now" in result.output
    assert benchmark("--report-only", "--set", "data.cache=elsewhere").exit_code == 0
    result = benchmark("--system", "spacial")
    assert "unknown system 'spacial'. Did you mean 'spatial'?" in result.output


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_has_a_recipe(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = recipe_of(name, 3)
    after = SYSTEMS[name].after
    assert recipe.beginning == (Path(f"runs/captions/{after}-3/best") if after else None)
    assert after in SYSTEMS or after is None


def test_the_worst_are_those_said_most_surely_of_those_without_a_word_in_common():
    found = [
        Measured("a", "A dog.", [-0.5], "en", 0.2),
        Measured("b", "A dog.", [-0.5], "en", 0.0),
        Measured("c", "A cat.", [-0.1], "en", 0.0),
    ]
    assert [each.image for each in card.worst(found)] == ["c", "b", "a"]
    corpus = Corpus("x", {}, {("val", "en"): {"a": ["One."], "b": ["Two."], "c": ["Three."]}})
    assert "| c | A cat. | Three. |" in card.told(found, corpus, "en")


def test_the_card_tells_of_failures_and_of_confidence(done, data, monkeypatch):
    """Of a model of EfficientNet-Lite, the one that has a classifier to be sure by."""
    monkeypatch.chdir(done)
    changes = [*SMALL, "encoder.backbone=efficientnet-lite0", "out=runs/lite"]
    recipe = load_recipe(RECIPE, CaptionRecipe, [*changes, f"data.root={data}"])
    best = train(CaptionLearner(recipe), recipe.training, recipe.out, seed=1)
    for _ in range(2):  # what was told before is told anew
        card.write_failures(best)
    page = (best / "README.md").read_text("utf-8")
    assert page.count(card.HEADING) == 1
    assert page.count("| val-") == 2 and "| flickr8k test en | 2 |" in page
    assert (done / card.SHEET).stat().st_size > 0


def test_hypotheses_are_ranked_anew_for_each_length_penalty():
    short = Hypothesis([5, 2], [-1.0, -1.0], score=-2.0, weights=None, finished=True)
    long = Hypothesis([5, 6, 7, 8, 2], [-0.5] * 5, score=-2.5, weights=None, finished=True)
    said = {2: "A fish.", 5: "A dog runs on the beach."}
    captioner = SimpleNamespace(
        search=SearchConfig(),
        told=lambda ranked, _: SimpleNamespace(text=said[len(ranked[0].tokens)]),
    )
    pictures = SimpleNamespace(captioner=captioner, found=lambda images, *_: [[short, long]] * 2)
    val = {"a": ["A dog runs on the beach ."], "b": ["Two men play football outside ."]}
    chosen = decoding.choose(pictures, val, "en")
    assert chosen["length_penalty"] >= 0.4 and chosen["CIDEr"] > 0  # 2 / 2^α > 2.5 / 5^α
    val["a"] = ["A fish ."]
    assert decoding.choose(pictures, val, "en")["length_penalty"] == 0
    assert captioner.search.length_penalty == 0
