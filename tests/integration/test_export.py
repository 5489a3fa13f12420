"""The models that ship, exported and run without torch: what they say is what torch says."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import attention_dates as dates
import numpy as np
import onnx
import pytest
import torch
from attention_dates.model import BEGIN, decode, encode
from conftest import attention_core
from torch import nn

from attention_core import DecoderSizes, Encoded, Seq2Seq, build_decoder, checkpoint
from attention_core.errors import UserError
from attention_core.export import export
from attention_core.export.graphs import graphs
from attention_core.export.quantization import quantized
from attention_core.runtime import OnnxModel, load, read_folder
from attention_core.runtime.model import ENCODER, GREEDY, SETTINGS, STEP
from attention_core.tasks import Input
from attention_core.translation.confidence import CONFIDENCE, Confidence
from attention_core.translation.predictor import Translator
from captioner.caption import Caption
from captioner.data import DataConfig, read
from captioner.images import open_picture
from captioner.metrics import coco_metrics
from captioner.predictor import Captioner

ROOT = Path(__file__).parents[2]
PICTURES = sorted((ROOT / "captioner" / "examples").glob("*.jpg"))
TEXTS = [
    "A dog runs on the beach.",
    "Where is the train station? I am looking for my friends, who are late",
    "two dogs are playing in the snow",
]
# Runs code where torch and what belongs to it can't be imported.
WITHOUT_TORCH = """
import runpy, sys
class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision", "safetensors", "onnx"):
            raise ImportError(f"{name} was imported")
sys.meta_path.insert(0, Refused())
"""


def without_torch(code: str, *arguments: str | Path) -> str:
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH + code, *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=100,
        env={**os.environ, "PYTHONUTF8": "1"},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """exported(task): the folder of the shipped model, exported once by the command."""
    done: dict[str, Path] = {}

    def folder(task: str) -> Path:
        if task not in done:
            out = tmp_path_factory.mktemp("exported") / task
            result = attention_core("export", task, "--to", "onnx", "--out", out)
            assert (result.stdout, result.exit_code) == (f"{out}\n", 0)
            done[task] = out
        return done[task]

    return folder


@pytest.fixture
def copied(exported, tmp_path):
    """copied(task): a copy of an exported folder, to be changed."""

    def folder(task: str) -> Path:
        return Path(shutil.copytree(exported(task), tmp_path / f"{task}-copy"))

    return folder


def small(folder: Path) -> Path:
    """The exported folder with weights of 8 bits."""
    for name in (ENCODER, STEP):
        onnx.save(quantized(onnx.load(folder / name)), folder / name)
    return folder


def test_the_folder_has_all_that_it_takes(exported):
    shipped = ROOT / "attention_core/translation/models/everyday"
    graphs = {"encoder.onnx", "step.onnx", "greedy.onnx", "runtime.json"}
    found = {path.name for path in exported("translate").iterdir()}
    expected = {path.name for path in shipped.iterdir()} - {"model.safetensors"}
    assert found == expected | graphs


TRANSLATE = """
import json
from attention_core.runtime import load
model = load(sys.argv[1], threads=1)
found = [
    [
        [one.text, one.score, one.source_tokens, one.tokens, one.alignment, one.log_probabilities]
        for best in model.translate(json.loads(sys.argv[2]), to=language, nbest=2)
        for one in (best, *best.alternatives)
    ]
    for language in model.languages
]
print(json.dumps(found))
"""


def test_translations_without_torch_are_those_with_it(exported):
    found = json.loads(without_torch(TRANSLATE, exported("translate"), json.dumps(TEXTS)))
    translator = Translator.load()
    for language, ours in zip(translator.languages, found, strict=True):
        theirs = [
            one
            for best in translator.translate(TEXTS, to=language, nbest=2)
            for one in (best, *best.alternatives)
        ]
        for (text, score, sources, tokens, alignment, gains), one in zip(ours, theirs, strict=True):
            assert (text, sources, tokens) == (one.text, one.source_tokens, one.tokens)
            assert score == pytest.approx(one.score, abs=1e-4)
            assert gains == pytest.approx(one.log_probabilities, abs=1e-4)
            for row, expected in zip(alignment, one.alignment, strict=True):
                assert row == pytest.approx(expected, abs=1e-4)


CAPTION = """
import json
from attention_core.runtime import load
model = load(sys.argv[1], threads=1)
found = model.caption(sys.argv[2:], nbest=2)
print(json.dumps([
    [one.text, one.score, one.tokens, one.attention] for best in found
    for one in (best, *best.alternatives)
]))
"""


def test_captions_without_torch_are_those_with_it(exported):
    found = json.loads(without_torch(CAPTION, exported("caption"), *PICTURES))
    theirs = Captioner.load().caption([open_picture(path) for path in PICTURES], nbest=2)
    ranked = [one for best in theirs for one in (best, *best.alternatives)]
    for (text, score, tokens, attention), one in zip(found, ranked, strict=True):
        assert (text, tokens) == (one.text, one.tokens)
        assert score == pytest.approx(one.score, abs=1e-4)
        for grid, expected in zip(attention, one.attention, strict=True):
            for row, cells in zip(grid, expected, strict=True):
                assert row == pytest.approx(cells, abs=1e-4)


MAIN = "runpy.run_module('attention_core.runtime', run_name='__main__', alter_sys=True)"


def test_the_command_answers_line_by_line(exported):
    said = without_torch(MAIN, exported("translate"), TEXTS[0], "Hello.", "--to", "de")
    assert said == "Ein Hund rennt am Strand.\nHallo.\n"
    (best,) = Captioner.load().caption([open_picture(PICTURES[0])])
    assert without_torch(MAIN, exported("caption"), PICTURES[0]) == f"{best.text}\n"


def test_the_command_ends_with_one_line_on_bad_input(exported):
    command = [sys.executable, "-m", "attention_core.runtime"]
    for rest in (["nowhere", "a"], [str(exported("translate")), "a", "--to", "xx"]):
        result = subprocess.run([*command, *rest], capture_output=True, text=True)
        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1


def test_stand_ins_and_confidence_work_as_with_torch(copied):
    folder = copied("translate")
    settings = json.loads((folder / SETTINGS).read_text())
    settings["settings"]["stand_ins"] = True
    (folder / SETTINGS).write_text(json.dumps(settings))
    translator = Translator.load()
    size = translator.tokenizer.size
    often = {language: list(range(size)) for language in translator.languages}
    numbers = [-1.0] * 5, [2.0] * 5, [0.5, 0.1, -0.1, -0.1, 0.1], dict.fromkeys(often, 0.3)
    confidence = Confidence(*numbers, often)
    (folder / CONFIDENCE).write_bytes(confidence.to_bytes())
    translator.stand_ins, translator.confidence = True, confidence
    texts = ["I love 😀 and 猫.", "See https://a.example/b now."]
    ours = load(folder, threads=1).translate(texts, to="fr")
    for one, other in zip(ours, translator.translate(texts, to="fr"), strict=True):
        assert one.text == other.text
        assert one.confidence == pytest.approx(other.confidence, abs=1e-4)
    assert "😀" in ours[0].text and "https://a.example/b" in ours[1].text


def size(folder: Path, *names: str) -> int:
    return sum((folder / name).stat().st_size for name in names)


def test_eight_bits_are_a_third_of_the_size_and_say_the_same(copied, exported):
    folder = small(copied("translate"))
    assert size(folder, ENCODER, STEP) < 0.35 * size(exported("translate"), ENCODER, STEP)
    ours = load(folder, threads=1).translate(TEXTS, to="de")
    theirs = Translator.load().translate(TEXTS, to="de")
    assert [one.text for one in ours] == [one.text for one in theirs]
    assert [one.score for one in ours] == pytest.approx([one.score for one in theirs], abs=0.02)
    assert ours[0].score != pytest.approx(theirs[0].score, abs=1e-6)


def test_the_command_writes_eight_bits(exported, tmp_path, monkeypatch):
    whole = [onnx.load(exported("translate") / name) for name in (ENCODER, STEP)]
    monkeypatch.setattr("attention_core.export.graphs", lambda model, source: whole)
    monkeypatch.chdir(tmp_path)
    assert attention_core("export", "translate", "--int8").stdout == "everyday-onnx\n"
    assert size(tmp_path / "everyday-onnx", GREEDY) < 0.4 * size(exported("translate"), GREEDY)
    imported = {each.domain for each in onnx.load(tmp_path / "everyday-onnx" / GREEDY).opset_import}
    assert "com.microsoft" in imported  # as its LSTM of integers is of that domain


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["translate", "--out", "."], "error: . exists: export to another folder\n"),
        (["translat"], "error: no checkpoint 'translat': give a checkpoint's folder"),
        (["./here"], "error: No checkpoint at here."),
    ],
)
def test_what_cant_be_exported_is_told_in_one_line(tmp_path, monkeypatch, arguments, problem):
    monkeypatch.chdir(tmp_path)
    result = attention_core("export", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(problem) and result.stderr.count("\n") == 1


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_package_is_named(monkeypatch, tmp_path, package):
    monkeypatch.setitem(sys.modules, package, None)
    result = attention_core("export", "translate", "--out", tmp_path / "out")
    assert result.stderr == f"error: this needs {package}: pip install 'attention-core[export]'\n"


def test_a_missing_onnxruntime_is_named(monkeypatch, exported):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match="this needs onnxruntime: pip install onnxruntime"):
        load(exported("translate"))


def test_a_folder_that_cant_be_run_is_told_in_one_line(copied, tmp_path):
    with pytest.raises(UserError, match=r"is a checkpoint: attention-core export .* makes it one"):
        load(ROOT / "captioner/models/everyday")
    with pytest.raises(UserError, match=r"No checkpoint at .*nowhere"):
        load(tmp_path / "nowhere")
    folder = copied("translate")
    (folder / SETTINGS).write_text('{"end": 2}')
    with pytest.raises(UserError, match=r"runtime.json is damaged .*: export the model again"):
        load(folder)
    (folder / SETTINGS).write_text('{"end": 2, "search": {}, "settings": {}}')
    (folder / STEP).write_bytes(b"no graph")
    with pytest.raises(UserError, match=r"step.onnx can't be run .*: export the model again"):
        OnnxModel(read_folder(folder))


@pytest.mark.slow
def test_the_whole_test_split_is_captioned_alike(copied):
    """The same captions in fp32, and CIDEr within 0.5 points in int8."""
    corpus = read(DataConfig(root=str(ROOT / "data")), ("test",))
    references = corpus.of("test", "en")
    pictures = [corpus.pictures[image].open() for image in references]
    folder = copied("caption")
    captioner = Captioner.load()

    def cider(captions: list[Caption]) -> float:
        found = dict(zip(references, (caption.text for caption in captions), strict=True))
        return coco_metrics(references, found)["CIDEr"]

    expected = captioner.caption(pictures)
    found = load(folder, threads=1).caption(pictures)
    assert [one.text for one in found] == [one.text for one in expected]
    assert cider(load(small(folder), threads=1).caption(pictures)) == pytest.approx(
        cider(expected), abs=0.5
    )


@pytest.mark.slow
def test_a_plugins_model_is_exported_by_one_method(tmp_path):
    saved = checkpoint.read(dates.TASK.shipped)
    export(dates.TASK.exportable(saved.path), saved, tmp_path / "out")
    model = OnnxModel(read_folder(tmp_path / "out"), threads=1)
    source = np.array([encode("the 3rd of May 79, Tuesday")])
    given = {"source": source, "source_valid": source > 0}
    ((best, *_),) = model.run(given, begin=np.array([BEGIN]))
    assert decode(best.tokens) == "1979-05-03"
    with pytest.raises(UserError, match="the task 'dates' has no runtime without torch"):
        dates.TASK.runtime(saved, 1)


class Packing(nn.Module):
    """An encoder of frames (B, S, 3) that packs them, which torch's exporter can't trace."""

    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(3, 4, batch_first=True)

    def forward(self, frames, valid):
        lengths = valid.sum(1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(frames, lengths, True, enforce_sorted=False)
        values, _ = nn.utils.rnn.pad_packed_sequence(self.rnn(packed)[0], True)
        return Encoded(values, valid, values.mean(1), None)


def test_an_encoder_that_cant_be_traced_is_told_in_one_line():
    sizes = DecoderSizes(vocabulary=9, embedding=4, hidden=4, values=4, summary=4, attention=3)
    model = Seq2Seq(Packing(), build_decoder("bahdanau", sizes))
    source = {
        "frames": Input(torch.randn(2, 5, 3), ("sources", "positions")),
        "valid": Input(torch.ones(2, 5, dtype=torch.bool), ("sources", "positions")),
    }
    with pytest.raises(UserError, match="torch's exporter can't trace this encoder: ") as caught:
        graphs(model, source)
    assert "\n" not in str(caught.value)
