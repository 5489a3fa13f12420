"""Whatever one types, pipes in or trains on: it is served whole, or refused in one clear line."""

import json
import re
import subprocess
import sys
import zipfile

import pytest
from conftest import _pairs, attention_core

from attention_core.errors import UserError
from attention_core.search import Hypothesis
from attention_core.tokenizer import clean
from attention_core.translation.predictor import LONGEST_SENTENCE, shipped
from attention_core.translation.stand_ins import restored
from attention_core.translation.text import TextTranslator

HELLO = "Hello."
STRANGE = {
    "mixed scripts": "I live in 北京 and love Москва.",
    "emoji": "I love you 😀👍🏽.",
    "emoji alone": "🎉🎉🎉",
    "HTML": "<p>Hello, <b>world</b>!</p> &amp; <br/>",
    "Arabic": "مرحبا بالعالم",
    "Hebrew in English": "My friend says שלום.",
    "direction marks": "Hello \u202eworld\u202c.",
    "zero width": "He\u200bllo wo\u200drld\ufeff.",
    "combining": "Cafe\u0301 e\u0301te\u0301 a\u0323\u0302.",
    "combining alone": "\u0301\u0302",
    "many combining": "H" + "\u0336\u0300\u0301" * 20,
    "punctuation": "?!...",
    "a dash": "–",
    "a letter": "a",
    "an address": "https://example.org/a?b=c&d=e#f",
    "a symbol of the vocabulary": "<2de> Hello. <unk>",
    "no character": "\uffff \ue000",
    "other letters": "𝒽𝑒𝓁𝓁𝑜",
    "numbers": "3.14159 1,000,000",
    "wide spaces": "\u3000Hello\u00a0world.\u2009",
}


def visible(text: str) -> str:
    """What is read of a text: its spaces, its case and the full stop at its end don't matter."""
    return "".join(clean(text).split()).lower().removesuffix(".")


def read_of(text: str) -> list[str]:
    """The parts that the model reads of a text or carries over, without the full stop that each is
    given.
    """
    parts = shipped().encode(text)
    assert max(len(part.ids) for part in parts) <= LONGEST_SENTENCE
    read = [restored(shipped().tokenizer.decode(part.ids), part.spans) for part in parts]
    return [text.removesuffix(".").lower() for text in read]


def refused(result) -> str:
    assert (result.exit_code, result.stdout) == (1, "")
    (error,) = result.stderr.splitlines()
    assert error.startswith("error: ")
    return error


@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE)
def test_strange_text_is_read_whole(text):
    result = attention_core("translate", text, "--to", "de", "--beam", 1, "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["source"] == text
    read = "".join(word for word in found["source_tokens"] if word != "</s>")
    assert visible(read) == visible(text)
    for row in found["alignment"]:
        assert len(row) == len(found["source_tokens"])


@pytest.mark.parametrize("language", ["zh", "fr", "de", "cs"])
def test_strange_text_is_served_among_other(language):
    texts = [HELLO, *STRANGE.values(), HELLO]
    first, *strange, last = shipped().translate(texts, to=language, beam=1)
    assert first.text and first.text == last.text
    assert [found.source for found in strange] == list(STRANGE.values())


def test_every_sentence_of_a_long_text_comes_back():
    (one,) = shipped().translate([HELLO], to="fr", beam=1)
    (many,) = shipped().translate([f"{HELLO} " * 300], to="fr", beam=1)
    assert one.text
    assert many.text == " ".join([one.text] * 300)
    assert many.source_tokens == one.source_tokens * 300
    assert many.tokens == one.tokens * 300


def test_a_line_of_ten_thousand_words_is_one_line():
    """Served among others, and cut at spaces alone."""
    long = ("two dogs ran home " * 2500).strip()
    result = attention_core(
        "translate", "--to", "zh", "--beam", 1, input=f"{HELLO}\n{long}\n{HELLO}\n"
    )
    assert result.exit_code == 0, result.stderr
    first, middle, last = result.stdout.splitlines()
    assert first == last and len(middle) > 1000
    assert " ".join(read_of(long)) == long


@pytest.mark.parametrize("letters", ["abcdefghij", "狗在海滩上跑"])
def test_much_without_a_space_is_cut_and_nothing_lost(letters):
    text = letters * (100_000 // len(letters))
    assert "".join(read_of(text)) == text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the text is empty"),
        ("\u200b\u200e", "the text is empty"),
        ("▁ ▁", "the text is empty"),  # the tokenizer's own mark of a space
        ("a\0b", "control character U+0000 at position 2"),
        ("\ud83d", "not UTF-8 at position 1"),
    ],
)
def test_what_is_no_text_is_refused(text, problem):
    assert problem in refused(attention_core("translate", text, "--to", "de"))
    with pytest.raises(UserError, match=problem.replace("+", r"\+")):
        shipped().translate([HELLO, text], to="de")


@pytest.mark.parametrize("language", ["", "DE", "es", "english", "<2de>", "😀"])
def test_a_language_that_the_model_lacks(language):
    told = f"nknown language {language!r}."
    error = refused(attention_core("translate", HELLO, "--to", language))
    assert told in error and error.endswith("Known: cs, de, en, fr, zh.")
    with pytest.raises(UserError, match="nknown language"):
        shipped().translate([HELLO], to=language)


def test_a_pipe_of_bytes():
    """In a process of its own: what isn't text is refused line by line, and the others served."""
    lines = [
        b"Hello.",
        b"caf\xe9",
        b"",
        b"a\0b",
        "Hi \U0001f600".encode(),
        b"\xff\xfeH\0",
        b"Hello.",
    ]
    result = subprocess.run(
        [sys.executable, "-m", "attention_core.cli", "translate", "--to", "fr", "--beam", "1"],
        input=b"\n".join(lines),
        capture_output=True,
    )
    assert result.returncode == 1
    served = result.stdout.decode().split("\n")[:-1]
    assert len(served) == len(lines) and served[0] == served[-1] != ""
    assert [number for number, line in enumerate(served, start=1) if not line] == [2, 3, 4, 6]
    said = result.stderr.decode().splitlines()
    errors = [line for line in said if not line.startswith("warning: ")]  # a doubtful translation
    assert [error.split(": the text ")[0] for error in errors] == [
        f"error: line {number}"
        for number in (2, 4, 6)  # an empty line is one between paragraphs
    ]


def test_empty_lines_stay():
    result = attention_core("translate", "--to", "fr", input=f"{HELLO}\n\n \n{HELLO}\n")
    assert (result.exit_code, result.stderr) == (0, "")
    first, *between, last = result.stdout.split("\n")[:-1]
    assert first == last != "" and between == ["", ""]


def test_utf_16_is_told_once():
    result = attention_core("translate", "--to", "fr", input=f"{HELLO}\n{HELLO}\n".encode("utf-16"))
    assert refused(result).endswith("standard input is UTF-16 text: save it as UTF-8")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"nbest": 0}, "nbest: expected at least 1, got 0"),
        ({"beam": -1}, "beam: expected at least 1, got -1"),
        ({"texts": HELLO}, "texts: expected a list of texts"),
    ],
)
def test_what_cannot_be_asked_of_a_translator(options, problem):
    with pytest.raises(ValueError, match=problem):
        shipped().translate(**{"texts": [HELLO], "to": "de", **options})


# One's own text to learn from


def train(folder, files, language="xx"):
    """Trains a tiny model for one epoch on files of the folder."""
    settings = {
        "out": folder / "run",
        "data.files": json.dumps([str(folder / name) for name in files]),
        "data.languages": f'["{language}"]',
        "data.vocabulary": 500,
        "model.embedding": 16,
        "model.hidden": 16,
        "training.epochs": 1,
        "training.warmup": 5,
    }
    changes = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    return attention_core("train", "attention_core/translation/recipes/own.toml", *changes)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (["out="], "out: name the folder of the run, such as runs/mine"),
        (["seed=99999999999999999999"], "seed must be at most 4294967295"),
        (["task=caption"], "task is 'translate' in this recipe: take a recipe of the other task"),
        (["start=captioner/models/everyday"], "of the task 'caption', not translate"),
        (["start=nowhere"], "no checkpoint 'nowhere': give a checkpoint's folder"),
        (["start=./nowhere"], "No checkpoint at nowhere."),
    ],
)
def test_settings_that_no_run_can_have(changes, problem):
    recipe = "attention_core/translation/recipes/own.toml"
    error = refused(attention_core("train", recipe, *[x for c in changes for x in ("--set", c)]))
    assert problem in error


def test_a_place_for_the_model_that_holds_something_else_is_told_at_once(tmp_path):
    place = tmp_path / "run" / "best"
    place.mkdir(parents=True)
    (place / "thesis.txt").write_text("mine")
    (tmp_path / "mine.en").write_text("a\n" * 9)
    error = refused(train(tmp_path, ["mine.en", "mine.en"]))
    assert error.endswith(f"{place} is not a checkpoint: save to another directory.")


def test_strange_text_is_learned_from(tmp_path):
    """With it a megabyte without a space, a line of 10,000 words, and lines of one side alone."""
    plain = [f"{english}\t{german}" for english, german, _ in _pairs()]
    strange = [f"{text}\t{text[::-1]}" for text in STRANGE.values()]
    long = ["x" * 1_000_000 + "\tx", "x\t" + "word " * 10_000]
    lines = [*plain, *strange, *long, "Alone.\t", "\tAllein."]
    (tmp_path / "mine.tsv").write_bytes("\ufeff".encode() + "\r\n".join(lines).encode())
    result = train(tmp_path, ["mine.tsv"])
    assert result.exit_code == 0, result.stderr
    assert "mine.tsv: 2 of 504 pairs left out, one side being empty\n" in result.stderr
    assert "own_xx: 2 of " in result.stderr
    best = tmp_path / "run" / "best"
    for text in STRANGE.values():
        said = attention_core("translate", text, "--to", "xx", "--beam", 1, "--checkpoint", best)
        assert said.exit_code == 0, said.stderr
    error = refused(attention_core("translate", HELLO, "--to", "de", "--checkpoint", best))
    assert error.endswith("nknown language 'de'. Known: xx.")


@pytest.fixture
def bad(tmp_path):
    """A folder of files that no model can be learned from."""
    good = b"One.\nTwo.\n"
    (tmp_path / "good.en").write_bytes(good)
    (tmp_path / "short.xx").write_bytes(b"Eins.\n")
    (tmp_path / "shifted.xx").write_bytes(b"Eins.\n\nZwei.\n")
    (tmp_path / "latin.xx").write_bytes("Eins.\nFünf.\n".encode("latin-1"))
    (tmp_path / "utf16.xx").write_bytes("Eins.\nZwei.\n".encode("utf-16"))
    (tmp_path / "empty.xx").write_bytes(b"")
    (tmp_path / "picture.xx").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    (tmp_path / "broken.xx.gz").write_bytes(b"\x1f\x8b broken")
    (tmp_path / "folder.xx").mkdir()
    with zipfile.ZipFile(tmp_path / "de-en.zip", "w") as archive:
        archive.writestr("Books.de-en.de", "Eins.\n")
        archive.writestr("Books.de-en.en", "One.\n")
    return tmp_path


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        (["good.en", "short.xx"], "good.en has 2 lines but .*short.xx has 1: line n of one must"),
        (["good.en", "shifted.xx"], "Line 2 is empty in one alone: they may part there"),
        (["good.en", "latin.xx"], "latin.xx, line 2: this is not UTF-8 text: save the file as"),
        (["good.en", "utf16.xx"], "utf16.xx is UTF-16 text: save it as UTF-8"),
        (["good.en", "empty.xx"], "empty.xx is empty: expected lines of text"),
        (["good.en", "picture.xx"], "picture.xx, line 3: a zero byte: this is not text"),
        (["good.en", "broken.xx.gz"], "Can't read .*broken.xx.gz"),
        (["good.en", "folder.xx"], "Can't read .*folder.xx: Is a directory"),
        (["good.en", "none.xx"], "Can't read .*none.xx: No such file"),
        (["good.en"], "good.en, line 1: expected a sentence and its translation, a tab between"),
        (["folder.xx"], "folder.xx holds no text in 'xx'"),
        (["de-en.zip"], r"de-en.zip holds no text in 'xx', .*\. Known: de, en\.$"),
        (["good.en", "good.en"], "own_xx has no pair for (train|val): more lines are needed"),
    ],
)
def test_files_that_no_model_can_be_learned_from(bad, files, problem):
    error = refused(train(bad, files))
    assert re.search(problem, error), error
    assert not (bad / "run").exists()


def test_saying_nothing_comes_last():
    end, word = shipped().tokenizer.eos, shipped().tokenizer.encode("Hallo")
    silent, spoken = (
        Hypothesis(tokens, [-score] * len(tokens), -score, weights=None, finished=True)
        for tokens, score in (([end], 0.1), ([*word, end], 2.0))
    )

    class Shy(TextTranslator):
        def search_batch(self, ids, *, to, width, max_length):
            return [[silent, spoken] for _ in ids]

    (found,) = Shy(shipped().tokenizer, beam=2).translate(["a"], to="de", nbest=2)
    assert (found.text, found.alternatives[0].text) == ("Hallo", "")
