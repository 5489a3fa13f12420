"""``attention-core caption --write-metadata``: captions in the pictures' own fields."""

import io
import os
import shutil

import numpy as np
import pytest
from PIL import Image

pyexiv2 = pytest.importorskip("pyexiv2", reason="an extra: metadata")

ALT_TEXT = "Xmp.iptc.AltTextAccessibility"
DESCRIPTION = "Xmp.dc.description"
CAPTION = "Iptc.Application2.Caption"
EXIF = "Exif.Image.ImageDescription"


@pytest.fixture
def photo(tmp_path):
    """photo(suffix, **fields): a picture with a camera's fields, and some of its own."""

    def make(suffix=".jpg", name="photo", **fields):
        path = tmp_path / f"{name}{suffix}"
        pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
        Image.fromarray(pixels).save(path)
        if suffix not in (".gif", ".bmp"):
            change(path, exif={"Exif.Image.Model": "Brownie", "Exif.Image.Orientation": "6"})
        change(path, **fields)
        return path

    return make


def change(path, *, exif=None, iptc=None, xmp=None):
    with pyexiv2.Image(str(path)) as image:
        for fields, put in ((exif, image.modify_exif), (iptc, image.modify_iptc)):
            if fields:
                put(fields)
        if xmp:
            image.modify_xmp(xmp)


def fields(path):
    with pyexiv2.ImageData(path.read_bytes()) as image:
        return {**image.read_exif(), **image.read_iptc(), **image.read_xmp()}


def scan(path):
    """The compressed pixels of a JPEG file, and all after them."""
    content = path.read_bytes()
    return content[content.index(b"\xff\xda") :]


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image).tobytes()


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".png", ".webp", ".tiff"])
def test_a_copy_carries_the_caption_and_the_pixels(caption, photo, suffix):
    path = photo(suffix)
    before = path.read_bytes()
    result = caption(path, "--write-metadata")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "1 captioned\n")
    assert path.read_bytes() == before
    text = caption(path).stdout.strip()
    copy = path.with_name(f"photo.captioned{suffix}")
    found = fields(copy)
    for key in (ALT_TEXT, DESCRIPTION):
        assert list(found[key].items()) == [('lang="x-default"', text), ('lang="en"', text)]
    assert found[EXIF] == text
    assert found["Xmp.photoshop.CaptionWriter"] == "attention-core"
    assert found.get(CAPTION) == (None if suffix == ".webp" else text)
    assert (found["Exif.Image.Model"], found["Exif.Image.Orientation"]) == ("Brownie", "6")
    assert pixels(copy) == pixels(path)
    assert caption(path, "--write-metadata").stderr == "0 captioned, 1 already had captions\n"


def test_the_scan_of_a_jpeg_and_what_follows_it_stay(caption, photo):
    path = photo()
    path.write_bytes(path.read_bytes() + b"a film after the picture")
    caption(path, "--write-metadata")
    assert scan(path.with_name("photo.captioned.jpg")) == scan(path)


def test_in_place(caption, photo, tmp_path):
    path = photo()
    path.chmod(0o640)
    before = scan(path)
    assert caption(tmp_path, "--write-metadata", "--in-place").exit_code == 0
    assert [each.name for each in tmp_path.iterdir()] == ["photo.jpg"]
    assert ALT_TEXT in fields(path) and scan(path) == before
    assert path.stat().st_mode & 0o777 == 0o640
    again = caption(path, "--write-metadata", "--in-place")
    assert again.stderr == "0 captioned, 1 already had captions\n"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ({"xmp": {DESCRIPTION: {'lang="x-default"': "Granny."}}}, DESCRIPTION),
        ({"exif": {EXIF: "Granny."}}, EXIF),
        ({"iptc": {CAPTION: "Granny."}}, CAPTION),
    ],
)
def test_what_somebody_wrote_stays(caption, photo, written, kept):
    path = photo(**written)
    before = fields(path)
    caption(path, "--write-metadata", "--in-place")
    found = fields(path)
    assert found.pop(ALT_TEXT)
    assert found == before and kept in found
    caption(path, "--write-metadata", "--in-place", "--overwrite")
    text = caption(path).stdout.strip()
    assert fields(path)[EXIF] == fields(path)[CAPTION] == text


def test_an_alt_text_that_somebody_wrote_stays(caption, photo):
    path = photo(xmp={ALT_TEXT: {'lang="fr"': "Mamie."}})
    caption(path, "--write-metadata", "--in-place")
    assert fields(path)[ALT_TEXT] == {'lang="fr"': "Mamie."}
    assert fields(path)[EXIF] == caption(path).stdout.strip()
    caption(path, "--write-metadata", "--in-place", "--overwrite")
    assert 'lang="fr"' not in fields(path)[ALT_TEXT]


def test_all_written_by_somebody_is_not_captioned(caption, photo):
    path = photo(xmp={ALT_TEXT: {'lang="fr"': "Mamie."}}, exif={EXIF: "Granny."})
    result = caption(path, "--write-metadata", "--in-place")
    assert result.stderr == "0 captioned, 1 already had captions\n"


def test_spaces_are_no_caption(caption, photo):
    path = photo(exif={EXIF: "   "})
    caption(path, "--write-metadata", "--in-place")
    assert fields(path)[EXIF] == caption(path).stdout.strip()


def test_old_fields_in_another_encoding_are_not_garbled(caption, photo):
    """IPTC fields without a character set are in that of some machine: only UTF-8 can be added."""
    path = photo(iptc={"Iptc.Application2.City": "K?ln"})
    path.write_bytes(path.read_bytes().replace(b"K?ln", b"K\xf6ln"))
    caption(path, "--write-metadata", "--in-place")
    assert b"K\xf6ln" in path.read_bytes()
    with pyexiv2.Image(str(path)) as image:
        assert "Iptc.Envelope.CharacterSet" not in image.read_iptc(encoding="latin-1")
        assert DESCRIPTION in image.read_xmp()


@pytest.mark.parametrize("suffix", [".gif", ".bmp"])
def test_a_format_that_cannot_carry_it(caption, photo, tmp_path, suffix):
    bad, good = photo(suffix), photo(".jpg", name="z")
    result = caption(tmp_path, "--write-metadata", "--sidecar")
    assert result.exit_code == 1
    problem, summary = result.stderr.splitlines()
    assert problem.startswith(f"error: {bad} can't carry a caption: ")
    assert summary == "1 captioned, 1 failed"
    assert good.with_name("z.captioned.jpg").exists() and bad.with_suffix(".txt").exists()


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX only")
@pytest.mark.parametrize("name", ["é狗".encode(), b"caf\xe9"])
def test_any_name(caption, photo, tmp_path, name):
    path = tmp_path / os.fsdecode(name + b".jpg")
    shutil.move(photo(), path)
    assert caption(path, "--write-metadata", "--in-place").stderr == "1 captioned\n"
    again = caption(path, "--write-metadata", "--in-place")
    assert again.stderr == "0 captioned, 1 already had captions\n"


def test_a_failure_leaves_the_picture_whole(caption, photo, tmp_path, monkeypatch):
    path = photo()
    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "disk full")))
    assert caption(path, "--write-metadata", "--in-place").exit_code == 1
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["photo.jpg"]


def test_chinese(photo):
    from captioner.caption import Caption
    from captioner.collections.metadata import Metadata
    from captioner.collections.stream import Result

    path = photo()
    text = "一只狗在海滩上奔跑。"
    result = Result(path, Caption(text, 0.0, [], []))
    Metadata("zh", in_place=True, overwrite=False).write(result)
    found = fields(path)
    assert found[ALT_TEXT] == {'lang="x-default"': text, 'lang="zh"': text}
    assert found[CAPTION] == found[EXIF] == text
    with Image.open(io.BytesIO(path.read_bytes())) as image:
        assert text.encode() in image.info["xmp"]
