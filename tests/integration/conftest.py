"""Miniature data and models: whole runs of the commands in seconds."""

import gc
import gzip
import io
import json
import tarfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from attention_core import demo
from attention_core.cli import main
from attention_core.translation.corpora import _split_of
from captioner.caption import Caption

COLOURS = {"red": (200, 30, 30), "green": (30, 160, 60), "blue": (40, 60, 200)}
ANIMALS = {"dog": ("Hund", "狗"), "cat": ("Katze", "猫"), "bird": ("Vogel", "鸟")}
PLACES = {"beach": ("am Strand", "在海滩上"), "snow": ("im Schnee", "在雪地里")}
SCENES = [(colour, animal, n) for colour in COLOURS for animal in ANIMALS for n in range(4)]


def picture(
    colour: tuple[int, int, int], seed: int, size: tuple[int, int] = (32, 24)
) -> Image.Image:
    """A picture of a colour, darker here and there."""
    width, height = size
    noise = np.random.default_rng(seed).integers(0, 36, (height, width, 3), np.uint8)
    return Image.fromarray(noise + np.uint8(colour))


def attention_core(*arguments: object, **options) -> Result:
    """The command, in this process; a traceback would be the test's own."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], **options)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@contextmanager
def served(serving):
    """The demo's page, served as the command serves it."""
    import gradio

    pages = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gradio.Blocks, "block_thread", lambda page: pages.append(page))
        demo.launch(serving)
    (page,) = pages
    try:
        yield page
    finally:
        page.close(verbose=False)


def tabs_of(parts) -> list[str]:
    """The English titles of a page's tabs."""
    return [key_of(part["props"]["label"]) for part in parts if part["type"] == "tabitem"]


def key_of(text) -> str:
    """The English text of what the browser is to translate."""
    if isinstance(text, dict):
        return text["key"]
    return json.loads(str(text).removeprefix("__i18n__"))["key"]


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Tiny models are quickest, and their sums always in one order, in one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def swept():
    """Gradio leaves an event loop behind for each page: collected while that is no error."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    """Twelve pictures with five captions each, and some hundred sentence pairs."""
    root = tmp_path_factory.mktemp("data")
    _flickr8k(root / "flickr8k")
    _multi30k(root / "multi30k")
    _tatoeba(root / "tatoeba")
    return root


def _flickr8k(root: Path) -> None:
    root.mkdir()
    shards = {"train-0": 4, "train-1": 4, "val": 2, "test": 2}
    scenes = [(colour, animal) for colour in COLOURS for animal in ANIMALS] * 2
    lines = []
    for shard, count in shards.items():
        with tarfile.open(root / f"images-{shard}.tar", "w") as tar:
            for number in range(count):
                colour, animal = scenes.pop()
                file = io.BytesIO()
                picture(COLOURS[colour], len(scenes), (48, 48)).save(file, "WEBP")
                member = tarfile.TarInfo(f"{shard}-{number}.webp")
                member.size = file.tell()
                file.seek(0)
                tar.addfile(member, file)
                for index in range(5):
                    verb = ("runs", "sits", "stands", "sleeps", "plays")[index]
                    text = f"A {animal} {verb} on the {colour} grass ."
                    split = shard.partition("-")[0]
                    lines.append(f"{shard}-{number}\t{split}\t{index}\t{text}\n")
    (root / "captions.en.tsv.gz").write_bytes(gzip.compress("".join(lines).encode()))


def _pairs() -> list[tuple[str, str, str]]:
    return [
        (
            f"{count} {animal}s play in the {place}.",
            f"{count} mal {german} {where}.",
            f"{count}只{chinese}{there}。",
        )
        for count in range(1, 81)
        for animal, (german, chinese) in ANIMALS.items()
        for place, (where, there) in PLACES.items()
    ]


def _multi30k(root: Path) -> None:
    root.mkdir()
    parts = {"train": 60, "val": 4, "test_2016_flickr": 3, "test_2017_flickr": 3}
    pairs = iter(_pairs())
    for part, count in parts.items():
        chosen = [next(pairs) for _ in range(count)]
        for language, column in (("en", 0), ("de", 1)):
            text = "".join(f"{pair[column]}\n" for pair in chosen)
            (root / f"{part}.{language}.gz").write_bytes(gzip.compress(text.encode()))
    (root / "val.images.txt").write_text("none-of-them.jpg\n")


def _tatoeba(root: Path) -> None:
    root.mkdir()
    assert {_split_of(english) for english, _, _ in _pairs()} == {"train", "val", "test"}
    for name, column in (("deu", 1), ("cmn", 2)):
        text = "".join(f"{pair[0]}\t{pair[column]}\n" for pair in _pairs())
        (root / f"{name}.txt.gz").write_bytes(gzip.compress(text.encode()))


TRANSLATE = """
task = "translate"
out = "{out}"

[data]
root = "{data}"
languages = ["de", "zh"]
tatoeba = 40
short = 16
vocabulary = 330
validation = 3

[model]
preset = "luong"
embedding = 32
hidden = 32
attention = 16

[training]
epochs = 12
batch_tokens = 400
learning_rate = 0.02
warmup = 5
validate_every = 30

[search]
beam = 2
max_length = 30
"""

CAPTION = """
task = "caption"
out = "{out}"

[data]
root = "{data}"
cache = "{cache}"
vocabulary = 300

[encoder]
backbone = "efficientnet-lite0"
size = 64

[model]
preset = "show_attend_tell"
embedding = 32
hidden = 32
values = 32
attention = 16

[training]
epochs = 25
batch_tokens = 200
learning_rate = 0.02
warmup = 5
validate_every = 50

[search]
beam = 2
max_length = 12
"""


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> Path:
    """A small picture of each scene in a folder, without captions."""
    folder = tmp_path_factory.mktemp("pictures")
    for colour, animal, number in SCENES:
        picture(COLOURS[colour], number).save(folder / f"{colour}-{animal}-{number}.png")
    return folder


@pytest.fixture(scope="session")
def recipe(data, tmp_path_factory):
    """recipe(task, folder): the path of a recipe that trains into the folder."""
    cache = tmp_path_factory.mktemp("features")

    def write(task: str, folder: Path) -> Path:
        text = {"translate": TRANSLATE, "caption": CAPTION}[task]
        path = folder / f"{task}.toml"
        path.write_text(text.format(out=folder / "run", data=data, cache=cache), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def trained(recipe, tmp_path_factory):
    """trained(task): the folder of a run of the miniature recipe, trained once."""
    done: dict[str, Path] = {}

    def run(task: str) -> Path:
        if task not in done:
            folder = tmp_path_factory.mktemp(task)
            result = attention_core("train", recipe(task, folder))
            assert result.exit_code == 0, result.stderr
            done[task] = folder / "run"
        return done[task]

    return run


@pytest.fixture(scope="session")
def caption_checkpoint(trained) -> Path:
    """The checkpoint of the miniature captioner."""
    return trained("caption") / "best"


@pytest.fixture
def caption(caption_checkpoint, monkeypatch):
    """caption(*arguments): the command, by a model that says its doubts only where a test asks."""
    monkeypatch.setattr(Caption, "doubtful", False)

    def run(*arguments: object, **options) -> Result:
        return attention_core("caption", *arguments, "--checkpoint", caption_checkpoint, **options)

    return run
