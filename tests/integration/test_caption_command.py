"""``attention-core caption``: pictures of every kind, and what is none."""

import json
import os
import shutil
import struct
import zlib

import numpy as np
import pytest
from conftest import attention_core
from PIL import Image
from safetensors.torch import load_file, save_file

from captioner.caption import Caption
from captioner.confidence import CONFIDENCE
from captioner.overlay import attention_overlays

NOISE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    picture().save(path)
    return path


def picture() -> Image.Image:
    """A picture with much more above than below, and left than right."""
    pixels = NOISE.copy()
    pixels[20:] //= 4
    pixels[:, 30:, 1:] //= 3
    return Image.fromarray(pixels)


def refused(result, *, code=1):
    """The one line on stderr of a call that did nothing else."""
    assert (result.exit_code, result.stdout) == (code, "")
    (error,) = result.stderr.splitlines()
    assert error.startswith("error: ")
    return error


def test_a_picture(caption, photo):
    result = caption(photo)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.count("\n") == 1 and result.stdout.endswith(".\n")


def test_several_pictures_come_with_their_paths(caption, photo, tmp_path):
    other = tmp_path / "other.jpg"
    picture().rotate(180).save(other)
    lines = caption(photo, other).stdout.splitlines()
    assert [line.split("\t")[0] for line in lines] == [str(photo), str(other)]
    assert [f"{line.split(chr(9))[1]}\n" for line in lines] == [
        caption(photo).stdout,
        caption(other).stdout,
    ]


def test_json_carries_the_attention(caption, photo):
    entry = json.loads(caption(photo, "--json").stdout)
    assert entry["path"] == str(photo)
    assert entry["caption"].lower().startswith(entry["tokens"][0])
    assert len(entry["attention"]) == len(entry["tokens"]) > 0
    for grid in entry["attention"]:
        assert [len(row) for row in grid] == [2, 2]
        assert sum(map(sum, grid)) == pytest.approx(1, abs=1e-3)
    assert "alternatives" not in entry


def test_a_model_says_when_it_is_not_sure(caption, photo, tmp_path, monkeypatch):
    other = shutil.copy(photo, tmp_path / "other.png")
    entry = json.loads(caption(photo, "--json").stdout)
    assert 0 <= entry["confidence"] <= 1
    monkeypatch.setattr(Caption, "doubtful", property(lambda self: self.confidence is not None))
    said = f"not sure of this caption (confidence {entry['confidence']:.0%})\n"
    for options in ([], ["--json"], ["--nbest", 2]):
        result = caption(photo, *options)
        assert (result.exit_code, result.stderr) == (0, f"warning: {said}")
    both = f"warning: {photo}: {said}warning: {other}: {said}"
    assert caption(photo, other).stderr == both


def test_a_model_that_was_not_calibrated_tells_no_confidence(caption_checkpoint, photo, tmp_path):
    copy = shutil.copytree(caption_checkpoint, tmp_path / "copy")
    (copy / CONFIDENCE).unlink()
    result = attention_core("caption", photo, "--json", "--checkpoint", copy)
    assert json.loads(result.stdout)["confidence"] is None and result.stderr == ""


def test_doubts_begin_where_captions_are_seldom_right():
    sure, unsure, unknown = (Caption("", 0, [], [], None, x) for x in (0.36, 0.34, None))
    assert [each.doubtful for each in (sure, unsure, unknown)] == [False, True, False]


def test_the_n_best_are_sorted_and_scored(caption, photo):
    lines = [line.split("\t") for line in caption(photo, "--nbest", 3).stdout.splitlines()]
    entry = json.loads(caption(photo, "--nbest", 3, "--json").stdout)
    ranked = [entry, *entry["alternatives"]]
    assert [text for _, text in lines] == [found["caption"] for found in ranked]
    scores = [float(score) for score, _ in lines]
    assert scores == sorted(scores, reverse=True) and len(scores) == 3


def _same(caption, path, expected: Image.Image, tmp_path) -> None:
    """The file is understood as the plain picture ``expected``."""
    reference = tmp_path / "reference.png"
    expected.save(reference)
    found, wanted = caption(path, "--json"), caption(reference, "--json")
    assert (found.exit_code, found.stderr) == (0, "")
    entries = [json.loads(result.stdout) for result in (found, wanted)]
    for entry in entries:
        del entry["path"]
    assert entries[0] == entries[1]


def test_another_picture_is_another_matter(caption, photo, tmp_path):
    with pytest.raises(AssertionError):
        _same(caption, photo, picture().rotate(180), tmp_path)


def test_animated_gif_is_its_first_frame(caption, tmp_path):
    path = tmp_path / "moving.gif"
    first = picture().quantize()
    first.save(path, save_all=True, append_images=[first.rotate(180)] * 2)
    _same(caption, path, first.convert("RGB"), tmp_path)


def test_cmyk(caption, tmp_path):
    path = tmp_path / "print.jpg"
    picture().convert("CMYK").save(path)
    _same(caption, path, Image.open(path).convert("RGB"), tmp_path)


def test_sixteen_bits(caption, tmp_path):
    path = tmp_path / "deep.png"
    grey = np.asarray(picture().convert("L"))
    Image.fromarray(grey.astype(np.uint16) * 257).save(path)
    _same(caption, path, Image.fromarray(grey).convert("RGB"), tmp_path)


def test_palette(caption, tmp_path):
    path = tmp_path / "palette.png"
    few = picture().quantize(7)
    few.save(path)
    _same(caption, path, few.convert("RGB"), tmp_path)


def test_transparent_parts_are_white(caption, tmp_path):
    path = tmp_path / "clear.webp"
    clear = picture().convert("RGBA")
    clear.paste((255, 0, 255, 0), (0, 0, 60, 20))
    clear.save(path, lossless=True, exact=True)
    white = picture()
    white.paste("white", (0, 0, 60, 20))
    _same(caption, path, white, tmp_path)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_the_rotation_of_a_camera_is_honoured(caption, tmp_path, orientation):
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    path = tmp_path / "turned.png"
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture().save(path, exif=exif)
    _same(caption, path, picture().transpose(turns[orientation]), tmp_path)


def huge_png() -> bytes:
    """A PNG file whose header claims 20,000×20,000 pixels, and with next to none in it."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(100))), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.fixture
def bad(tmp_path):
    """One of each bad input, by the words of its error."""
    whole = tmp_path / "whole.jpg"
    Image.fromarray(NOISE).resize((300, 200)).save(whole)
    files = {
        "is not a picture": ("notes.txt", b"just words"),
        "is empty": ("empty.jpg", b""),
        "is damaged or incomplete": ("cut.jpg", whole.read_bytes()[:4000]),
        "is too large: at most 100 megapixels can be read": ("huge.png", huge_png()),
    }
    found = {}
    for problem, (name, content) in files.items():
        (tmp_path / name).write_bytes(content)
        found[problem] = tmp_path / name
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    found["has 1×1 pixels: at least 16 on each side are needed"] = tmp_path / "dot.png"
    found["doesn't exist. Did you mean"] = tmp_path / "hole.jpg"
    found["can't be opened (File name too long)"] = tmp_path / ("n" * 300)
    return found


def test_bad_pictures_leave_the_others_served(caption, photo, bad):
    result = caption(photo, *bad.values(), photo)
    assert result.exit_code == 1
    assert result.stdout == f"{photo}\t{caption(photo).stdout}" * 2
    errors = result.stderr.splitlines()
    assert len(errors) == len(bad)
    for error, (problem, path) in zip(errors, bad.items(), strict=True):
        assert error.startswith("error: ") and str(path) in error and problem in error


def test_a_bad_picture_alone(caption, bad):
    assert "is not a picture" in refused(caption(bad["is not a picture"]))


def test_a_claim_of_many_pixels_allocates_nothing(caption, bad, monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    refused(caption(bad["is too large: at most 100 megapixels can be read"]))


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX only")
def test_a_name_that_is_not_utf8(caption, photo, tmp_path):
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")
    shutil.copy(photo, odd)
    result = caption(odd, photo, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout.splitlines()[0])["path"].endswith("caf\ufffd.png")


def test_no_picture_is_a_usage_error():
    result = attention_core("caption")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Missing argument 'PICTURES...'" in result.stderr


@pytest.mark.parametrize(("language", "guess"), [("enn", "en"), ("EN", "en")])
def test_an_unknown_language_and_its_nearest(caption, photo, language, guess):
    error = refused(caption(photo, "--lang", language))
    assert error.endswith(f"nknown language '{language}'. Did you mean '{guess}'? Known: en.")


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_the_attention_is_drawn(caption, photo, tmp_path, suffix):
    path = tmp_path / f"attention{suffix}"
    result = caption(photo, "--attention", path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert path.stat().st_size > 1000


def test_a_drawing_never_takes_the_place_of_the_picture(caption, photo, tmp_path):
    picture = tmp_path / "self.png"
    picture.write_bytes(photo.read_bytes())
    result = caption(picture, "--attention", picture)
    assert result.exit_code == 1
    assert result.stderr == f"error: {picture} is the picture itself: draw to another file\n"
    assert picture.read_bytes() == photo.read_bytes()


def test_nor_do_the_overlays(caption, photo, tmp_path):
    caption(photo, "--overlays", tmp_path / "words")
    picture = min((tmp_path / "words").iterdir())
    picture.write_bytes(photo.read_bytes())
    result = caption(picture, "--overlays", picture.parent)
    assert result.exit_code == 1
    assert result.stderr == f"error: {picture} is the picture itself: choose another folder\n"
    assert picture.read_bytes() == photo.read_bytes()


@pytest.mark.parametrize(
    ("place", "problem"),
    [("none/a.png", "there is no folder"), ("a.xyz", "ends in .pdf or .png or .svg")],
)
def test_a_drawing_that_cannot_be_is_told_before_the_work(photo, tmp_path, place, problem):
    result = attention_core(
        "caption", photo, "--checkpoint", "none/at/all", "--attention", tmp_path / place
    )
    assert problem in refused(result)


@pytest.mark.parametrize("option", ["--attention", "--overlays"])
def test_one_drawing_is_of_one_picture(caption, photo, tmp_path, option):
    result = caption(photo, photo, option, tmp_path / "a.png")
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{option} draws one picture" in result.stderr


def test_an_overlay_for_each_word(caption, photo, tmp_path):
    folder = tmp_path / "new" / "where"
    result = caption(photo, "--overlays", folder, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    entry = json.loads(result.stdout)
    expected = attention_overlays(picture(), entry["tokens"], entry["attention"])
    files = sorted(folder.iterdir())
    assert [path.name for path in files] == [
        f"{number:02}-{word.strip('.')}.png" for number, word in enumerate(entry["tokens"], start=1)
    ]
    for path, overlay in zip(files, expected, strict=True):
        found = np.asarray(Image.open(path), int)
        assert np.abs(found - np.asarray(overlay, int)).max() <= 3  # weights of 4 decimals


def test_overlays_where_no_folder_can_be(photo, tmp_path, caption):
    (tmp_path / "taken").write_text("")
    assert caption(photo, "--overlays", tmp_path / "taken").exit_code == 2
    assert str(tmp_path / "taken") in refused(
        caption(photo, "--overlays", tmp_path / "taken" / "deeper")
    )


def test_a_sentinel_tells_how_much_was_looked_at_all(recipe, photo, tmp_path, caption):
    changes = ["model.preset=adaptive_attention", "training.epochs=1"]
    trained = attention_core(
        "train",
        recipe("caption", tmp_path),
        *(part for change in changes for part in ("--set", change)),
    )
    assert trained.exit_code == 0, trained.stderr
    sheet = tmp_path / "sheet.svg"
    result = attention_core(
        "caption", photo, "--checkpoint", tmp_path / "run" / "best", "--json", "--attention", sheet
    )
    entry = json.loads(result.stdout)
    assert len(entry["looked"]) == len(entry["tokens"]) > 0
    for share, grid in zip(entry["looked"], entry["attention"], strict=True):
        assert 0 < share < 0.99 and sum(map(sum, grid)) == pytest.approx(share, abs=1e-3)
    assert "looked" not in json.loads(caption(photo, "--json").stdout)


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b[::-1], lambda b: b""])
@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.model"])
def test_a_damaged_checkpoint_names_the_file(caption_checkpoint, photo, tmp_path, name, damage):
    copy = shutil.copytree(caption_checkpoint, tmp_path / "copy")
    (copy / name).write_bytes(damage((copy / name).read_bytes()))
    error = refused(attention_core("caption", photo, "--checkpoint", copy))
    assert str(copy / name) in error


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.model"])
def test_a_checkpoint_with_a_file_missing(caption_checkpoint, photo, tmp_path, name):
    copy = shutil.copytree(caption_checkpoint, tmp_path / "copy")
    (copy / name).unlink()
    error = refused(attention_core("caption", photo, "--checkpoint", copy))
    assert str(copy) in error and name in error


def test_weights_of_another_shape(caption_checkpoint, photo, tmp_path):
    copy = shutil.copytree(caption_checkpoint, tmp_path / "copy")
    weights = load_file(copy / "model.safetensors")
    weights["encoder.project.weight"] = weights["encoder.project.weight"][:-1].contiguous()
    save_file(weights, copy / "model.safetensors")
    error = refused(attention_core("caption", photo, "--checkpoint", copy))
    assert "encoder.project.weight (expected [32, 1280], got [31, 1280])" in error


def test_a_checkpoint_of_the_other_task(trained, photo):
    result = attention_core("caption", photo, "--checkpoint", trained("translate") / "best")
    assert "is a checkpoint of the task 'translate', not caption" in refused(result)


def test_the_shipped_model_captions_the_examples():
    from captioner.tab import EXAMPLES

    result = attention_core("caption", *EXAMPLES[:2], "--json")
    assert result.exit_code == 0 and "error" not in result.stderr  # it may doubt itself
    for line in result.stdout.splitlines():
        entry = json.loads(line)
        assert len(entry["tokens"]) == len(entry["attention"]) >= 3
