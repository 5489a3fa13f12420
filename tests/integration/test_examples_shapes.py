"""The examples of the other shapes of recurrent model are short, and reach what they state.

Each checks its own score. The quick ones run in full; ``pytest -m slow`` runs those that take up
to some minutes, which else train for a moment only: better than guessing, and a score missed.
"""

import importlib.util
import random
import re
import subprocess
import sys
from collections import Counter
from math import log2
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[2] / "examples" / "shapes"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))
SLOW = {"characters", "sentiment"}


def example(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def hurried(monkeypatch, capsys):
    """hurried(module, steps): the figures of its last line, after so many steps of training."""

    def run(module, steps):
        monkeypatch.setattr(module, "STEPS", steps)
        monkeypatch.setattr(sys, "argv", ["example", "--seed", "1"])
        with pytest.raises(SystemExit, match=r"^Missed: .+ to (be|reach)[^\n]*\.$"):
            module.main()
        last = capsys.readouterr().out.splitlines()[-1]
        return [float(figure) for figure in re.findall(r"\d+\.\d+", last)]

    return run


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in NAMES]
)
def test_every_example_reaches_its_score(name):
    command = [sys.executable, FOLDER / f"{name}.py"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=3600)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_every_example_is_short_and_explains_itself(name, monkeypatch, capsys):
    lines = (FOLDER / f"{name}.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 80
    module = example(name)
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit, match=r"^0$"):
        module.main()
    shown = " ".join(capsys.readouterr().out.split())
    assert " ".join(module.__doc__.split()) in shown


def test_every_example_is_in_the_readme():
    for readme in (FOLDER.parent / "README.md", FOLDER.parent / "README.zh.md"):
        shown = set(re.findall(r"python examples/shapes/(\w+)\.py", readme.read_text("utf-8")))
        assert shown == set(NAMES)


@pytest.mark.parametrize(
    ("number", "english", "german"),
    [
        (0, "zero", "null"),
        (1, "one", "ein s"),
        (16, "sixteen", "sechzehn"),
        (70, "seventy", "siebzig"),
        (101, "one hundred one", "ein hundert ein s"),
        (111, "one hundred eleven", "ein hundert elf"),
        (921, "nine hundred twenty one", "neun hundert ein und zwanzig"),
        (1000, "one thousand", "ein tausend"),
        (701_854, "seven hundred one thousand eight hundred fifty four", "sieben hundert ein "
         "tausend acht hundert vier und fünfzig"),
    ],
)  # fmt: skip
def test_numbers_are_spelled_as_they_are_spoken(number, english, german):
    assert example("number_words").spell(number) == (english.split(), german.split())


@pytest.mark.parametrize("name", ["number_words", "captions"])
def test_a_missed_score_is_told(name, hurried):
    assert min(hurried(example(name), 30)) < 95


def test_pictures_show_what_captions_say():
    captions = example("captions")
    random.seed(0)
    said = random.sample(captions.CAPTIONS, 50)
    batch, cells = captions.drawn(said)
    (pictures,) = batch.source
    assert pictures.shape == (50, 3, 24, 24)
    for picture, caption, (one, other) in zip(pictures, said, cells, strict=True):
        apart = (0, other % 3 - one % 3) if caption[3] == "left of" else (other // 3 - one // 3, 0)
        assert (other // 3 - one // 3, other % 3 - one % 3) == apart
        assert max(apart) > 0
        painted = picture.amax(0) == 1  # noise is darker
        for cell, (colour, shape) in ((one, caption[1:3]), (other, caption[5:7])):
            row, column = cell // 3 * 8, cell % 3 * 8
            there = slice(row, row + 8), slice(column, column + 8)
            assert torch.equal(painted[there], captions.SHAPES[shape].expand(8, 8))
            paint = torch.tensor(captions.COLOURS[colour])
            assert (picture[:, *there][:, painted[there]] == paint[:, None]).all()
            painted[there] = False
        assert not painted.any()


def test_characters_beat_their_frequencies(hurried):
    characters = example("characters")
    counts = Counter("".join(characters.TEXTS))
    total = sum(counts.values())
    entropy = -sum(count / total * log2(count / total) for count in counts.values())
    (bits,) = hurried(characters, 40)
    assert bits < entropy - 0.5


def test_sentiment_begins_to_learn(hurried):
    (right,) = hurried(example("sentiment"), 250)
    assert right > 57


def test_no_bag_of_words_knows_the_sentiment():
    """Naive Bayes on all that the example learns from."""
    sentiment = example("sentiment")
    random.seed(1)
    words = {good: Counter() for good in (True, False)}
    for good in [True, False] * 5000:
        words[good].update(sentiment.words(sentiment.written("review", good)))
    right = 0
    for line in sentiment.LINES:
        review = sentiment.words(line)
        odds = sum(log2((words[True][word] + 1) / (words[False][word] + 1)) for word in review)
        right += (odds > 0) == line.startswith("+")
    assert right / len(sentiment.LINES) < 0.6


def test_reviews_by_hand_are_as_often_good_as_bad():
    lines = example("sentiment").LINES
    assert len(set(lines)) == 300
    assert Counter(line[:2] for line in lines) == {"+ ": 150, "- ": 150}


def test_the_grammar_has_every_symbol_for_both_opinions():
    grammar = example("sentiment").GRAMMAR
    texts = "".join(text for rules in grammar.values() for text in rules.values())
    used = {symbol.removeprefix("-") for symbol in re.findall("{(.+?)}", texts)} | {"review"}
    for opinion in ("good", "bad"):
        assert set(grammar["both"]) | set(grammar[opinion]) == used


def test_a_minus_turns_the_opinion_round(monkeypatch):
    sentiment = example("sentiment")
    rules = {"both": {"all": "{word} {-word} {same}", "same": "{word}", "not": "not {-all}"}}
    monkeypatch.setattr(
        sentiment, "GRAMMAR", rules | {"good": {"word": "fine"}, "bad": {"word": "poor"}}
    )
    assert sentiment.written("all", True) == "fine poor fine"
    assert sentiment.written("all", False) == "poor fine poor"
    assert sentiment.written("not", True) == "not poor fine poor"
