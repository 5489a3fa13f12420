"""COCO captions: the official annotation files, and Karpathy's split files."""

import contextlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attention_core.errors import UserError
from captioner.rows import Row, read_text

ID, TEXT, LIST = "a number or text", "text", "a list"
KINDS: dict[str, type | tuple[type, ...]] = {ID: (int, float, str), TEXT: str, LIST: list}
OFFICIAL = {
    "images": {"id": ID, "file_name": TEXT},
    "annotations": {"id": ID, "image_id": ID, "caption": TEXT},
}
SPLITS = {"restval": "train"}  # Karpathy's name for the rest of COCO's own validation pictures


def rows(path: Path) -> list[Row]:
    """The captions of a JSON file, of one of two kinds.

    - Chen et al. 2015, https://cocodataset.org: captions_train2014.json, captions_val2017.json …;
      the split is told by a word of the file's name.
    - Karpathy and Fei-Fei 2015: dataset_coco.json, dataset_flickr8k.json, dataset_flickr30k.json.

    Raises:
        UserError: it can't be read, is neither, an entry lacks a key, an id comes twice, or a
            picture has no caption.
    """
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON ({error}): fetch it again") from None
    keys = content if isinstance(content, dict) else {}
    try:
        if "annotations" in keys:
            return _official(path, content)
        return _karpathy(path, content["images"])
    except (KeyError, TypeError, AttributeError):
        raise UserError(
            f"{path}: expected COCO's keys, images (id, file_name) and annotations (id, image_id,"
            " caption), or those of Karpathy's split files, images (filename, split, sentences:"
            f" raw), got {', '.join(map(str, keys))[:80] or type(content).__name__}"
        ) from None


def _official(path: Path, content: dict[str, Any]) -> list[Row]:
    from pycocotools.coco import COCO

    annotations = content["annotations"]
    if annotations and not any("caption" in each for each in annotations):
        raise UserError(
            f"{path} has no captions: none of its annotations has a 'caption', as in COCO's"
            " instances_*.json: name a captions_*.json"
        )
    for kind, keys in OFFICIAL.items():
        _check(content[kind], f"{path}: {kind}", keys)
        _once((each["id"] for each in content[kind]), f"{path}: the id", f"of {kind}")
    _once((each["file_name"] for each in content["images"]), f"{path}: the picture", "of images")
    coco = COCO()
    coco.dataset = {kind: content[kind] for kind in OFFICIAL}  # other keys would be read too
    with contextlib.redirect_stdout(io.StringIO()):  # which it tells what it does
        coco.createIndex()
    for annotation in annotations:
        if annotation["image_id"] not in coco.imgs:
            raise UserError(
                f"{path}: the caption {annotation['id']} is of the picture"
                f" {annotation['image_id']}, which isn't among its images"
            )
    captions = {
        image["file_name"]: [each["caption"] for each in coco.imgToAnns[id]]
        for id, image in coco.imgs.items()
    }
    return _described(path, captions, dict.fromkeys(captions, _told(path.stem)))


def _told(name: str) -> str | None:
    """The split that a word of a file's name tells, and not a part of one, as in "latest"."""
    told = re.search(r"(?<![a-z])(train|val|test)(?:ing|id|idation)?(?![a-z])", name, re.IGNORECASE)
    return told[1].lower() if told else None


def _karpathy(path: Path, images: list[dict[str, Any]]) -> list[Row]:
    if not any("filename" in image for image in images):
        raise KeyError("filename")  # as of a file of neither kind
    _check(images, f"{path}: images", {"filename": TEXT, "split": TEXT, "sentences": LIST})
    for number, image in enumerate(images):
        _check(image["sentences"], f"{path}: images[{number}].sentences", {"raw": TEXT})
    names = [str(Path(image.get("filepath", ""), image["filename"])) for image in images]
    _once(names, f"{path}: the picture", "of images")
    captions = {
        name: [sentence["raw"] for sentence in image["sentences"]]
        for name, image in zip(names, images, strict=True)
    }
    splits = {name: image["split"] for name, image in zip(names, images, strict=True)}
    return _described(path, captions, {n: SPLITS.get(split, split) for n, split in splits.items()})


def _check(entries: list[Any], place: str, keys: Mapping[str, str]) -> None:
    """Every entry has these keys, with a value of a kind for each."""
    for number, entry in enumerate(entries):
        for key, kind in keys.items():
            if key not in entry:
                raise UserError(f"{place}[{number}] has no {key!r}: add it or leave the entry out")
            if not isinstance(entry[key], KINDS[kind]):
                got = repr(entry[key])[:40]
                raise UserError(f"{place}[{number}]: {key!r} must be {kind}, got {got}")


def _described(
    path: Path, captions: dict[str, list[str]], splits: dict[str, str | None]
) -> list[Row]:
    bare = [name for name, texts in captions.items() if not any(map(str.strip, texts))]
    if bare:
        raise UserError(
            f"{path}: {len(bare)} of {len(captions)} pictures have no caption, such as {bare[0]}:"
            " caption them or leave them out"
        )
    return [
        Row(name, " ".join(text.split()), splits[name])
        for name, texts in captions.items()
        for text in texts
        if text.strip()
    ]


def _once(names: Iterable[Any], what: str, where: str) -> None:
    name, count = next(iter(Counter(names).most_common(1)), ("", 0))
    if count > 1:
        raise UserError(f"{what} {name} {where} comes {count} times: each must have its own")
