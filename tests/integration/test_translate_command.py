"""``attention-core translate``: what it prints, what it draws, what it refuses."""

import json
import re
import shutil

import pytest
from conftest import attention_core
from safetensors.torch import load_file, save_file

from attention_core.training import SearchConfig
from attention_core.translation.predictor import Translation
from attention_core.translation.sentences import cut, sentences, written_out

HELLO = "3 dogs play in the snow."


@pytest.fixture(scope="module")
def checkpoint(trained):
    return trained("translate") / "best"


@pytest.fixture
def translate(checkpoint, monkeypatch):
    """Of a model that is out of its depth, but says so only where a test makes it."""
    monkeypatch.setattr(Translation, "doubtful", False)

    def run(*arguments, to="de", **options):
        return attention_core(
            "translate", *arguments, "--to", to, "--checkpoint", checkpoint, **options
        )

    return run


def refused(result, *, code=1):
    """The one line on stderr of a call that did nothing else."""
    assert (result.exit_code, result.stdout) == (code, "")
    (error,) = result.stderr.splitlines()
    assert error.startswith("error: ")
    return error


def test_a_text(translate):
    result = translate(HELLO)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.count("\n") == 1


def test_json_carries_the_alignment(translate):
    entry = json.loads(translate(HELLO, "--json", to="zh").stdout)
    assert (entry["source"], entry["language"]) == (HELLO, "zh")
    assert entry["source_tokens"] == ["3", "dogs", "play", "in", "the", "snow.", "</s>"]
    assert len(entry["alignment"]) == len(entry["tokens"])
    for row in entry["alignment"]:
        assert len(row) == 7
        assert sum(row) == pytest.approx(1, abs=1e-3)
    assert "alternatives" not in entry


def test_a_model_says_when_it_is_out_of_its_depth(translate, monkeypatch):
    sure = json.loads(translate(HELLO, "--json").stdout)["confidence"]
    assert 0 <= sure <= 1
    monkeypatch.setattr(Translation, "doubtful", property(lambda self: "cats" in self.source))
    said = r"the model is out of its depth \(confidence \d+%\)\n"
    assert translate(HELLO).stderr == ""
    assert re.fullmatch(f"warning: {said}", translate("4 cats play.").stderr)
    lines = translate(input="3 dogs play.\n4 cats play.")
    assert re.fullmatch(f"warning: line 2: {said}", lines.stderr)
    assert lines.exit_code == 0
    assert len(lines.stdout.splitlines()) == 2


def test_the_n_best_are_sorted_and_scored(translate):
    lines = translate(HELLO, "--nbest", 4).stdout.splitlines()
    scores = [float(line.split("\t")[0]) for line in lines]
    assert len(lines) == 4
    entry = json.loads(translate(HELLO, "--nbest", 4, "--json").stdout)
    ranked = [entry, *entry["alternatives"]]
    assert [line.split("\t", 1)[1] for line in lines] == [found["translation"] for found in ranked]
    assert [found["score"] for found in ranked] == pytest.approx(scores, abs=1e-3)
    assert scores == sorted(scores, reverse=True)


def test_the_beam_is_that_asked_for(translate, monkeypatch):
    widths = []
    search = SearchConfig.run
    monkeypatch.setattr(
        SearchConfig, "run", lambda *a, **k: widths.append(k["width"]) or search(*a, **k)
    )
    for arguments in (
        [],
        ["--beam", 1],
        ["--beam", 7],
        ["--nbest", 3],
        ["--nbest", 3, "--beam", 4],
    ):
        assert translate(HELLO, *arguments).exit_code == 0
    assert widths == [2, 1, 7, 3, 4]  # the recipe's, and never fewer than the translations wanted


def test_lines_are_served_in_their_order(translate):
    lines = [f"{number} cats play on the beach." for number in range(1, 71)]  # more than a batch
    together = translate(input="\n".join(lines))
    assert together.exit_code == 0
    assert len(together.stdout.splitlines()) == 70
    for number in (0, 40, 69):
        assert translate(lines[number]).stdout == together.stdout.splitlines(True)[number]


def test_line_ends_of_other_systems(translate):
    assert translate(input="3 dogs\rplay.\n4 cats play.").stdout.count("\n") == 2
    windows = translate(input="3 dogs play.\r\n4 cats play.\r\n")
    assert windows.stdout == translate(input="3 dogs play.\n4 cats play.\n").stdout


def test_a_bad_line_leaves_the_others_served(translate):
    lines = [b"3 dogs play.", b"", b"caf\xe9", b"a\x07b", b"4 cats play."]
    result = translate(input=b"\n".join(lines))
    assert result.exit_code == 1
    first, *bad, last = result.stdout.splitlines()
    assert bad == ["", "", ""]
    assert [first, last] == translate(input="3 dogs play.\n4 cats play.").stdout.splitlines()
    errors = result.stderr.splitlines()
    assert [error.split(": the text ")[0] for error in errors] == [
        f"error: line {number}" for number in (3, 4)
    ]
    for error, word in zip(errors, ("not UTF-8", "U+0007"), strict=True):
        assert word in error


def test_json_of_a_bad_line_is_left_out(translate):
    result = translate("--json", input="3 dogs play.\n\na\x07b\n4 cats play.")
    assert result.exit_code == 1
    sources = [json.loads(line)["source"] for line in result.stdout.splitlines()]
    assert sources == ["3 dogs play.", "4 cats play."]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the text is empty"),
        (" \t\n ", "the text is empty"),
        ("\u200b\ufeff", "the text is empty"),  # nothing that one could see
        ("a\x1b[31mb", "control character U+001B at position 2"),
        ("del\x7f", "control character U+007F at position 4"),
        ("caf\udce9", "not UTF-8 at position 4"),
    ],
    ids=["empty", "blank", "invisible", "escape", "delete", "latin-1"],
)
def test_a_bad_text_is_one_line(translate, text, problem):
    assert problem in refused(translate(text))


@pytest.mark.parametrize("text", ["🐕 🏖️", "狗在海滩上跑。", "<2zh> </s> <pad>", "'", "..."])
def test_an_odd_text_is_served(translate, text):
    result = translate(text, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["source"] == text


@pytest.mark.parametrize(
    "text",
    ["3 dogs play. " * 300, "3 dogs play, " * 300, "dogs " * 3000, "x" * 3000, "狗，" * 900],
    ids=["sentences", "clauses", "words", "one word", "Chinese"],
)
def test_a_long_text_is_translated_whole(translate, text):
    """Cut where it must be; every word of it is read, in its order, and looked at in its part."""
    entry = json.loads(translate("--json", "--beam", 1, input=text).stdout)
    read = "".join(word for word in entry["source_tokens"] if word != "</s>")
    plain = "".join(text.split())
    assert [c for c in read.lower() if c not in ".,"] == [c for c in plain if c not in ".,"]
    assert len(entry["alignment"]) == len(entry["tokens"])
    for row in entry["alignment"]:
        assert len(row) == len(entry["source_tokens"])
        assert sum(row) == pytest.approx(1, abs=0.02)


def test_a_dash_is_standard_input(translate):
    lines = f"{HELLO}\n2 cats.\n"
    read = translate("-", input=lines)
    assert (read.exit_code, read.stdout) == (0, translate(input=lines).stdout)
    assert read.stdout.count("\n") == 2


def test_the_name_of_a_file_is_a_text_with_a_warning(translate, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my notes.txt").write_text(HELLO)
    result = translate("my notes.txt")
    assert (result.exit_code, result.stdout.count("\n")) == (0, 1)
    (warning,) = result.stderr.splitlines()
    assert warning.endswith("to translate it: attention-core translate --to de < 'my notes.txt'")
    assert translate("your notes.txt").stderr == ""


def test_empty_standard_input(translate):
    assert "standard input is empty" in refused(translate(input=""))


@pytest.mark.parametrize(("language", "guess"), [("dee", "de"), ("DE", "de"), ("zhh", "zh")])
def test_an_unknown_language_and_its_nearest(translate, language, guess):
    error = refused(translate(HELLO, to=language))
    assert error.endswith(f"nknown language '{language}'. Did you mean '{guess}'? Known: de, zh.")


@pytest.mark.parametrize("arguments", [["--beam", "0"], ["--nbest", "-1"], ["--beam", "many"]])
def test_a_bad_number(translate, arguments):
    result = translate(HELLO, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"Invalid value for '{arguments[0]}'" in result.stderr


@pytest.mark.parametrize("arcs", [[], ["--arcs"]], ids=["heat map", "arcs"])
@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf", ".html"])
def test_the_alignment_is_drawn(translate, tmp_path, suffix, arcs):
    path = tmp_path / f"alignment{suffix}"
    result = translate(HELLO, "--alignment", path, *arcs, to="zh")
    assert (result.exit_code, result.stderr) == (0, "")
    assert path.stat().st_size > 1000
    if suffix == ".svg":  # the cells of a heat map are a picture within
        assert ("<image" in path.read_text()) is not bool(arcs)
    if suffix == ".html":
        assert "<bdi>snow.</bdi>" in path.read_text(encoding="utf-8")


def test_arcs_need_a_file(translate):
    result = translate(HELLO, "--arcs")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--arcs is a way to draw: give the FILE by --alignment" in result.stderr


def test_a_character_that_cannot_be_drawn_is_told_once(translate, tmp_path):
    result = translate("\U0010fffd dogs \U0010fffd.", "--alignment", tmp_path / "a.png")
    assert result.exit_code == 0
    (warning,) = result.stderr.splitlines()
    assert warning.startswith("warning: no font of this machine can draw ")
    assert warning.endswith(" (U+10FFFD): □ stands for it")


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ("none/a.png", "there is no folder"),
        ("a.xyz", "ends in .pdf or .png or .svg or .html"),
        ("a", "ends"),
    ],
)
def test_a_drawing_that_cannot_be_is_told_before_the_work(tmp_path, place, problem):
    result = attention_core(
        "translate", HELLO, "--to", "de", "--checkpoint", "none/at/all", "--alignment",
        tmp_path / place,
    )  # fmt: skip
    assert problem in refused(result)


def test_a_drawing_that_cannot_be_written(translate, tmp_path):
    (tmp_path / "a.png").mkdir()
    result = translate(HELLO, "--alignment", tmp_path / "a.png")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: Can't draw ")


def test_lines_are_not_drawn(translate, tmp_path):
    result = translate("--alignment", tmp_path / "a.png", input=HELLO)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--alignment draws one TEXT, not standard input" in result.stderr


def test_a_model_without_attention(recipe, tmp_path):
    path = recipe("translate", tmp_path)
    made = attention_core(
        "train", path, "--set", "model.preset=sutskever", "--set", "training.epochs=1"
    )
    assert made.exit_code == 0, made.stderr
    arguments = ["translate", HELLO, "--to", "de", "--checkpoint", made.stdout.strip()]
    assert json.loads(attention_core(*arguments, "--json").stdout)["alignment"] == []
    drawn = attention_core(*arguments, "--alignment", tmp_path / "a.png")
    assert drawn.exit_code == 1
    assert "error: there is no attention to draw" in drawn.stderr


def _truncated(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _garbled(path):
    path.write_bytes(bytes(byte ^ 0x5A for byte in path.read_bytes()))


def _emptied(path):
    path.write_bytes(b"")


def _missing(path):
    path.unlink()


@pytest.mark.parametrize("damage", [_truncated, _garbled, _emptied, _missing])
@pytest.mark.parametrize(
    "name", ["config.json", "model.safetensors", "tokenizer.model", "pieces.json"]
)
def test_a_damaged_checkpoint_names_the_file(checkpoint, tmp_path, name, damage):
    copy = shutil.copytree(checkpoint, tmp_path / "copy")
    damage(copy / name)
    result = attention_core("translate", HELLO, "--to", "de", "--checkpoint", copy)
    error = refused(result)
    assert name in error and str(copy) in error


def test_a_config_of_another_version_tells_all_at_once(checkpoint, tmp_path):
    copy = shutil.copytree(checkpoint, tmp_path / "copy")
    header = json.loads((copy / "config.json").read_text())
    header["config"]["model"] |= {"hiden": 3, "preset": 4, "dropout": 7}
    (copy / "config.json").write_text(json.dumps(header))
    result = attention_core("translate", HELLO, "--to", "de", "--checkpoint", copy)
    assert (result.exit_code, result.stdout) == (1, "")
    for problem in ("config.json", "model.hiden", "'hidden'", "model.preset", "model.dropout"):
        assert problem in result.stderr


def test_a_config_of_a_model_that_cannot_be(checkpoint, tmp_path):
    copy = shutil.copytree(checkpoint, tmp_path / "copy")
    header = json.loads((copy / "config.json").read_text())
    header["config"]["model"]["hidden"] = 10**12  # more than any memory holds
    (copy / "config.json").write_text(json.dumps(header))
    error = refused(attention_core("translate", HELLO, "--to", "de", "--checkpoint", copy))
    assert f"{copy / 'config.json'} is damaged" in error


def test_weights_of_another_shape(checkpoint, tmp_path):
    copy = shutil.copytree(checkpoint, tmp_path / "copy")
    weights = load_file(copy / "model.safetensors")
    name = next(name for name, tensor in weights.items() if tensor.dim() == 2)
    weights[name] = weights[name][:-1].contiguous()
    weights["extra"] = weights[name].clone()
    save_file(weights, copy / "model.safetensors")
    result = attention_core("translate", HELLO, "--to", "de", "--checkpoint", copy)
    error = refused(result)
    assert name in error and "extra" in error


def test_a_checkpoint_of_the_other_task(trained):
    result = attention_core(
        "translate", HELLO, "--to", "de", "--checkpoint", trained("caption") / "best"
    )
    assert "is a checkpoint of the task 'caption', not translate" in refused(result)


def test_the_shipped_model_translates_into_every_language():
    for language in ("zh", "fr", "de", "cs"):
        result = attention_core("translate", "A dog runs on the beach.", "--to", language)
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.strip()


@pytest.mark.parametrize(
    "text",
    [
        "两只狗在雪地里跑。",
        "Deux chiens courent dans la neige.",
        "Zwei Hunde laufen im Schnee.",
        "Dva psi běží ve sněhu.",
    ],
)
def test_the_shipped_model_translates_out_of_every_language(text):
    result = attention_core("translate", text, "--to", "en")
    assert (result.exit_code, result.stderr) == (0, "")
    assert {"dogs", "snow."} <= set(result.stdout.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ('He said "Stop!" She left.', ['He said "Stop!"', "She left."]),
        ("(It rains.) We stay.", ["(It rains.)", "We stay."]),
        ("Mr. Smith met Dr. J. Jones.", ["Mr. Smith met Dr. J. Jones."]),
        ("Well... maybe not.", ["Well... maybe not."]),
        ("It costs 3.50 dollars.", ["It costs 3.50 dollars."]),
        ("One.\n\nTwo.", ["One.", "Two."]),
    ],
)
def test_sentences(text, expected):
    assert [written_out(part.text).text for part in sentences(text)] == expected


@pytest.mark.parametrize(
    ("sentence", "halves"),
    [
        ("a b, c d e f", ("a b,", "c d e f")),  # a clause before the middle rather than a word
        ("a, b c d, e f, g", ("a, b c d,", "e f, g")),
        ("one two three", ("one two", "three")),
        ("abcdef", ("abc", "def")),
        ("我们，他们都在", ("我们，", "他们都在")),
        ("he said (as ever) nothing", ("he said", "(as ever) nothing")),
    ],
)
def test_a_sentence_is_cut_between_clauses(sentence, halves):
    assert cut(sentence) == halves
