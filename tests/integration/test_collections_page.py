"""The commands of docs/collections.md do what the page says."""

import contextlib
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import attention_core
from PIL import Image

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "collections.md").read_text(encoding="utf-8")


def commands() -> list[str]:
    """What can be run here: no cluster is started, and no shell is changed for good."""
    lines = "".join(re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)).splitlines()
    return [line for line in lines if "--ray" not in line and "completion" not in line]


def output(command: str) -> bytes:
    """What a line of a shell prints, with our own command run in this process."""
    data = b""
    for part in command.split(" | "):
        part, _, target = part.partition(" > ")
        part, _, source = part.partition(" < ")
        words = shlex.split(part)
        data = Path(source).read_bytes() if source else data
        if words[0] == "attention-core":
            result = attention_core(*words[1:], input=data)
            assert result.exit_code == 0, result.stderr
            data = result.stdout_bytes
        else:
            data = subprocess.run(words, input=data, capture_output=True, check=True).stdout
        if target:
            Path(target).write_bytes(data)
    return data


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder in which all of the commands were given in turn, and what each printed."""
    pytest.importorskip("pyexiv2", reason="an extra: metadata")
    place = tmp_path_factory.mktemp("page")
    (place / "holiday" / "day 2").mkdir(parents=True)
    (place / "site").mkdir()
    examples = ROOT / "captioner" / "examples"
    for name, target in (("dogs", "holiday"), ("cat", "holiday/day 2"), ("pagoda", "site")):
        shutil.copy(examples / f"{name}.jpg", place / target)
    for name in ("index", "about"):
        (place / "site" / f"{name}.html").write_text('<p>One\r\n<img src="/pagoda.jpg">')
    with contextlib.chdir(place):
        for number, command in enumerate(commands()):
            (place / f"{number}.txt").write_bytes(output(command))
    return place


def test_there_are_commands():
    assert len(commands()) == 10


def test_what_the_commands_leave(place):
    rows = [json.loads(line) for line in (place / "captions.jsonl").read_text().splitlines()]
    assert [row["image"] for row in rows] == ["holiday/day 2/cat.jpg", "holiday/dogs.jpg"]
    assert len((place / "captions.csv").read_text().splitlines()) == 3
    assert (place / "gallery.html").read_text().count("<li ") == 2
    assert len(list((place / "gallery.thumbnails").iterdir())) == 2
    assert (place / "holiday" / "dogs.txt").read_text() == f"{rows[1]['caption']}\n"
    assert (place / "holiday" / "dogs.captioned.jpg").exists()
    with Image.open(place / "holiday" / "dogs.jpg") as picture:
        assert b"AltTextAccessibility" in picture.info["xmp"]


def test_what_the_commands_print(place):
    assert json.loads((place / "3.txt").read_text())["attention"]
    assert re.fullmatch(r" +1 A .+\.\n", (place / "4.txt").read_text())
    reports = [json.loads(line) for line in (place / "8.txt").read_text().splitlines()]
    assert [report["page"] for report in reports] == ["site/about.html", "site/index.html"]
    assert all(report["filled"] for report in reports)


def test_the_pages_are_filled(place):
    changed = (place / "site" / "index.html").read_bytes()
    assert (place / "better.html").read_bytes() == changed
    text = re.fullmatch(rb'<p>One\r\n<img alt="(A .+\.)" src="/pagoda.jpg">', changed)
    assert text
    assert (place / "site" / "index.captioned.html").read_bytes() == changed
