"""COCO captions: the official annotation files, and Karpathy's split files."""

import contextlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from attention_core.errors import UserError
from captioner.rows import Row, read_text

SPLITS = {"restval": "train"}  # Karpathy's name for the rest of COCO's own validation pictures


def rows(path: Path) -> list[Row]:
    """The captions of a JSON file, of one of two kinds.

    - Chen et al. 2015, https://cocodataset.org: captions_train2014.json, captions_val2017.json …;
      the split is told by the file's name.
    - Karpathy and Fei-Fei 2015: dataset_coco.json, dataset_flickr8k.json, dataset_flickr30k.json.

    Raises:
        UserError: it can't be read, is neither, an id comes twice, or a picture has no caption.
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

    for kind in ("images", "annotations"):
        _once((each["id"] for each in content[kind]), f"{path}: the id", f"of {kind}")
    _once((each["file_name"] for each in content["images"]), f"{path}: the picture", "of images")
    coco = COCO()
    coco.dataset = content
    with contextlib.redirect_stdout(io.StringIO()):  # which it tells what it does
        coco.createIndex()
    for annotation in content["annotations"]:
        if annotation["image_id"] not in coco.imgs:
            raise UserError(
                f"{path}: the caption {annotation['id']} is of the picture"
                f" {annotation['image_id']}, which isn't among its images"
            )
    captions = {
        image["file_name"]: [each["caption"] for each in coco.imgToAnns[id]]
        for id, image in coco.imgs.items()
    }
    told = re.search("train|val|test", path.stem)
    return _described(path, captions, dict.fromkeys(captions, told and told[0]))


def _karpathy(path: Path, images: list[dict[str, Any]]) -> list[Row]:
    names = [str(Path(image.get("filepath", ""), image["filename"])) for image in images]
    _once(names, f"{path}: the picture", "of images")
    captions = {
        name: [sentence["raw"] for sentence in image["sentences"]]
        for name, image in zip(names, images, strict=True)
    }
    splits = {name: image["split"] for name, image in zip(names, images, strict=True)}
    return _described(path, captions, {n: SPLITS.get(split, split) for n, split in splits.items()})


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
