"""``attention-core caption`` for collections: folders, files of captions, going on after a stop."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import attention_core, picture
from PIL import Image

from captioner.caption import Caption
from captioner.collections import stream
from captioner.collections.finding import find_pictures
from captioner.collections.ledger import JsonLines, Maker, Table
from captioner.collections.stream import Asked, Result, caption_all
from captioner.confidence import CONFIDENCE
from captioner.predictor import BATCH, Captioner
from captioner.rows import table

COMMAND = [sys.executable, "-m", "attention_core.cli"]
COLOURS = [(200, 40, 40), (40, 180, 60), (40, 60, 220), (220, 200, 40), (20, 20, 20)]


@pytest.fixture
def album(tmp_path):
    """Five pictures in two folders, and what else lies about in such."""
    folder = tmp_path / "album"
    names = ["b.jpg", "a.PNG", "sea side/c.webp", "sea side/deep/é&<.gif", "sea side/d.tiff"]
    for number, (name, colour) in enumerate(zip(names, COLOURS, strict=True)):
        picture(colour, number, (60, 40)).save(made(folder / name))
    for name in (".hidden.jpg", ".trash/x.jpg", "a.captioned.jpg", "page.thumbnails/x.webp"):
        picture(COLOURS[0], 9).save(made(folder / name))
    (folder / "notes.txt").write_text("no picture")
    return folder


def made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


ALL = ["a.PNG", "b.jpg", "sea side/c.webp", "sea side/d.tiff", "sea side/deep/é&<.gif"]


def test_the_pictures_of_a_folder(album):
    def found(recursive):
        paths = find_pictures([album], recursive=recursive)
        return [path.relative_to(album).as_posix() for path in paths]

    assert found(recursive=True) == ALL
    assert found(recursive=False) == ALL[:2]


@pytest.mark.skipif(os.name != "posix", reason="links take rights on Windows")
def test_a_loop_of_links_ends(album):
    (album / "loop").symlink_to(album)
    (album / "z.jpg").symlink_to(album / "b.jpg")
    found = find_pictures([album], recursive=True)
    assert [path.name for path in found] == [Path(name).name for name in [*ALL, "z.jpg"]]


def test_a_folder_is_printed_with_paths(caption, album):
    result = caption(album)
    assert (result.exit_code, result.stderr) == (0, "")
    printed = [line.split("\t")[0] for line in result.stdout.splitlines()]
    assert printed == [str(album / name) for name in ALL[:2]]


def test_an_empty_folder_is_told(caption, album, tmp_path):
    (tmp_path / "empty").mkdir()
    result = caption(tmp_path / "empty", album)
    assert result.exit_code == 1 and len(result.stdout.splitlines()) == 2
    assert result.stderr == (
        f"error: {tmp_path / 'empty'} has no pictures itself: --recursive looks in its folders"
        " too\n"
    )


def test_out_is_what_is_printed(caption, album, tmp_path):
    out = tmp_path / "captions.jsonl"
    result = caption(album, "-r", "--out", out)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "5 captioned\n")
    found = rows(out)
    assert [row["image"] for row in found] == [f"album/{name}" for name in ALL]
    printed = caption(album, "-r", "--json").stdout.splitlines()
    for row, line in zip(found, map(json.loads, printed), strict=True):
        for column in ("caption", "score", "confidence"):
            assert row[column] == line[column]
        assert row["language"] == "en" and re.fullmatch(r"best@[0-9a-f]{8}", row["model"])
        assert set(row) == {"image", "caption", "score", "confidence", "language", "model", "beam"}


def test_alternatives_are_in_json_lines(caption, album, tmp_path):
    caption(album, "--nbest", 3, "--out", tmp_path / "x.jsonl")
    for row in rows(tmp_path / "x.jsonl"):
        scores = [row["score"], *(other["score"] for other in row["alternatives"])]
        assert len(scores) == 3 and scores == sorted(scores, reverse=True)


def test_csv_is_what_a_recipe_can_train_from(caption, album, tmp_path):
    caption(album, "-r", "--out", album / "captions.csv")
    caption(album, "-r", "--out", tmp_path / "x.jsonl")
    expected = [
        (row["image"].removeprefix("album/"), row["caption"]) for row in rows(tmp_path / "x.jsonl")
    ]
    found = table(album / "captions.csv")
    assert [(row.image, row.text) for row in found] == expected
    assert all((album / row.image).is_file() for row in found)


@pytest.mark.parametrize("name", ["x.jsonl", "x.csv", "x.html"])
def test_it_goes_on_where_it_stopped(caption, album, tmp_path, name):
    option = "--html" if name.endswith("html") else "--out"
    whole, cut = made(tmp_path / "1" / name), made(tmp_path / "2" / name)
    caption(album, "-r", option, whole)
    content = whole.read_bytes()
    lines = content.splitlines(keepends=True)
    for torn in (b"", lines[0][:-1], lines[0], b"".join(lines[:3]), content[:-20], content):
        cut.write_bytes(torn)
        result = caption(album, "-r", option, cut)
        assert result.exit_code == 0
        assert cut.read_bytes() == content
        whole_line = name.endswith("jsonl") and torn == lines[0][:-1]  # but for its end
        there = min(torn.count(b"\n") + whole_line - (not name.endswith("jsonl")), 5)
        had = f", {there} already had captions" if there > 0 else ""
        assert result.stderr == f"{5 - max(there, 0)} captioned{had}\n"


@pytest.mark.parametrize("name", ["x.jsonl", "x.csv"])
def test_a_last_line_that_an_editor_left_without_its_end_is_kept(caption, album, tmp_path, name):
    place = tmp_path / name
    caption(album, "--out", place)
    corrected = place.read_bytes().replace(b" ", b" very ").rstrip(b"\n")
    corrected = corrected.replace(b": very ", b": ").replace(b", very ", b", ")
    place.write_bytes(corrected)
    assert caption(album, "--out", place).stderr == "0 captioned, 2 already had captions\n"
    assert place.read_bytes() == corrected + b"\n"


def test_only_what_is_wanted_is_captioned(caption, album, tmp_path, monkeypatch):
    out = tmp_path / "x.jsonl"
    caption(album, "--out", out)
    opened = []
    monkeypatch.setattr(stream, "open_picture", lambda path: opened.append(path))
    assert caption(album, "--out", out).stderr == "0 captioned, 2 already had captions\n"
    assert opened == []


@pytest.mark.parametrize("name", ["x.jsonl", "x.csv", "x.html"])
def test_captions_of_two_models_are_not_mixed(caption, album, caption_checkpoint, tmp_path, name):
    option = "--html" if name.endswith("html") else "--out"
    out = tmp_path / name
    caption(album, option, out)
    before = out.read_bytes()
    other = shutil.copytree(caption_checkpoint, tmp_path / "best")
    config = (other / "config.json").read_text().replace('"beam": 2', '"beam": 3')
    (other / "config.json").write_text(config)
    result = attention_core("caption", album, "-r", option, out, "--checkpoint", other)
    assert (result.exit_code, result.stdout) == (1, "")
    assert re.fullmatch(
        rf"error: {re.escape(str(out))} has captions in 'en' by best@\w+, not in 'en' by best@\w+:"
        r" choose another file, or delete it\n",
        result.stderr,
    )
    assert out.read_bytes() == before


@pytest.mark.parametrize("name", ["x.jsonl", "x.csv", "x.html"])
def test_captions_of_two_searches_are_not_mixed(caption, album, tmp_path, name):
    arguments = [album, "--html" if name.endswith("html") else "--out", tmp_path / name]
    caption(*arguments)
    before = (tmp_path / name).read_bytes()
    searches = [["--beam", 1], *([["--nbest", 3]] if name.endswith("jsonl") else [])]
    for options in searches:
        result = caption(*arguments, "-r", *options)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr == (
            f"error: {tmp_path / name} has captions by a beam of 2, not of {options[1]}: search as"
            " before (--beam 2, and --nbest no larger), choose another file, or delete it\n"
        )
    assert (tmp_path / name).read_bytes() == before
    assert "2 already had" in caption(*arguments, "-r", "--beam", 2).stderr


def test_rounded_weights_are_another_model(caption, album, tmp_path):
    caption(album, "--out", tmp_path / "x.csv")
    result = caption(album, "--out", tmp_path / "x.csv", "--fast")
    assert result.exit_code == 1 and "-fast: choose another file" in result.stderr


@pytest.mark.parametrize("name", ["x.jsonl", "x.csv", "x.html"])
@pytest.mark.parametrize(
    "content",
    ["my notes\n", "my notes", "[1]\n", "[1]", '{"image": "a.jpg"}\n', "<!doctype html><p>mine"],
)
def test_other_files_are_left_alone(caption, album, tmp_path, name, content):
    out = tmp_path / name
    out.write_text(content)
    result = caption(album, "--html" if name.endswith("html") else "--out", out)
    assert (result.exit_code, out.read_text()) == (1, content)
    assert f"{out}, line 1: this is not what this command writes" in result.stderr


def test_a_bad_picture_is_a_line_and_the_rest_is_served(caption, album, tmp_path):
    (album / "aa.jpg").write_bytes(b"broken")
    result = caption(album, "--out", tmp_path / "x.jsonl")
    assert result.exit_code == 1
    problem, summary = result.stderr.splitlines()
    assert problem.startswith(f"error: {album / 'aa.jpg'} is not a picture")
    assert summary == "2 captioned, 1 failed"
    assert [row["image"] for row in rows(tmp_path / "x.jsonl")] == ["album/a.PNG", "album/b.jpg"]


def test_sidecars(caption, album):
    (album / "b.txt").write_text("Mine.\n")
    result = caption(album, "-r", "--sidecar")
    assert (result.exit_code, result.stderr) == (0, "4 captioned, 1 already had captions\n")
    printed = dict(line.split("\t") for line in caption(album, "-r").stdout.splitlines())
    for name in ALL:
        text = (album / name).with_suffix(".txt").read_text(encoding="utf-8")
        assert text == ("Mine.\n" if name == "b.jpg" else f"{printed[str(album / name)]}\n")
    caption(album, "--sidecar", "--overwrite")
    assert (album / "b.txt").read_text() == f"{printed[str(album / 'b.jpg')]}\n"


def test_one_text_beside_two_pictures_is_told(caption, tmp_path):
    for name in ("x.jpg", "x.png", "y.png"):
        picture(COLOURS[0], 1).save(tmp_path / name)
    for counted in ("2 captioned, 1 failed", "0 captioned, 2 already had captions, 1 failed"):
        result = caption(tmp_path, "--sidecar")
        assert result.exit_code == 1
        problem, summary = result.stderr.splitlines()
        assert problem == (
            f"error: {tmp_path / 'x.png'}: x.txt beside it is for the caption of x.jpg: rename one"
        )
        assert summary == counted


def test_a_picture_is_not_replaced_by_its_text(caption, tmp_path):
    place = tmp_path / "scan.txt"
    picture(COLOURS[0], 1).save(place, "PNG")
    before = place.read_bytes()
    for options in ([], ["--overwrite"]):
        result = caption(place, "--sidecar", *options)
        assert result.exit_code == 1 and "rename the picture" in result.stderr
        assert place.read_bytes() == before


def test_where_one_caption_cannot_be_written_the_others_are(caption, tmp_path):
    long = tmp_path / f"{'a' * 251}.png"  # as long as names may be, and too long for a copy's
    picture(COLOURS[0], 1).save(long)
    picture(COLOURS[1], 2).save(tmp_path / "b.png")
    result = caption(tmp_path, "--write-metadata")
    assert result.exit_code == 1
    assert "can't be written (File name too long)" in result.stderr
    assert (tmp_path / "b.captioned.png").exists() and "1 captioned, 1 failed" in result.stderr


def test_copies_get_no_copies(caption, tmp_path):
    for name in ("a.png", "a.captioned.png"):
        picture(COLOURS[0], 1).save(tmp_path / name)
    caption(*sorted(tmp_path.iterdir()), "--write-metadata", "--overwrite")
    result = caption(*sorted(tmp_path.iterdir()), "--write-metadata")
    assert result.stderr == "0 captioned, 3 already had captions\n"
    assert len(list(tmp_path.iterdir())) == 3  # of which --overwrite made one


@pytest.mark.parametrize("option", [["--sidecar"], ["--html", "x.html"], ["--out", "x.csv"]])
def test_alternatives_go_where_there_is_room_for_them(caption, album, option):
    result = caption(album, "--nbest", 3, *option)
    assert result.exit_code == 2 and "--nbest is for standard output" in result.stderr


@pytest.mark.parametrize("command", ["caption", "alt"])
def test_an_empty_name_is_not_this_folder(command):
    result = attention_core(command, "")
    assert result.exit_code == 2 and "a name is empty" in result.stderr


def test_the_gallery(caption, album, tmp_path):
    page = tmp_path / "out page.html"
    assert caption(album, "-r", "--html", page, "--out", tmp_path / "x.jsonl").exit_code == 0
    entries = re.findall(
        r'<li data-model="[^"]+" data-beam="2"><a href="([^"]+)" lang="en">'
        r'<img src="([^"]+)" alt="" loading="lazy"><span>([^<]+)</span></a>'
        r"<small>([^<]+)</small></li>",
        page.read_text(encoding="utf-8"),
    )
    assert [caption for _, _, caption, _ in entries] == [
        row["caption"] for row in rows(tmp_path / "x.jsonl")
    ]
    assert entries[-1][0] == "album/sea%20side/deep/%C3%A9%26%3C.gif"
    assert entries[-1][3] == "album/sea side/deep/é&amp;&lt;.gif"
    for _, thumbnail, _, _ in entries:
        with Image.open(tmp_path / thumbnail.replace("%20", " ")) as image:
            assert (image.format, image.size) == ("WEBP", (60, 40))
    assert "http" not in page.read_text(encoding="utf-8")


def test_doubts_are_counted_and_shown(caption, album, tmp_path, monkeypatch):
    monkeypatch.setattr(Caption, "doubtful", property(lambda self: self.confidence is not None))
    page, out = tmp_path / "x.html", tmp_path / "x.csv"
    result = caption(album, "--html", page, "--out", out)
    assert result.stderr == "2 captioned (2 of them not sure)\n"
    header, *lines = csv.reader(out.read_text("utf-8-sig").splitlines())
    sure = [f"{float(line[header.index('confidence')]):.0%}" for line in lines]
    assert re.findall(r"<small><b>not sure: (\d+%)</b> album/", page.read_text()) == sure
    assert caption(album, "-r", "--html", page).stderr.endswith("2 already had captions\n")


def test_a_model_that_was_not_calibrated_has_no_doubts(caption_checkpoint, album, tmp_path):
    copy = shutil.copytree(caption_checkpoint, tmp_path / "copy")
    (copy / CONFIDENCE).unlink()
    page, out = tmp_path / "x.html", tmp_path / "x.csv"
    result = attention_core("caption", album, "--html", page, "--out", out, "--checkpoint", copy)
    assert result.stderr == "2 captioned\n"
    assert "not sure" not in page.read_text()
    with out.open(encoding="utf-8-sig") as file:
        assert {row["confidence"] for row in csv.DictReader(file)} == {""}


def test_names_on_standard_input(caption, album):
    names = f"{album / 'b.jpg'}\n\n{album / 'sea side'}\r\n"
    result = caption("-", "-r", input=names)
    expected = caption(album / "b.jpg", album / "sea side", "-r")
    assert (result.exit_code, result.stdout) == (0, expected.stdout)
    assert result.stdout.count("\n") == 4


def test_a_name_is_answered_before_the_next_one_comes(caption_checkpoint, album):
    command = [*COMMAND, "caption", "-", "--checkpoint", caption_checkpoint]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as process, ThreadPoolExecutor(1) as reader:
        for name in ("b.jpg", "a.PNG"):
            path = os.fsencode(album / name)
            process.stdin.write(path[:5])
            process.stdin.flush()
            process.stdin.write(path[5:] + b"\n")
            process.stdin.flush()
            answer = reader.submit(process.stdout.readline)
            try:
                assert answer.result(timeout=60).startswith(path + b"\t")
            finally:
                if not answer.done():
                    process.kill()  # or its reader waits for ever


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX only")
@pytest.mark.parametrize("name", ["x.jsonl", "x.csv", "x.html"])
def test_names_that_are_not_utf8_are_known_again(caption, album, tmp_path, name):
    odd = [os.fsdecode(os.fsencode(album) + end) for end in (b"/caf\xe9.png", b"/caf\xe8.png")]
    arguments = ["-", "--html" if name.endswith("html") else "--out", tmp_path / name]
    for place in odd:
        shutil.copy(album / "a.PNG", place)
        assert caption(*arguments, input=os.fsencode(place)).stderr.startswith("1 captioned")
    again = caption(*arguments, input=os.fsencode("\n".join(odd)))
    assert again.stderr == "0 captioned, 2 already had captions\n"


@pytest.mark.skipif(os.name != "posix", reason="names have no line breaks on Windows")
def test_a_line_break_in_a_name(caption, album, tmp_path):
    shutil.copy(album / "b.jpg", album / "a\nb.jpg")
    result = caption(album, "--out", tmp_path / "x.csv")
    assert result.exit_code == 1 and "has a line break in its name" in result.stderr
    assert len((tmp_path / "x.csv").read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--out", "x.txt"], "--out ends in .jsonl or .csv"),
        (["--html", "x.htm"], "--html ends in .html"),
        (["--json", "--out", "x.jsonl"], "--json is for standard output"),
        (["--in-place"], "--in-place is for --write-metadata"),
        (["--overwrite", "--out", "x.csv"], "--overwrite is for --sidecar and --write-metadata"),
        (["--attention", "a.png"], "--attention draws one picture"),
    ],
)
def test_options_that_do_not_go_together(album, options, problem):
    result = attention_core("caption", album, *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert problem in result.stderr


@pytest.mark.parametrize(
    ("option", "package", "module", "extra"),
    [
        ("--write-metadata", "pyexiv2", "captioner.collections.metadata", "metadata"),
        ("--ray", "ray", "captioner.collections.cluster", "ray"),
    ],
)
def test_a_missing_extra_says_what_to_install(
    caption, album, monkeypatch, option, package, module, extra
):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, module, raising=False)
    result = caption(album, option)
    assert (result.exit_code, result.stdout) == (1, "")
    (error,) = result.stderr.splitlines()
    assert error.startswith(f"error: {option} needs ")
    assert error.endswith(f"pip install 'attention-core[{extra}]'")


def test_a_folder_that_is_missing_is_told_before_the_work(album, tmp_path):
    result = attention_core("caption", album, "--out", tmp_path / "none" / "x.csv")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"there is no folder {tmp_path / 'none'}" in result.stderr


def test_a_caption_is_on_disk_as_soon_as_it_is_written(tmp_path):
    ledger = JsonLines(tmp_path / "x.jsonl", Maker("model@1", "en", 5))
    ledger.write(Result(tmp_path / "a.jpg", Caption("A dog.", -0.5, [], [])))
    (row,) = rows(tmp_path / "x.jsonl")
    assert row["image"] == "a.jpg" and row["caption"] == "A dog."
    ledger.close()


def as_from_a_terminal() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_whatever_stops_it_what_was_done_is_kept(caption, caption_checkpoint, album, tmp_path, how):
    for number in range(200):
        shutil.copy(album / "b.jpg", album / f"{number:03}.jpg")
    out, whole = tmp_path / "x.jsonl", tmp_path / "whole.jsonl"
    process = subprocess.Popen(
        [*COMMAND, "caption", album, "--out", out, "--checkpoint", caption_checkpoint],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=as_from_a_terminal,
    )
    while process.poll() is None and not (out.exists() and out.stat().st_size):
        time.sleep(0.01)
    process.send_signal(how)
    _, errors = process.communicate(timeout=60)
    kept = len(out.read_bytes().splitlines())
    assert 0 < kept < 202, "it was stopped in the middle"
    if how == signal.SIGINT:
        assert process.returncode == 130
        doubts = r"( \(\d+ of them not sure\))?"
        said = rf"Stopped: {kept} captioned{doubts}\. The same command goes on\.\n"
        assert re.fullmatch(said, errors)
    assert caption(album, "--out", out).exit_code == 0
    assert caption(album, "--out", whole).exit_code == 0
    assert [row["image"] for row in rows(out)] == [row["image"] for row in rows(whole)]
    assert [row["caption"] for row in rows(out)] == [row["caption"] for row in rows(whole)]


def test_no_more_is_held_than_two_batches(caption_checkpoint, album):
    drawn = []

    def paths():
        for number in range(100):
            drawn.append(number)
            yield album / "b.jpg"

    results = caption_all(Captioner.load(caption_checkpoint), paths(), Asked("en"))
    for number, result in enumerate(results):
        assert result.caption and len(drawn) <= BATCH * (number // BATCH + 2)
    assert len(drawn) == 100


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("x.jsonl", '{"image": "a.jpg", "caption": "My dear dog Rex"}'),
        ("x.csv", "b.jpg,By hand,,,,,"),
        ("x.csv", "b.jpg,By\rhand,,,,,"),
        ("x.csv", "b.jpg,Ein Hund,-0.5,0.7,de,best@12345678,5"),
    ],
)
def test_a_last_line_of_someone_elses_is_not_cut_off(caption, album, tmp_path, name, line):
    place = tmp_path / name
    head = JsonLines.head if name == "x.jsonl" else f"{Table.head}\n"
    content = f"{head}{line}".encode()
    place.write_bytes(content)
    result = caption(album, "--out", place)
    assert result.exit_code == 1 and "choose another file" in result.stderr
    assert place.read_bytes() == content


def test_a_table_that_an_editor_saved_without_its_mark_goes_on(caption, album, tmp_path):
    place = tmp_path / "x.csv"
    caption(album, "--out", place)
    place.write_text(place.read_text("utf-8").removeprefix("\ufeff") + "\n", "utf-8")
    assert caption(album, "--out", place).stderr == "0 captioned, 2 already had captions\n"


def test_names_in_a_file_with_a_byte_order_mark(caption, album):
    result = caption("-", input=b"\xef\xbb\xbf" + os.fsencode(album / "b.jpg"))
    assert (result.exit_code, result.stderr) == (0, "")
