"""The Flickr8k reader, over a tiny folder of the same layout."""

import gzip
import io
import shutil
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from attention_core.errors import UserError
from attention_core.translation import corpora
from attention_core.translation.translated import digest
from captioner import elsewhere
from captioner.corpus import Corpus, normalise
from captioner.evaluation import compared_with
from captioner.flickr8k import Caption, captions, human_translated, pictures, read

SHARDS = {
    "images-train-0.tar": {"b_1": "red", "a_2": "green"},
    "images-train-1.tar": {"c_3": "blue"},
    "images-val.tar": {"d_4": "white"},
}
COLOURS = {"red": (255, 0, 0), "green": (0, 128, 0), "blue": (0, 0, 255), "white": (255,) * 3}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for shard, images in SHARDS.items():
        with tarfile.open(tmp_path / shard, "w") as tar:
            for name, colour in images.items():
                file = io.BytesIO()
                Image.new("RGB", (16, 16), colour).save(file, "WEBP", lossless=True)
                member = tarfile.TarInfo(f"{name}.webp")
                member.size = file.tell()
                file.seek(0)
                tar.addfile(member, file)
    lines = ["b_1\ttrain\t0\tA dog .", 'd_4\tval\t3\tTwo "wild"\tdogs', ""]
    (tmp_path / "captions.en.tsv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    return tmp_path


def test_captions_as_written(root: Path) -> None:
    assert captions(root, "en") == [
        Caption("b_1", "train", 0, "A dog ."),
        Caption("d_4", "val", 3, 'Two "wild"\tdogs'),
    ]


def test_pictures_in_the_order_of_the_shards(root: Path) -> None:
    found = {id: picture.open() for id, picture in pictures(root, ["train"]).items()}
    assert [(id, image.mode, image.getpixel((4, 4))) for id, image in found.items()] == [
        (id, "RGB", COLOURS[c])
        for id, c in zip(["b_1", "a_2", "c_3"], ["red", "green", "blue"], strict=True)
    ]
    assert list(pictures(root, ["val", "train"])) == ["d_4", "b_1", "a_2", "c_3"]


def test_the_splits_asked_for(root: Path) -> None:
    corpus = read(root, ["en"], ["val"])
    assert list(corpus.pictures) == ["d_4"]
    assert corpus.of("val", "en") == {"d_4": ['Two "wild"\tdogs']}
    with pytest.raises(UserError, match="flickr8k has no picture for train with a caption in 'en'"):
        corpus.of("train", "en")


def test_what_is_missing_is_named(root: Path) -> None:
    with pytest.raises(UserError, match=r"captions\.de\.tsv\.gz is missing: Flickr8k comes from"):
        captions(root, "de")
    with pytest.raises(UserError, match=r"images-test\.tar is missing"):
        pictures(root, ["train", "test"])
    with pytest.raises(UserError, match=r"no captions in 'fr'\. Known: de, en, zh"):
        captions(root, "fr")
    with pytest.raises(UserError, match=r"no split 'valid'\. Did you mean 'val'"):
        pictures(root, ["valid"])


def test_what_is_damaged_is_named(root: Path) -> None:
    shard = root / "images-val.tar"
    shard.write_bytes(shard.read_bytes()[:700])
    with pytest.raises(UserError, match=r"images-val\.tar is damaged"):
        pictures(root, ["val"])
    with tarfile.open(root / "images-val.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("none.webp"))
    with pytest.raises(UserError, match=r"images-val\.tar: none is empty"):
        pictures(root, ["val"])["none"].open()
    path = root / "captions.en.tsv.gz"
    whole = path.read_bytes()
    for content in (whole[:-9], b"plain text", gzip.compress(b"a\ttrain\tfirst\tA dog")):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"captions\.en\.tsv\.gz is damaged"):
            captions(root, "en")


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "A  Dog , which runs .", "a dog, which runs"),
        ("en", "Is it a dog ?  Yes ! . ", "is it a dog? yes!"),
        ("en", "A person 's dog does n't bark", "a person's dog doesn't bark"),
        ("en", "cafe\u0301", "caf\u00e9"),
        ("de", "Ein Hund\tläuft.", "Ein Hund läuft"),
        ("zh", "一只狗，在跑。", "一只狗，在跑"),
        ("en", " . ", ""),
    ],
)
def test_normalised_text(language: str, text: str, expected: str) -> None:
    assert normalise(text, language) == expected


def test_chinese_is_compared_with_people_s_translations_too(root: Path, tmp_path: Path) -> None:
    place = tmp_path / "flickr8kcn"
    assert human_translated(place) == {}
    place.mkdir()
    lines = ["d_4.jpg#zhm#0 一只 狗", "d_4.jpg#zhm#1 狗"]
    file = place / "flickr8kzhmtest.captions.txt.gz"
    file.write_bytes(gzip.compress("\n".join(lines).encode()))
    corpus = Corpus("flickr8k", {}, {("test", "zh"): {"d_4": ["两只狗"]}})
    found = compared_with(corpus, "test", "zh", tmp_path)
    assert {name: (test.references["d_4"], test.words) for name, test in found.items()} == {
        "flickr8k test zh": (["两只狗"], False),
        "flickr8k test zh, by word": (["两只狗"], True),
        "flickr8k test zh, translated by people": (["一只 狗", "狗"], False),
        "flickr8k test zh, translated by people, by word": (["一只 狗", "狗"], True),
    }
    own = Corpus("mine", {}, corpus.captions)
    assert list(compared_with(own, "test", "zh", tmp_path)) == [
        "mine test zh",
        "mine test zh, by word",
    ]
    file.write_bytes(b"no archive")
    with pytest.raises(UserError, match="is damaged"):
        human_translated(place)


def test_pictures_elsewhere(tmp_path: Path) -> None:
    assert elsewhere.read(tmp_path, "en") is None and elsewhere.read(tmp_path, "de") is None
    with tarfile.open(tmp_path / "images-dev-en.tar", "w") as tar:
        member = tarfile.TarInfo("0001.webp")
        member.size = 3
        tar.addfile(member, io.BytesIO(b"abc"))
    file = tmp_path / "captions-dev.en.tsv.gz"
    file.write_bytes(gzip.compress(b"0001\t0\tA vase .\n0001\t1\tA\tpot"))
    corpus = elsewhere.read(tmp_path, "en")
    assert corpus is not None and corpus.of("dev", "en") == {"0001": ["A vase .", "A\tpot"]}
    assert corpus.pictures["0001"].length == 3
    german = elsewhere.read(tmp_path, "de")
    assert german is not None and list(german.pictures) == ["0001"]
    assert sum(map(len, german.of("dev", "de").values())) == 1666
    file.write_bytes(b"no archive")
    with pytest.raises(UserError, match="is damaged"):
        elsewhere.read(tmp_path, "en")


@pytest.fixture
def beside(root: Path) -> Path:
    """The same, in a folder that holds Flickr8k-CN too, or will."""
    return Path(shutil.copytree(root, root / "data" / "flickr8k"))


def test_chinese_to_learn_from_may_be_the_machines_of_the_english(beside: Path) -> None:
    """Native captions tell the pictures of a split, and stay what test is compared with."""
    root = beside
    lines = ["b_1\ttrain\t0\t狗", "d_4\tval\t0\t两只狗", "e_5\ttest\t0\t猫", "a_2\ttrain\t0\t鸟"]
    (root / "captions.zh.tsv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    place = root.with_name("flickr8kcn")
    place.mkdir()
    for kind, lines in {
        "zhb": ["b_1.jpg#zhb#0 一只狗。", "b_1.jpg#zhb#1 一只 狗", "e_5.jpg#zhb#0 一只猫"],
        "zhg": ["b_1.jpg#zhg#0 狗儿", "d_4.jpg#zhg#0 两条狗"],
    }.items():
        text = "\n".join(lines).encode()
        (place / f"flickr8k{kind}.caption.txt.gz").write_bytes(gzip.compress(text))
    of = read(root, ["zh", "en"], ["train", "val"], chinese="machines").captions
    assert of["train", "zh"] == {"b_1": ["一只狗。", "一只 狗", "狗儿"]}  # of a_2 there are none
    assert of["val", "zh"] == {"d_4": ["两条狗"]}
    assert of["train", "en"] == {"b_1": ["A dog ."]}
    (root / "images-test.tar").write_bytes((root / "images-val.tar").read_bytes())
    test = read(root, ["zh"], ["test"], chinese="machines")
    assert test.captions == {("test", "zh"): {"e_5": ["猫"]}}


def test_machine_translations_that_are_missing_are_named(beside: Path) -> None:
    (beside / "captions.zh.tsv.gz").write_bytes(gzip.compress("b_1\ttrain\t0\t狗".encode()))
    with pytest.raises(UserError, match=r"flickr8kzhb\.caption\.txt\.gz is missing"):
        read(beside, ["zh"], ["train"], chinese="machines")


def test_chinese_to_learn_from_may_be_a_language_model_s(
    beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is found by the English, whatever its spaces; test keeps its native captions."""
    english = ["b_1\ttrain\t0\tA  dog .", "b_1\ttrain\t1\tA dog", "e_5\ttest\t0\tA dog ."]
    native = ["b_1\ttrain\t0\t狗", "a_2\ttrain\t0\t鸟", "e_5\ttest\t0\t猫"]
    for language, lines in {"en": english, "zh": native}.items():
        text = gzip.compress("\n".join(lines).encode())
        (beside / f"captions.{language}.tsv.gz").write_bytes(text)
    (beside / "images-test.tar").write_bytes((beside / "images-val.tar").read_bytes())
    (beside / "translated-zh.tsv").write_text(f"{digest('A dog .')}\t一只狗。")
    monkeypatch.setattr(corpora, "RECIPES", beside)
    found = read(beside, ["zh"], ["train", "test"], chinese="model").captions
    assert found["train", "zh"] == {"b_1": ["一只狗。"]}
    assert found["test", "zh"] == {"e_5": ["猫"]}
