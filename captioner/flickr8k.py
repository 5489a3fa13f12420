"""Flickr8k: 8,091 pictures, each described five times, in the standard 6000/1000/1000 split.

English captions: Hodosh, Young and Hockenmaier (2013). Chinese: Flickr8k-CN, Li et al. (2016).
German: the independent descriptions of Multi30k, Elliott et al. (2016).

Translations of the English captions into Chinese, by two machines and, of the test captions, by
people: also Li et al. (2016), in the folder `flickr8kcn` beside this one. Those by a large language
model come along (`attention_core.translation.translated`).

The folder holds `captions.{en,zh,de}.tsv.gz` (picture, split, index, text) and the pictures in
tar shards `images-{train-0,train-1,val,test,extra}.tar`.
"""

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal

from attention_core.errors import UserError, nearest
from attention_core.tokenizer import clean
from attention_core.translation.translated import lookup
from captioner.corpus import Captions, Corpus, Picture, archived

SOURCE = "http://nlp.cs.illinois.edu/HockenmaierGroup/8k-pictures.html"
LANGUAGES = ("en", "zh", "de")
Origin = Literal["native", "machines", "model"]
MACHINES = ("flickr8kzhb", "flickr8kzhg")
SHARDS = {
    "train": ("images-train-0.tar", "images-train-1.tar"),
    "val": ("images-val.tar",),
    "test": ("images-test.tar",),
    "extra": ("images-extra.tar",),
}


@dataclass(frozen=True, slots=True)
class Caption:
    """One description of one picture."""

    image: str
    split: str
    index: int
    text: str


def read(
    root: Path,
    languages: Sequence[str],
    splits: Sequence[str],
    *,
    chinese: Origin = "native",
) -> Corpus:
    """The pictures of some splits, with their captions in some languages.

    The Chinese ones of train and val are native, or the English ones translated: by two machines,
    or by a large language model.

    Raises:
        UserError: as for `captions`, `machine_translations` and `pictures`.
    """
    found: dict[tuple[str, str], Captions] = {}
    for language in languages:
        for line in captions(root, language):
            if line.split in splits:
                of_split = found.setdefault((line.split, language), {})
                of_split.setdefault(line.image, []).append(line.text)
    if chinese != "native" and "zh" in languages:
        if chinese == "machines":
            translations = machine_translations(Path(root).with_name("flickr8kcn"))
        else:
            translations = model_translations(root)
        for split in {"train", "val"}.intersection(splits):
            native = found.get((split, "zh"), {})
            found[split, "zh"] = {
                image: translations[image] for image in native if image in translations
            }
    return Corpus("flickr8k", pictures(root, splits), found)


def captions(root: Path, language: str) -> list[Caption]:
    """Every caption in a language, as written, in the order of the file.

    Raises:
        UserError: no captions in this language, or its file is missing or damaged.
    """
    if language not in LANGUAGES:
        raise UserError(f"Flickr8k has no captions in {language!r}.{nearest(language, LANGUAGES)}")
    path = _existing(root, f"captions.{language}.tsv.gz")
    try:
        lines = gzip.decompress(path.read_bytes()).decode().splitlines()
        rows = [line.split("\t", 3) for line in lines]
        return [Caption(image, split, int(index), text) for image, split, index, text in rows]
    except (OSError, EOFError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}): fetch it again.") from None


def human_translated(root: Path) -> Captions:
    """The Chinese of the test pictures' English captions, by human translators.

    ``root`` is the folder of Flickr8k-CN. Empty where its file isn't there.

    Raises:
        UserError: the file is damaged.
    """
    path = Path(root) / "flickr8kzhmtest.captions.txt.gz"
    return _by_picture(path) if path.exists() else {}


def machine_translations(root: Path) -> Captions:
    """The Chinese of the English captions by two machines, those of one after the other's.

    ``root`` is the folder of Flickr8k-CN.

    Raises:
        UserError: a file is missing or damaged.
    """
    found: Captions = {}
    for name in MACHINES:
        for image, texts in _by_picture(_existing(root, f"{name}.caption.txt.gz")).items():
            found.setdefault(image, []).extend(texts)
    return found


def model_translations(root: Path) -> Captions:
    """The Chinese of the English captions of train and val by a large language model.

    Raises:
        UserError: as for `captions`.
    """
    find = lookup("zh")
    found: Captions = {}
    for caption in captions(root, "en"):
        if caption.split in ("train", "val") and (text := find(clean(caption.text))):
            found.setdefault(caption.image, []).append(text)
    return found


def _by_picture(path: Path) -> Captions:
    """The captions of a file of Flickr8k-CN: picture, kind and number, a space, the text."""
    found: Captions = {}
    try:
        for line in gzip.decompress(path.read_bytes()).decode().splitlines():
            key, text = line.split(" ", 1)
            found.setdefault(PurePath(key.partition("#")[0]).stem, []).append(text)
    except (OSError, EOFError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}): fetch it again.") from None
    return found


def pictures(root: Path, splits: Sequence[str]) -> dict[str, Picture]:
    """The pictures of some splits (train, val, test, extra) by id, always in the same order.

    A picture's id is its file's stem.

    Raises:
        UserError: an unknown split, or a missing or damaged shard.
    """
    for split in splits:
        if split not in SHARDS:
            raise UserError(f"Flickr8k has no split {split!r}.{nearest(split, SHARDS)}")
    shards = [_existing(root, name) for split in splits for name in SHARDS[split]]
    return {picture.stamp: picture for shard in shards for picture in archived(shard)}


def _existing(root: Path, name: str) -> Path:
    path = Path(root) / name
    if not path.is_file():
        raise UserError(
            f"{path} is missing: Flickr8k comes from {SOURCE} "
            "(the files expected here are listed in captioner/flickr8k.py)."
        )
    return path
