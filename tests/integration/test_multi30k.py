"""The benchmark of Multi30k, in miniature: what it trains, keeps, compares and writes."""

import csv
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from sacrebleu.metrics import BLEU

sys.path.insert(0, str(Path(__file__).parents[2]))
from attention_core.errors import UserError
from attention_core.training import SearchConfig
from attention_core.translation import corpora
from attention_core.translation.mixture import DataConfig, mixture
from attention_core.translation.text import Translation
from scripts import synthetic
from scripts.comparison import __main__ as command
from scripts.comparison import diversified, report
from scripts.comparison.decoding import Ranked, Translator, choose, outputs, translate
from scripts.comparison.scoring import Difference, Score, difference
from scripts.comparison.systems import SYSTEMS, recipe_of

SMALL = [
    "data.vocabulary=330",
    "data.validation=2",
    "model.embedding=16",
    "model.hidden=16",
    "model.attention=8",
    "training.epochs=30",
    "training.learning_rate=0.02",
    "training.warmup=5",
    "training.batch_tokens=400",
    "training.validate_every=20",
    "search.max_length=20",
]


REFERENCES = [f"Ein Hund läuft am Strand {n} mal im Kreis herum." for n in range(60)]


def spoiled(share: int) -> list[str]:
    return [
        t.replace("Hund läuft", "Esel geht") if n % share else t for n, t in enumerate(REFERENCES)
    ]


@pytest.fixture(scope="module")
def benchmark(data, tmp_path_factory):
    """benchmark(*arguments): the command, in a folder of its own."""
    place = tmp_path_factory.mktemp("benchmark")

    def run(*arguments: str):
        changes = [part for setting in SMALL for part in ("--set", setting)]
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(place)
            return CliRunner().invoke(
                command.main, ["--data", str(data), *changes, *arguments], catch_exceptions=False
            )

    run.place = place
    return run


@pytest.fixture(scope="module")
def done(benchmark):
    """The folder after two systems with two seeds have been made."""
    names = ["--system", "bahdanau", "--system", "base", "--seed", "1", "--seed", "2"]
    result = benchmark(*names)
    assert result.exit_code == 0, result.output
    return benchmark.place


def test_every_run_is_scored_on_every_set(done):
    with (done / "docs" / "multi30k.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["system"], row["seed"], row["part"]) for row in rows] == [
        (name, seed, part)
        for name in ("base", "bahdanau")
        for seed in "12"
        for part in ("val", "test_2016_flickr", "test_2017_flickr")
    ]
    baseline = {(row["seed"], row["part"]): float(row["bleu"]) for row in rows[:6]}
    for row in rows:
        assert float(row["low"]) <= float(row["high"])
        assert (row["gain"] == "") == (row["p_value"] == "") == (row["system"] == "base")
        if row["gain"]:
            gain = float(row["bleu"]) - baseline[row["seed"], row["part"]]
            assert float(row["gain"]) == pytest.approx(gain, abs=0.011)


def test_the_page_has_rows_for_what_there_is(done):
    page = (done / "docs" / "multi30k.md").read_text("utf-8")
    assert page.count("| `base` |") == 2 + 2  # of each test set, and of each run
    assert page.count("| `bahdanau` |") == 2 + 3 + 2  # and of each seed's gain and their mean
    assert "`trilingual`" not in page and "into French alone" not in page
    assert "### Into German, against `base`" in page and "### Into French, against" not in page


def test_what_was_chosen_on_val_is_what_was_decoded_with(done, data):
    told = json.loads((done / "runs/multi30k/base-1/outputs/told.json").read_text())
    chosen = told["search"]["de"]
    translator = Translator.load(done / "runs/multi30k/base-1/best")
    assert told["parameters"] == sum(p.numel() for p in translator.model.parameters())
    translator.search = replace(
        translator.search, beam=int(chosen["beam"]), length_penalty=chosen["length_penalty"]
    )
    for part in ("val", "test_2016_flickr"):
        pairs = corpora.multi30k(data, part, "de")
        assert outputs(done / "runs/multi30k/base-1", part, "de") == translate(translator, pairs)


def test_the_best_search_on_val_is_chosen():
    class Translates:
        search = SearchConfig(max_length=33)

        def translate(self, texts, to):
            best = (self.search.beam, self.search.length_penalty) == (10, 0.8)
            return [SimpleNamespace(text=text if best else text[:20]) for text in texts]

    translator = Translates()
    chosen = choose(translator, [corpora.Pair(text, text, "de") for text in REFERENCES])
    assert chosen == {"beam": 10, "length_penalty": 0.8, "bleu": pytest.approx(100)}
    assert translator.search == SearchConfig(max_length=33, beam=10, length_penalty=0.8)


def test_ranking_anew_is_searching_anew(done, data):
    pairs = corpora.multi30k(data, "train", "de")
    ranked, searched = (
        kind.load(done / "runs/multi30k/bahdanau-2/best") for kind in (Ranked, Translator)
    )
    for translator in (ranked, searched):  # made unsure, so that the penalty matters
        translator.model.decoder.embedding.weight.data *= 0.4
    said = []
    for beam in (2, 5):
        for penalty in (0.0, 1.0, 3.0):
            for translator in (ranked, searched):
                translator.search = replace(searched.search, beam=beam, length_penalty=penalty)
            said.append(translate(ranked, pairs))
            assert said[-1] == translate(searched, pairs)
    assert said[0] != said[2]


def test_nothing_is_made_twice(done, benchmark, monkeypatch):
    paths = sorted(done.rglob("*.safetensors")) + sorted(done.rglob("*.txt"))
    before = [path.stat().st_mtime_ns for path in paths]
    page = (done / "docs" / "multi30k.md").read_text("utf-8")
    seconds = done / "runs/multi30k/bahdanau-1/seconds"
    taken = float(seconds.read_text())
    assert benchmark("--system", "bahdanau", "--seed", "1").exit_code == 0
    assert 0.1 < taken <= float(seconds.read_text()) < taken + 1
    assert [path.stat().st_mtime_ns for path in paths] == before
    monkeypatch.setattr(command, "make", None)
    assert benchmark("--report-only").exit_code == 0
    scores = page.partition("## The runs")[0]
    assert (done / "docs" / "multi30k.md").read_text("utf-8").startswith(scores)


def test_a_run_that_is_gone_keeps_its_rows(done, benchmark):
    pages = [done / "docs" / f"multi30k{end}" for end in (".md", ".csv", "-runs.json")]
    before = [page.read_text("utf-8") for page in pages]
    (done / "runs" / "multi30k").rename(done / "elsewhere")
    try:
        assert benchmark("--report-only").exit_code == 0
        assert [page.read_text("utf-8") for page in pages[1:]] == before[1:]
        lines = pages[0].read_text("utf-8").splitlines()
        assert [line for line in lines if "`bahdanau`" in line]
        assert set(lines) <= set(before[0].splitlines())
    finally:
        (done / "elsewhere").rename(done / "runs" / "multi30k")
    assert benchmark("--report-only").exit_code == 0
    assert [page.read_text("utf-8") for page in pages] == before


def test_a_run_of_another_recipe_is_refused(done, benchmark):
    result = benchmark("--report-only", "--set", "model.dropout=0.5")
    assert result.exit_code == 1
    assert "multi30k/base-1 was trained by another recipe than its system has now" in result.output


def test_an_unknown_system_is_refused(benchmark):
    result = benchmark("--system", "basse")
    assert result.exit_code == 1
    assert "unknown system 'basse'. Did you mean 'base'?" in result.output


def test_a_system_comes_after_the_one_it_goes_on_from(benchmark, monkeypatch):
    made = []
    monkeypatch.setattr(command, "fitted", lambda recipe: made.append(recipe))
    monkeypatch.setattr(command, "decode", lambda run, data: None)
    assert benchmark("--system", "self-critical", "--seed", "7").exit_code == 0
    assert [Path(recipe.out).name for recipe in made] == ["base-7", "self-critical-7"]
    assert [recipe.start for recipe in made] == [None, "runs/multi30k/base-7/best"]
    assert {recipe.seed for recipe in made} == {7}


def test_more_text_is_made_of_the_training_text_alone(benchmark, data, monkeypatch):
    monkeypatch.setattr(Translation, "doubtful", property(lambda one: "cats" in one.source))
    (name, _, ahead), (other, _, back) = diversified.TEACHERS
    teachers = (name, (4, 5), ahead), (other, (4,), back)
    monkeypatch.setattr(diversified, "TEACHERS", teachers)
    call = ["--system", "final-diverse", "--seed", "6"]
    assert benchmark(*call).exit_code == 0
    with (benchmark.place / "docs" / "multi30k.csv").open() as file:
        rows = {(row["system"], row["seed"]) for row in csv.DictReader(file)}
    assert {row for row in rows if "final" in row[0]} == {
        ("final", "4"),
        ("final", "5"),
        ("final-diverse", "6"),
    }
    runs = benchmark.place / "runs" / "multi30k"
    made = corpora.whole([runs / "made"], "de")
    text = corpora.multi30k(data, "train", "de")
    assert len(set(made)) == len(made) and not set(made) & set(text)
    ours = next(pair for pair in text if "cats" not in pair.source)
    doubted = next(pair for pair in text if "cats" in pair.source)
    for seed in (4, 5):
        translator = Translator.load(runs / f"final-{seed}" / "best")
        (pair,) = synthetic.forward(translator, [ours])
        assert pair.source == ours.source and pair in {*made, *text}
        assert synthetic.forward(translator, [doubted]) == []
    (pair,) = synthetic.backward(Translator.load(runs / "final-back-4" / "best"), [ours])
    assert pair.target == ours.target and pair in {*made, *text}
    monkeypatch.setattr(synthetic, "_translated", None)
    assert benchmark(*call).exit_code == 0


def test_what_is_held_out_is_not_among_what_is_made(data, tmp_path):
    (tested, *_) = corpora.multi30k(data, "test_2016_flickr", "de")
    held_out = synthetic.held_out(str(data), ["de", "zh"], tatoeba=True)
    assert tested in held_out and {pair.language for pair in held_out} == {"de", "zh"}
    pairs = corpora.tatoeba(data, "test", "zh") + corpora.tatoeba(data, "val", "de")
    assert pairs and not set(pairs) - set(held_out)
    text = corpora.multi30k(data, "train", "de")
    assert not set(text) & set(held_out)
    other = corpora.Pair("Nobody says this.", "Das sagt niemand.", "de")
    said = tested._replace(source=tested.source.upper(), target="Etwas anderes.")
    assert synthetic.write(tmp_path, [other, said, other, text[0]], text, held_out) == 1
    assert corpora.whole([tmp_path], "de") == [other]
    with pytest.raises(UserError, match="nothing is left to learn from"):
        synthetic.write(tmp_path, [said, text[0]], text, held_out)


def test_text_that_cannot_be_made_is_told(data, tmp_path):
    for root, language, problem in ((data, "es", "can't be 'es'"), (tmp_path, "de", "is missing")):
        call = ["--data", str(root), "--out", str(tmp_path / "made"), "--to", language]
        result = CliRunner().invoke(synthetic.main, call)
        assert result.exit_code == 1 and problem in result.output
        assert isinstance(result.exception, SystemExit)


def test_the_translators_that_ship_make_text(data, tmp_path):
    out = tmp_path / "made"
    call = ["--data", str(data), "--out", str(out), "--pairs", "9", "--to", "de", "--to", "zh"]
    result = CliRunner().invoke(synthetic.main, call, catch_exceptions=False)
    assert [line.partition(":")[0] for line in result.output.splitlines()] == ["de", "zh"]
    for language in ("de", "zh"):
        config = DataConfig(root=str(data), languages=(language,), tatoeba=1)
        text = {pair for corpus in mixture(config, "train") for pair in corpus.pairs}
        made = corpora.whole([out], language)
        assert made and not set(made) & text
        for pair in made:  # one side is the text's
            assert any(pair.source == t.source or pair.target == t.target for t in text)


VARIANTS = [name for name in SYSTEMS if name != "base" and "final" not in name]


@pytest.mark.parametrize("name", VARIANTS)
def test_a_system_differs_from_the_baseline_in_what_it_says(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    base, own = (_flat(asdict(recipe_of(each, 1))) for each in ("base", name))
    said = {setting.partition("=")[0] for setting in SYSTEMS[name].settings}
    differing = {key for key in base.keys() & own if base[key] != own[key]} - {"out", "start"}
    assert differing and differing <= said


def _flat(tree: dict, prefix: str = "") -> dict:
    flat = {}
    for key, value in tree.items():
        flat |= (
            _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
        )
    return flat


def test_no_difference_is_no_difference():
    assert difference(spoiled(3), spoiled(3), REFERENCES, "de") == (0, 0, 0, 1)


def test_a_difference_has_its_sign_and_its_interval():
    better, worse = spoiled(2), spoiled(6)
    gain, low, high, p = difference(better, worse, REFERENCES, "de")
    scores = [BLEU().corpus_score(texts, [REFERENCES]).score for texts in (better, worse)]
    assert gain == pytest.approx(scores[0] - scores[1], abs=6e-4)  # told to three digits
    assert 0 < low < gain < high and p < 0.05
    back = difference(worse, better, REFERENCES, "de")
    assert back[:3] == pytest.approx((-gain, -high, -low), abs=2e-3) and back.p_value == p


def test_the_interval_is_of_the_same_sentences_for_both():
    """One sentence less wrong out of many: unpaired, the interval would reach far below zero."""
    better = spoiled(2)
    better[1] = REFERENCES[1]
    gain, low, high, _ = difference(better, spoiled(2), REFERENCES, "de")
    assert low >= 0 and high < 4 * gain


def score(system: str, seed: int, bleu: float, gain: Difference | None = None) -> Score:
    figures = (bleu + 1, bleu, bleu - 1, bleu + 1, 60.0, "nrefs:1", gain)
    return Score(system, seed, "de", "test_2016_flickr", *figures)


def test_seeds_are_told_with_mean_and_spread():
    page = report.page([score("base", seed, 38.0 + seed) for seed in (1, 2, 3)], {})
    assert "| `base` | 41.00 ± 1.00 (40.00, 41.00, 42.00) | 40.00 ± 1.00" in page
    assert "| LIUM-CVC cGRU, the best recurrent one published | 31.3 |" in page
    assert "| *goal* | ≥ 62.2 |" in page and "Into Czech" not in page
    assert "What each setting buys" not in page and "The runs" not in page


def test_gains_are_told_with_interval_and_p():
    gains = [Difference(0.5, -0.25, 1.25, 0.04), Difference(1.5, 0.5, 2.5, 0.001)]
    found = [
        score("bahdanau", seed, 40.0, gain)._replace(part=part)
        for seed, gain in enumerate(gains, 1)
        for part in ("val", "test_2016_flickr")
    ]
    page = report.page(found, {})
    gain = "+0.50 [-0.25, +1.25], p 0.040"
    assert f"| `bahdanau` | 1 | {gain} | {gain} |" in page
    assert "| `bahdanau` | mean | +1.00 ± 0.71 | +1.00 ± 0.71 |" in page


def test_runs_are_told_with_search_and_time():
    known = {
        "parameters": 5_250_000,
        "seconds": 5400.0,
        "search": {"de": {"beam": 10, "length_penalty": 0.8, "bleu": 39.0}},
    }
    note = SYSTEMS["base"].note
    row = f"| `base` | {note} | 1 | 5.25 M | 1.50 h | de: beam 10, α 0.8 |"
    assert row in report.page([], {("base", 1): known})
    assert row.replace("1.50 h", "") in report.page([], {("base", 1): {**known, "seconds": None}})
