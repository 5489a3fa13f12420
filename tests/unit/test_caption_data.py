"""Readers of captions: every format gives the same corpus, and splits are by picture."""

import json
from pathlib import Path

import pytest
from PIL import Image

from attention_core.errors import UserError
from captioner import coco, rows
from captioner.caption import present
from captioner.data import DataConfig, read
from captioner.rows import table

SPLITS = ("train", "val", "test")
NAMES = ["a.jpg", "b.jpg", "c.jpg"]
TEXTS = {name: [f"A {name[0]} .", f'"{name[0]}" it is, or so'] for name in NAMES}
TOLD = dict(zip(NAMES, SPLITS, strict=True))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, name in enumerate(NAMES):
        Image.new("RGB", (16, 20), (number * 50, 0, 0)).save(tmp_path / name)
    return tmp_path


def config(*captions: Path, **others: object) -> DataConfig:
    return DataConfig(captions=tuple(map(str, captions)), **others)  # type: ignore[arg-type]


def csv_file(folder: Path) -> list[Path]:
    rows = [f'{n},"{t.replace(chr(34), chr(34) * 2)}",{TOLD[n]}' for n in NAMES for t in TEXTS[n]]
    (folder / "x.csv").write_text("\ufeffImage, caption ,split\r\n" + "\r\n".join(rows))
    return [folder / "x.csv"]


def tsv_file(folder: Path) -> list[Path]:
    rows = [f'{TOLD[n]}\t{n}\t"{t.replace(chr(34), chr(34) * 2)}"' for n in NAMES for t in TEXTS[n]]
    (folder / "x.tsv").write_text("\n".join(["split\timage\tcaption", *rows, ""]))
    return [folder]


def bar_file(folder: Path) -> list[Path]:
    """As Flickr30k's results.csv: spaces behind bars, quotes as they are, a bar that lacks."""
    rows = [f"{n}| {i}|{' ' * (1 - i)}{t}" for n in NAMES for i, t in enumerate(TEXTS[n])]
    rows[3] = f"b.jpg| 1   {TEXTS['b.jpg'][1]}"
    (folder / "results.csv").write_text("\n".join(["image_name| comment_number| comment", *rows]))
    return [folder]


def json_lines(folder: Path) -> list[Path]:
    rows = [{"image": n, "caption": t, "split": TOLD[n]} for n in NAMES for t in TEXTS[n]]
    (folder / "x.jsonl").write_text("\n\n".join(map(json.dumps, rows)))
    return [folder]


def tokens(folder: Path) -> list[Path]:
    rows = [f"{n}#{i}\t{t}" for n in NAMES for i, t in enumerate(TEXTS[n])]
    rows.append("none.jpg.1#0\tIn no list, and nowhere, as one in Flickr8k's own file .")
    (folder / "Flickr8k.token.txt").write_text("\n".join(rows) + "\n")
    (folder / "Flickr_8k.trainImages.txt").write_text("a.jpg\n")
    (folder / "Flickr_8k.devImages.txt").write_text("b.jpg\n")
    (folder / "test.txt").write_text("c\n")
    return [folder / "Flickr8k.token.txt"]


def karpathy(folder: Path) -> list[Path]:
    (folder / "val2014").mkdir()
    (folder / "a.jpg").rename(folder / "val2014" / "a.jpg")
    images = [
        {"filename": n, "split": TOLD[n], "sentences": [{"raw": t} for t in TEXTS[n]]}
        for n in NAMES
    ]
    images[0] |= {"filepath": "val2014", "split": "restval"}
    (folder / "dataset_coco.json").write_text(json.dumps({"images": images, "dataset": "coco"}))
    return [folder]


def official(folder: Path) -> list[Path]:
    """A file for each split, and the pictures of each in a folder of its own."""
    (folder / "annotations").mkdir()
    files = []
    for n, split in TOLD.items():
        (folder / f"{split}2017").mkdir()
        (folder / n).rename(folder / f"{split}2017" / n)
        content = {
            "info": {},
            "images": [{"id": 7, "file_name": n, "height": 20}],
            "annotations": [{"id": i, "image_id": 7, "caption": t} for i, t in enumerate(TEXTS[n])],
        }
        files.append(folder / "annotations" / f"captions_{split}2017.json")
        files[-1].write_text(json.dumps(content))
    return files


FORMATS = [csv_file, tsv_file, bar_file, json_lines, tokens, karpathy, official]


@pytest.mark.parametrize("write", FORMATS, ids=lambda write: write.__name__)
def test_every_format_gives_the_same(folder: Path, write, monkeypatch, capsys) -> None:
    if write is bar_file:  # which tells no split
        monkeypatch.setattr("captioner.data._by_hash", TOLD.get)
    corpus = read(config(*write(folder), pictures=str(folder)), SPLITS)
    found = {
        split: {Path(name).name: texts for name, texts in corpus.of(split, "en").items()}
        for split in SPLITS
    }
    assert found == {split: {name: TEXTS[name]} for name, split in TOLD.items()}
    colours = [picture.open().getpixel((3, 3))[0] // 45 for picture in corpus.pictures.values()]
    assert sorted(colours) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")


def test_a_folder_of_flickr8k_as_it_comes(folder: Path) -> None:
    (file,) = tokens(folder)
    (folder / "Flickr8k.lemma.token.txt").write_text("a.jpg#0\tbe a\n")
    (folder / "ExpertAnnotations.txt").write_text("a.jpg\tb.jpg#2\t1\t1\t1\n")
    (folder / "readme.txt").write_bytes("Grüße".encode("latin-1"))
    (folder / "empty.txt").write_bytes(b"")
    corpus = read(config(folder), SPLITS)
    assert corpus.name == str(file)
    assert {split: corpus.of(split, "en") for split in SPLITS} == {
        split: {name: TEXTS[name]} for name, split in TOLD.items()
    }


@pytest.mark.parametrize(
    ("ending", "row", "problem"),
    [
        (
            "csv",
            "b.jpg,A cat, asleep",
            "line 3: there are more .*, 'asleep' is left over: .*, quote the",
        ),
        ("csv", 'b.jpg, "A cat, asleep"', "line 3: .* comma in it, quote .*, without a space"),
        ("tsv", "b.jpg\tA cat\tasleep", "line 3: .* where a caption has a tab in it, quote the"),
        ("bar", "b.jpg|A cat|asleep", "line 3: .* where a caption has a bar in it, take that out"),
        ("csv", "b.jpg", "line 3: there are fewer .*, none for caption: add what is missing"),
        ("split", "A cat", "line 3: there are fewer .*, none for caption and split: add"),
        ("split", "b.jpg,A cat", "line 3: there are fewer .*, none for split: add"),
    ],
)
def test_rows_that_do_not_fit_the_header(folder: Path, ending: str, row: str, problem: str) -> None:
    header = {"tsv": "image\tcaption", "bar": "image|caption", "split": "image,caption,split"}
    mark = {"tsv": "\t", "bar": "|"}.get(ending, ",")
    first = mark.join(["a.jpg", "A dog", *(["val"] if ending == "split" else [])])
    path = folder / f"x.{ending}"
    path.write_text("\n".join([header.get(ending, "image,caption"), first, row]))
    with pytest.raises(UserError, match=problem) as caught:
        read(config(path), SPLITS)
    assert str(caught.value).startswith(f"{path}, line 3: ")


def test_empty_fields_behind_the_last_column_are_none(folder: Path) -> None:
    (folder / "x.csv").write_text("image,caption\na.jpg,A dog, ,\nb.jpg,A cat,,\n")
    assert [row.text for row in table(folder / "x.csv")] == ["A dog", "A cat"]


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("captions_train2014", "train"),
        ("captions_val2017", "val"),
        ("image_info_test-dev2017", "test"),
        ("TRAIN", "train"),
        ("my.val", "val"),
        ("captions-validation", "val"),
        ("training 2", "train"),
        ("latest", None),
        ("latest_val", "val"),
        ("constraints", None),
        ("interval", None),
        ("values", None),
        ("trains", None),
    ],
)
def test_the_split_is_a_word_of_the_file_s_name(
    tmp_path: Path, name: str, split: str | None
) -> None:
    content = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "annotations": [{"id": 1, "image_id": 1, "caption": "A dog."}],
        "categories": [{"id": 1}],  # which are of other tasks
    }
    (tmp_path / f"{name}.json").write_text(json.dumps(content))
    (row,) = coco.rows(tmp_path / f"{name}.json")
    assert row.split == split


IMAGE = {"id": 1, "file_name": "a.jpg"}
CAPTION = {"id": 1, "image_id": 1, "caption": "A dog."}
SENTENCES = {"filename": "a.jpg", "split": "val", "sentences": [{"raw": "A dog."}]}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            {"images": [IMAGE], "annotations": [CAPTION, {"id": 2, "caption": "A dog."}]},
            r"annotations\[1\] has no 'image_id': add it or leave the entry out",
        ),
        (
            {"images": [IMAGE], "annotations": [CAPTION, {"id": 2, "image_id": 1}]},
            r"annotations\[1\] has no 'caption'",
        ),
        (
            {"images": [IMAGE], "annotations": [{"id": 1, "image_id": 1, "bbox": [1, 2, 3, 4]}]},
            r"has no captions: none .* has a 'caption', as in COCO's instances_\*.json: name a",
        ),
        (
            {"images": [IMAGE], "annotations": [CAPTION | {"caption": 7}]},
            r"annotations\[0\]: 'caption' must be text, got 7",
        ),
        (
            {"images": [IMAGE], "annotations": [CAPTION | {"image_id": [1]}]},
            r"annotations\[0\]: 'image_id' must be a number or text, got \[1\]",
        ),
        (
            {"images": [IMAGE, {"id": 2}], "annotations": [CAPTION]},
            r"images\[1\] has no 'file_name'",
        ),
        ({"images": [IMAGE]}, "expected COCO's keys, .* got images"),
        ({"images": [SENTENCES, {"filename": "b.jpg"}]}, r"images\[1\] has no 'split'"),
        (
            {"images": [SENTENCES | {"sentences": [{"raw": "A dog."}, {"tokens": []}]}]},
            r"images\[0\].sentences\[1\] has no 'raw'",
        ),
    ],
)
def test_keys_that_are_missing_are_named(tmp_path: Path, content: object, problem: str) -> None:
    (tmp_path / "x.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=problem):
        coco.rows(tmp_path / "x.json")


@pytest.mark.parametrize("told", ["Train", "VAL", "Validation", "Test"])
def test_splits_may_have_capitals(folder: Path, told: str) -> None:
    (folder / "x.csv").write_text(f"image,caption,split\na.jpg,A dog,{told}\n")
    split = told.lower().replace("idation", "")
    assert list(read(config(folder), SPLITS).of(split, "en")) == ["a.jpg"]


def test_a_split_that_is_none_is_told_as_written(folder: Path) -> None:
    (folder / "x.csv").write_text("image,caption,split\na.jpg,A dog,Trian\n")
    with pytest.raises(UserError, match=r"unknown split 'Trian'\. Did you mean 'train'"):
        read(config(folder), SPLITS)


def test_a_name_in_other_letters_is_the_nearest(folder: Path) -> None:
    (folder / "a.jpg").rename(folder / "cat.jpg")
    (folder / "x.csv").write_text("image,caption\nCAT.JPG,A cat\n")
    with pytest.raises(UserError, match=r"such as 'CAT\.JPG'\. Did you mean 'cat\.jpg'\?"):
        read(config(folder), SPLITS)
    with pytest.raises(UserError, match=r"Did you mean '.*x\.csv'\?"):
        read(config(folder / "X.CSV"), SPLITS)


def test_only_the_splits_asked_for(folder: Path) -> None:
    corpus = read(config(*csv_file(folder)), ("val",))
    assert list(corpus.pictures) == ["b.jpg"]
    with pytest.raises(UserError, match=r"x\.csv has no picture for train with a caption in 'en'"):
        corpus.of("train", "en")


def test_a_split_by_hash_is_of_the_picture_and_lasts(folder: Path) -> None:
    names = [f"{n}.jpg" for n in range(300)]
    for name in names:
        (folder / name).write_bytes(b"")
    rows = [f"{name},A dog {i}." for i in range(2) for name in names]
    (folder / "x.csv").write_text("\n".join(["image,caption", *rows]))
    corpus = read(config(folder / "x.csv"), SPLITS)
    parts = {split: set(corpus.of(split, "en")) for split in SPLITS}
    assert set.union(*parts.values()) == set(names)
    assert sum(map(len, parts.values())) == len(names)
    assert all(len(texts) == 2 for split in SPLITS for texts in corpus.of(split, "en").values())
    assert 15 < len(parts["val"]) < 45 and 15 < len(parts["test"]) < 45
    (folder / "x.csv").write_text("\n".join(["image,caption", *reversed(rows[50:])]))
    again = read(config(folder / "x.csv"), SPLITS)
    assert {split: set(again.of(split, "en")) for split in SPLITS} == parts


def test_a_name_with_its_folder_is_that_picture(folder: Path) -> None:
    (folder / "more").mkdir()
    Image.new("RGB", (16, 16), "white").save(folder / "more" / "a.jpg")
    (folder / "x.csv").write_text("image,caption\nmore/a.jpg,White.\na.jpg,Black.\n")
    corpus = read(config(folder / "x.csv"), SPLITS)
    seen = {name: picture.open().getpixel((3, 3)) for name, picture in corpus.pictures.items()}
    assert seen == {"more/a.jpg": (255, 255, 255), "a.jpg": (0, 0, 0)}


def test_of_two_with_one_name_neither_is_guessed(folder: Path) -> None:
    for place in ("one", "two"):
        (folder / place).mkdir()
        (folder / place / "a.jpg").write_bytes((folder / "a.jpg").read_bytes())
    (folder / "a.jpg").unlink()
    with pytest.raises(UserError, match=r"'a.jpg' is 2 times below .*: name its folder too"):
        read(config(*csv_file(folder)), SPLITS)


@pytest.mark.parametrize(
    ("languages", "problem"),
    [((), "name at least one"), (("en, de",), "'en, de' is no name"), (("fr",), "Flickr8k has no")],
)
def test_languages_that_can_not_be(languages: tuple[str, ...], problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        DataConfig(languages=languages)
    if problem.startswith("Flickr8k"):
        DataConfig(languages=languages, captions=("mine.csv",))


@pytest.mark.parametrize("other", [{}, {"captions": ("mine.csv",), "languages": ("zh",)}])
def test_translations_are_of_flickr8k_s_chinese(other: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(UserError, match="chinese: it is of Flickr8k's Chinese"):
        DataConfig(chinese="model", **other)  # type: ignore[arg-type]


def test_a_quote_that_nothing_ends_swallows_no_row(folder: Path) -> None:
    rows = ["image\tcaption", 'a.jpg\t"a sign', 'b.jpg\t5" of snow', "c.jpg\tA dog ."]
    (folder / "x.tsv").write_text("\n".join(rows))
    with pytest.raises(UserError, match=r"x.tsv, line 3: .* quotes within it are doubled"):
        table(folder / "x.tsv")


def test_captions_in_another_language_are_counted(folder: Path, capsys) -> None:
    told = zip(NAMES * 2, ["en", "EN", "En", "de", "", "en"], strict=True)
    lines = ["image,caption,split,language"]
    lines += [f"{name},A dog,{TOLD[name]},{language}" for name, language in told]
    (folder / "x.csv").write_text("\n".join(lines))
    corpus = read(config(folder / "x.csv"), SPLITS)
    assert sum(len(texts) for split in SPLITS for texts in corpus.of(split, "en").values()) == 4
    assert "2 of 6 captions are left out, as they are in de, no language" in capsys.readouterr().err


def test_a_picture_may_be_spelled_in_several_ways(folder: Path) -> None:
    """One file is one picture, in one split; letters with accents are what they look like."""
    composed, apart = "caf\u00e9.jpg", "cafe\u0301.jpg"
    (folder / "a.jpg").rename(folder / composed)
    lines = ["image,caption", f"{apart},1", f"./{composed},2", f"elsewhere/{composed},3", "b.jpg,4"]
    (folder / "x.csv").write_text("\n".join(lines))
    corpus = read(config(folder / "x.csv"), SPLITS)
    found = {image: texts for of in corpus.captions.values() for image, texts in of.items()}
    assert found == {apart: ["1", "2", "3"], "b.jpg": ["4"]}


def test_a_line_ends_where_it_ends(folder: Path) -> None:
    """Not at the separators within a caption; an empty line is none."""
    text = "A dog\u2028runs\x85here"
    row = json.dumps({"image": "a.jpg", "caption": text}, ensure_ascii=False)
    (folder / "x.jsonl").write_text(f"{row}\n")
    assert [row.text for row in rows.json_lines(folder / "x.jsonl")] == [text]
    (folder / "x.token").write_text(f"a.jpg#0\t{text}\n\nb.jpg#0\tA cat\n\n")
    assert [row.text for row in rows.tokens(folder / "x.token")] == [text, "A cat"]


def test_a_split_may_be_told_once_for_a_picture(folder: Path) -> None:
    lines = [f"{name},one,{split}\n{name},another," for name, split in TOLD.items()]
    (folder / "x.csv").write_text("\n".join(["image,caption,split", *lines]))
    corpus = read(config(folder), SPLITS)
    assert {name: split for split in SPLITS for name in corpus.of(split, "en")} == TOLD
    assert all(len(corpus.of(split, "en")[name]) == 2 for name, split in TOLD.items())


def test_a_text_with_a_header_is_a_table_too(folder: Path) -> None:
    """As Flickr8k's captions.txt is in circulation, beside a folder of pictures."""
    (folder / "captions.txt").write_text("image,caption\na.jpg,A dog.\n")
    assert [row.text for row in rows.table(folder / "captions.txt")] == ["A dog."]
    assert read(config(folder), SPLITS).pictures.keys() == {"a.jpg"}


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("x.csv", "image,caption,caption\na.jpg,one,two", "the column caption comes twice"),
        ("x.jsonl", '{"image": "a.jpg", "caption": ["a", "b"]}', "caption must be text, got "),
        ("x.jsonl", '{"image": 123, "caption": "a"}', "image must be text, got 123"),
        ("x.csv", f"image,caption\n{'a dog ' * 60},a.jpg", "names 1 of 1 pictures that aren't"),
    ],
)
def test_a_row_that_cannot_be_is_told(folder: Path, name: str, text: str, problem: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(UserError, match=problem):
        read(config(folder / name), SPLITS)


def test_halves_of_characters_are_left_out(folder: Path) -> None:
    (folder / "x.jsonl").write_text('{"image": "a.jpg", "caption": "A dog \\ud83d runs."}')
    assert [row.text for row in rows.json_lines(folder / "x.jsonl")] == ["A dog  runs."]


def test_captions_are_of_the_pictures_beside_them(tmp_path: Path) -> None:
    for place, colour in (("d1", 50), ("d2", 200)):
        (tmp_path / place).mkdir()
        Image.new("RGB", (16, 20), (colour, 0, 0)).save(tmp_path / place / "1.jpg")
        (tmp_path / place / "x.csv").write_text(f"image,caption,split\n1.jpg,Of {place},train\n")
    corpus = read(config(tmp_path / "d1", tmp_path / "d2"), ("train",))
    told = {texts[0]: corpus.pictures[image] for image, texts in corpus.of("train", "en").items()}
    reds = {text: picture.open().getpixel((5, 5))[0] for text, picture in told.items()}
    assert {text: round(red, -1) for text, red in reds.items()} == {"Of d1": 50, "Of d2": 200}


def test_a_picture_in_another_folder_than_told_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "\n".join(f"z/{name},A dog,{TOLD[name]}" for name in NAMES)
    (folder / "x.csv").write_text(f"image,caption,split\n{rows}\n")
    read(config(folder), SPLITS)
    told = f"3 of 3 pictures are found by name alone, such as 'z/a.jpg' at {folder / 'a.jpg'}"
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "language", "written"),
    [
        ("ein Hund", "de", "Ein Hund."),
        ("ein Hund!", "de", "Ein Hund!"),
        ("一只狗！", "zh", "一只狗！"),
        ("犬が走る", "ja", "犬が走る。"),
        ("कुत्ता है।", "hi", "कुत्ता है।"),
    ],
)
def test_a_caption_has_one_end(text: str, language: str, written: str) -> None:
    assert present(text, language) == written
