"""Pictures unlike Flickr8k's (food, rooms, streets, animals, screens), to be measured on alone.

Of COCO (Chen et al. 2015, https://cocodataset.org) and COCO-CN (Li et al. 2019). The folder holds
`images-dev-{en,zh}.tar` and `captions-dev.{en,zh}.tsv.gz` (picture, index, text). German captions
of the English ones' pictures come along: a large language model translated these.
"""

import gzip
from pathlib import Path

from attention_core.errors import UserError
from captioner.corpus import Captions, Corpus, archived

SPLIT = "dev"
GERMAN = Path(__file__).parent / "recipes" / "coco-dev.de.tsv"


def read(root: Path, language: str) -> Corpus | None:
    """The pictures with captions in a language, split `SPLIT`; None where there are none.

    Raises:
        UserError: a file is damaged.
    """
    path = GERMAN if language == "de" else Path(root) / f"captions-{SPLIT}.{language}.tsv.gz"
    shard = Path(root) / f"images-{SPLIT}-{'en' if language == 'de' else language}.tar"
    if not (path.exists() and (shard.exists() or language != "de")):
        return None
    captions: Captions = {}
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        for line in content.decode().splitlines():
            image, _, text = line.split("\t", 2)
            captions.setdefault(image, []).append(text)
    except (OSError, EOFError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}): fetch it again.") from None
    pictures = {p.stamp: p for p in archived(shard)}
    return Corpus("coco", pictures, {(SPLIT, language): captions})
