"""The data of a recipe: Flickr8k, or captions and pictures of one's own in any known format."""

import hashlib
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from attention_core.errors import UserError, nearest
from captioner import coco, flickr8k, rows
from captioner.corpus import SPLITS, Captions, Corpus, Picture
from captioner.rows import Row

ALIASES = {"dev": "val", "valid": "val", "validation": "val"}
CAPTIONS = (".csv", ".tsv", ".json", ".jsonl", ".token")
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Flickr8k under ``root``, or the files ``captions``; and where picture features are cached.

    ``captions`` are files of one format each, or one folder that holds such a file: CSV, JSON
    lines, COCO or Karpathy JSON, Flickr token files. Their pictures are in the folder ``pictures``
    or below it; None is where the first of the files is.

    Raises UserError for a language without a proper name, or translations of one's own.
    """

    root: str = "data"
    captions: tuple[str, ...] = ()
    pictures: str | None = None
    texts: tuple[str, ...] = ()  # captions without pictures, as ``texts.read`` takes them
    texts_drawn: int = field(default=15_000, metadata={"min": 1})  # a language and epoch
    cache: str = "runs/features"
    languages: tuple[str, ...] = ("en",)
    chinese: flickr8k.Origin = "native"  # Flickr8k's: or its English translated, by whom
    vocabulary: int = field(default=3000, metadata={"min": 300})

    def __post_init__(self) -> None:
        if not self.languages:
            raise UserError("languages: name at least one")
        if self.chinese != "native" and (self.captions or "zh" not in self.languages):
            raise UserError("chinese: it is of Flickr8k's Chinese captions: leave it out")
        for language in self.languages:
            if not re.fullmatch(r"[\w-]+", language):
                raise UserError(f"languages: {language!r} is no name, such as 'en'")
            if not self.captions and language not in flickr8k.LANGUAGES:
                raise UserError(
                    f"languages: Flickr8k has no captions in {language!r}."
                    f"{nearest(language, flickr8k.LANGUAGES)}"
                )


def read(config: DataConfig, splits: Sequence[str]) -> Corpus:
    """The pictures of some of the splits train, val and test, with their captions.

    Where the captions tell no split, one picture in ten is for val and one for test, chosen by a
    hash of its name: always the same ones, with all of their captions.

    Raises:
        UserError: files are missing, damaged or of no known format; they name pictures that aren't
            there; an id comes twice; a picture is in two splits; no caption is in a language.
    """
    if not config.captions:
        return flickr8k.read(
            Path(config.root) / "flickr8k",
            config.languages,
            splits,
            chinese=config.chinese,
        )
    files = [_caption_file(Path(name)) for name in config.captions]
    name = " and ".join(map(str, files))
    found, places = _found(files, Path(config.pictures) if config.pictures else None)
    by_image = _splits(name, found)
    captions: dict[tuple[str, str], Captions] = {}
    for row, language in _languages(name, found, config.languages):
        if (split := by_image[row.image]) in splits:
            captions.setdefault((split, language), {}).setdefault(row.image, []).append(row.text)
    described = dict.fromkeys(image for of_split in captions.values() for image in of_split)
    return Corpus(name, {image: Picture.file(places[image]) for image in described}, captions)


def _found(files: Sequence[Path], pictures: Path | None) -> tuple[list[Row], dict[str, Path]]:
    """The rows of all files, each picture by one name, and where the pictures are: in the folder
    told, or beside each file, or beside the first one where a file has none beside it."""
    below: dict[Path, list[tuple[Path, list[Row]]]] = {}
    for file in files:
        folder = pictures or (file.parent if _files(file.parent) else files[0].parent)
        below.setdefault(folder, []).append((file, list(_rows(file))))
    found: list[Row] = []
    places: dict[str, Path] = {}
    spelled: dict[Path, str] = {}  # the name of each file
    for folder, group in below.items():
        name = " and ".join(str(file) for file, _ in group)
        rows = [row for _, each in group for row in each]
        here = _pictures(name, folder, [row.image for row in rows])
        for row in rows:
            place = here[row.image]
            if place not in spelled:
                spelled[place] = str(place) if row.image in places else row.image
                places[spelled[place]] = place
            found.append(row._replace(image=spelled[place]))
    return found, places


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.suffix.lower() in PICTURES]


def _caption_file(path: Path) -> Path:
    """The file itself, or the only one in a folder that may hold captions."""
    if path.is_file():
        return path
    if not path.is_dir():
        near = [other.name for other in path.parent.glob("*")] if path.parent.is_dir() else []
        close = _closest(path.name, near)
        guess = f" Did you mean '{path.with_name(close)}'?" if close else ""
        raise UserError(f"There are no captions at {path}.{guess}")
    found = sorted(filter(_has_captions, path.iterdir()))
    if len(found) != 1:
        names = ", ".join(file.name for file in found)
        raise UserError(
            f"{path} has {len(found)} files of captions ({', '.join(CAPTIONS)}, Flickr8k's .txt), "
            f"and should have one: {'name it in data.captions: ' + names if found else 'add it'}"
        )
    return found[0]


def _has_captions(file: Path) -> bool:
    """Whether that is so by a file's ending, or by the first line of a text."""
    if file.suffix.lower() != ".txt":
        return file.suffix.lower() in CAPTIONS
    try:  # Flickr8k.lemma.token.txt has the same captions once more, in base forms
        return ".lemma." not in file.name and (rows.is_tokens(file) or rows.is_table(file))
    except UserError:  # a text of something else may be empty, or in any encoding
        return False


def _rows(path: Path) -> list[Row]:
    """The captions of a file, whose format is told by its ending and its first line."""
    match path.suffix.lower():
        case ".json":
            return coco.rows(path)
        case ".jsonl":
            return rows.json_lines(path)
        case _:
            return rows.tokens(path) if rows.is_tokens(path) else rows.table(path)


def _pictures(name: str, folder: Path, images: Sequence[str]) -> dict[str, Path]:
    """The files of the pictures named, by their place in the folder or their name alone."""
    files = _files(folder)
    by_name = {_composed(path.name): path for path in files}  # of one Unicode form
    several = Counter(_composed(path.name) for path in files)
    found, missing = {}, []
    elsewhere: list[str] = []  # than they are named to be
    for image in dict.fromkeys(images):
        alone = _composed(Path(image).name)
        if _is_file(folder / image):
            found[image] = folder / image
        elif several[alone] > 1:
            raise UserError(
                f"{name}: {image!r} is {several[alone]} times below {folder}: name its folder too"
            )
        elif alone in by_name:
            found[image] = by_name[alone]
            named = _composed(Path(image).as_posix())
            if not f"/{_composed(by_name[alone].as_posix())}".endswith(f"/{named}"):
                elsewhere.append(image)
        else:
            missing.append(image)
    if missing:
        close = _closest(_composed(Path(missing[0]).name), by_name)
        guess = f" Did you mean {close!r}?" if close else ""
        raise UserError(
            f"{name} names {len(missing)} of {len(found) + len(missing)} pictures that aren't in "
            f"{folder}, such as {missing[0]!r}.{guess}"
        )
    if elsewhere:
        first = elsewhere[0]
        print(
            f"{name}: {len(elsewhere)} of {len(found)} pictures are found by name alone, such as"
            f" {first!r} at {found[first]}",
            file=sys.stderr,
        )
    if extra := {*map(str, files)} - {*map(str, found.values())}:
        print(
            f"{folder}: {len(extra)} of {len(files)} pictures have no caption and are left out, "
            f"such as {min(extra)}",
            file=sys.stderr,
        )
    return found


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a caption in the place of a name may be too long for one
        return False


def _composed(name: str) -> str:
    """The name with its accents on their letters, wherever the file was named."""
    return unicodedata.normalize("NFC", name)


def _closest(name: str, others: Iterable[str]) -> str | None:
    """The name most like another, small letters and capitals being the same."""
    by_folded = {other.casefold(): other for other in others}
    close = get_close_matches(name.casefold(), by_folded, n=1)
    return by_folded[close[0]] if close else None


def _splits(name: str, found: Sequence[Row]) -> dict[str, str]:
    """The split of each picture, as it is told, or by hash."""
    splits: dict[str, str] = {}
    for row in found:
        told = (row.split or "").lower()
        split = ALIASES.get(told, told)
        if not split:
            continue
        if split not in SPLITS:
            raise UserError(f"{name}: unknown split {row.split!r}.{nearest(split, SPLITS)}")
        if splits.setdefault(row.image, split) != split:
            raise UserError(
                f"{name}: {row.image} is in {splits[row.image]} and in {split}: a picture has one "
                "split"
            )
    return {row.image: splits.get(row.image) or _by_hash(row.image) for row in found}


def _by_hash(image: str) -> str:
    tenth = hashlib.sha256(image.encode()).digest()[0] * 10 // 256
    return {0: "val", 1: "test"}.get(tenth, "train")


def _languages(name: str, found: Sequence[Row], languages: Sequence[str]) -> list[tuple[Row, str]]:
    """The rows in some languages, each with its own; says how many are left out."""
    asked = {language.lower(): language for language in languages}  # EN is en
    found = [
        row._replace(language=asked.get((row.language or "").lower(), row.language))
        for row in found
    ]
    told = {row.language for row in found if row.language}
    if not told:
        if len(languages) > 1:
            raise UserError(
                f"{name}: the captions don't tell their language: name one in data.languages, "
                "or add a column language"
            )
        return [(row, languages[0]) for row in found]
    for language in languages:
        if language not in told:
            raise UserError(f"{name}: no caption is in {language!r}.{nearest(language, told)}")
    taken = [(row, row.language) for row in found if row.language in languages and row.language]
    if len(taken) < len(found):
        others = sorted(told.difference(languages))
        others += ["no language"] if any(row.language is None for row in found) else []
        print(
            f"{name}: {len(found) - len(taken)} of {len(found)} captions are left out, as they are"
            f" in {', '.join(others)}",
            file=sys.stderr,
        )
    return taken
