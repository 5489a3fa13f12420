"""Pictures unlike Flickr8k's (food, rooms, streets, animals, screens), to be measured on alone.

Of COCO (Chen et al. 2015, https://cocodataset.org) and COCO-CN (Li et al. 2019). The folder holds
`images-dev-{en,zh}.tar` and `captions-dev.{en,zh}.tsv.gz` (picture, index, text).
"""

import gzip
from pathlib import Path

from attention_core.errors import UserError
from captioner.corpus import Captions, Corpus, archived

SPLIT = "dev"


def read(root: Path, language: str) -> Corpus | None:
    """The pictures with captions in a language, split `SPLIT`; None where there are none.

    Raises:
        UserError: a file is damaged.
    """
    path = Path(root) / f"captions-{SPLIT}.{language}.tsv.gz"
    if not path.exists():
        return None
    captions: Captions = {}
    try:
        for line in gzip.decompress(path.read_bytes()).decode().splitlines():
            image, _, text = line.split("\t", 2)
            captions.setdefault(image, []).append(text)
    except (OSError, EOFError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}): fetch it again.") from None
    pictures = {p.stamp: p for p in archived(Path(root) / f"images-{SPLIT}-{language}.tar")}
    return Corpus("coco", pictures, {(SPLIT, language): captions})
