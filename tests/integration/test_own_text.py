"""A translator of somebody's own parallel text, from two files to scores."""

import json
import re

import pytest
from conftest import _pairs, attention_core

from attention_core.translation.corpora import own

SMALL = [
    "data.vocabulary=330",
    "model.embedding=32",
    "model.hidden=32",
    "training.epochs=16",
    "training.batch_tokens=400",
    "training.learning_rate=0.02",
    "training.warmup=5",
    "training.validate_every=60",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pairs as aligned lines, and as lines with tabs, into a language that we know nothing of."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "a.en").write_text("".join(f"{english}\n" for english, _, _ in _pairs()))
    (folder / "a.nds").write_text("".join(f"{german}\n" for _, german, _ in _pairs()))
    lines = (f"{english}\t{german}\t#{n}\n" for n, (english, german, _) in enumerate(_pairs()))
    (folder / "a.tsv").write_text("".join(lines))
    return folder


def train(folder, files, *changes):
    named = ", ".join(f'"{folder / name}"' for name in files)
    settings = [f"out={folder / 'run'}", f"data.files=[{named}]", 'data.languages=["nds"]']
    overrides = [part for change in (*settings, *SMALL, *changes) for part in ("--set", change)]
    return attention_core("train", "attention_core/translation/recipes/own.toml", *overrides)


@pytest.mark.parametrize("files", [["a.en", "a.nds"], ["a.tsv"]])
def test_two_files_or_one_make_a_translator(folder, files, tmp_path):
    best = tmp_path / "run" / "best"
    trained = train(folder, files, f"out={tmp_path / 'run'}")
    assert (trained.exit_code, trained.stdout) == (0, f"{best}\n"), trained.stderr
    scored = attention_core("evaluate", best, "--split", "test")
    assert scored.stdout.startswith("own test nds: bleu ")
    assert float(scored.stdout.split()[4].rstrip(",")) > 20
    said = attention_core(
        "translate", "3 dogs play in the snow.", "--to", "nds", "--checkpoint", best
    )
    assert re.fullmatch(r"\d+ mal Hund im Schnee\.\n", said.stdout)
    assert "The source language into nds" in (best / "README.md").read_text()


def test_the_other_way_is_learned_and_scored(folder, tmp_path):
    """Into English, and from the side of the file that was the translation."""
    changes = [f"out={tmp_path / 'run'}", 'data.languages=["en"]', "data.swap=true"]
    trained = train(folder, ["a.tsv"], *changes, "training.epochs=1")
    assert trained.exit_code == 0, trained.stderr
    best = tmp_path / "run" / "best"
    said = attention_core("translate", "3 mal Hund.", "--to", "en", "--checkpoint", best)
    assert said.exit_code == 0
    scored = attention_core("evaluate", best, "--json")
    (scores,) = json.loads(scored.stdout).values()
    held_out = own([str(folder / "a.tsv")], "test", "en", swap=True)
    assert held_out[0].source[:-1].endswith(("Strand", "Schnee"))
    assert scores["sentences"] == len({pair.source for pair in held_out})


def test_text_too_short_to_score_is_told(folder, tmp_path):
    (tmp_path / "few.tsv").write_text((folder / "a.tsv").read_text())
    changes = [f'data.files=["{tmp_path / "few.tsv"}"]', f"out={tmp_path / 'run'}"]
    trained = train(folder, [], *changes, "training.epochs=1")
    assert trained.exit_code == 0, trained.stderr
    (tmp_path / "few.tsv").write_text("A dog.\tEen Hund.\n")
    result = attention_core("evaluate", tmp_path / "run" / "best")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.endswith(
        "few.tsv: no pair for test: more lines are needed, of which that is 2 %\n"
    )


@pytest.mark.parametrize(
    ("files", "changes", "problem"),
    [
        (["a.en", "short"], [], "has 480 lines but .*short has 1: line n of one must translate"),
        (["a.en", "gone"], [], "Can't read .*gone"),
        (["a.en"], [], "a.en, line 1: expected a sentence and its translation, a tab"),
        (["a.en", "latin"], [], "latin, line 1: this is not UTF-8 text"),
        (["a.en", "a.nds", "a.tsv"], [], "files: expected two of aligned lines, or one with tabs"),
        (["one.tsv"], [], "own_nds has no pair for"),
        (["a.tsv"], ['data.languages=["nds", "de"]'], "files are in one language, got 2"),
        (["a.tsv"], ["data.phrases=1"], "phrases: they go with the corpora under root"),
        (["a.tsv"], ['data.languages=["nds, de"]'], "languages: 'nds, de' is no name"),
    ],
)
def test_bad_files_are_told(folder, files, changes, problem):
    (folder / "short").write_text("Een Satz.\n")
    (folder / "latin").write_bytes(b"K\xe4se\n" * 480)
    (folder / "one.tsv").write_text("A dog.\tEen Hund.\n")
    result = train(folder, files, *changes)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Traceback" not in result.stderr
    assert re.search(problem, result.stderr)


def test_a_line_of_ten_thousand_words_is_counted_and_left_out(folder, tmp_path):
    long = " ".join(["word"] * 10_000)
    path = tmp_path / "long.tsv"
    path.write_text(f"{long}\t{long}\nA dog.\t\n{(folder / 'a.tsv').read_text()}")
    changes = [f'data.files=["{path}"]', f"out={tmp_path / 'run'}"]
    trained = train(folder, [], *changes, "training.epochs=1")
    assert trained.exit_code == 0, trained.stderr
    told = [line for line in trained.stderr.splitlines() if "left out" in line]
    assert len(told) == 2
    assert told[0].endswith("long.tsv: 1 of 482 pairs left out, one side being empty")
    assert re.fullmatch(
        r"own_nds: 1 of \d+ pairs left out, longer than data\.longest = 80 tokens", told[1]
    )
    all_too_long = train(folder, ["a.tsv"], f"out={tmp_path / 'none'}", "data.longest=2")
    assert (all_too_long.exit_code, all_too_long.stdout) == (1, "")
    assert "own_nds: no pair is within data.longest = 2 tokens" in all_too_long.stderr
