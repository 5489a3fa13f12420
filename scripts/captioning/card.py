"""What the card of a captioner tells of its failures: python -m scripts.captioning.card CHECKPOINT

Puts the twelve worst captions of the validation pictures at the end of the card, and how far its
confidence can be trusted on test pictures and on pictures elsewhere, which it wasn't fitted on.
Draws the twelve in one sheet, docs/images/failures.jpg.
"""

import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from attention_core import UserError, checkpoint
from attention_core.recipe import from_dict
from captioner import elsewhere
from captioner.calibration import Measured, measured
from captioner.caption import DOUBTFUL
from captioner.corpus import Corpus
from captioner.data import read
from captioner.features import build
from captioner.labels import labels
from captioner.learner import CaptionRecipe
from captioner.predictor import Captioner
from scripts.calibration import bins, ranks
from scripts.tables import table

SHEET = Path("docs/images/failures.jpg")
WORST = 12
SIDE = 160  # pixels of a picture on the sheet
DATA = Path("data")
HEADING = "## Where it fails"


def write_failures(place: Path) -> None:
    """Puts both tables at the end of the card of a checkpoint, and draws the sheet."""
    captioner = Captioner.load(place)
    if captioner.confidence is None:
        raise UserError("this captioner has no confidence to be judged")
    recipe = from_dict(CaptionRecipe, checkpoint.read(place).config)
    cache = Path(recipe.data.cache)
    corpus = read(recipe.data, ("val", "test"))
    language = captioner.languages[0]
    failures = worst(judged(captioner, corpus, "val", language, cache))
    rows = []
    for each in captioner.languages:
        tests = {"test": corpus, elsewhere.SPLIT: elsewhere.read(DATA / "coco", each)}
        for split, of_split in tests.items():
            if of_split is not None:
                found = judged(captioner, of_split, split, each, cache)
                rows.append([f"{of_split.name} {split} {each}", *agreement(captioner, found)])
    header = ["pictures", "expected", "measured", "error", "correlation"]
    header += ["doubted", "measured if doubted", "measured if not"]
    draw([corpus.pictures[each.image].open() for each in failures])
    card = place / checkpoint.CARD
    lines = [
        card.read_text("utf-8").partition(HEADING)[0].rstrip(),
        f"\n{HEADING}\n",
        "The twelve validation pictures of the least CIDEr-D, those said most surely first,",
        f"[drawn]({os.path.relpath(SHEET, place)}) in the same order. Written by",
        "`python -m scripts.captioning.card`.\n",
        told(failures, corpus, language),
        "How sure it is, expected and measured quality being CIDEr-D of which 100 points are 1:\n",
        table(["", *header], rows),
    ]
    card.write_text("\n".join(lines), "utf-8")
    print(card)


def judged(
    captioner: Captioner, corpus: Corpus, split: str, language: str, cache: Path
) -> list[Measured]:
    """Every picture of a split with its caption and how good that is."""
    counts = captioner.confidence.named if captioner.confidence else [0] * len(labels())
    references = corpus.of(split, language)
    stamps = {image: corpus.pictures[image].stamp for image in references}
    pictures = [corpus.pictures[image] for image in references]
    features = build(cache, captioner.backbone, captioner.size, pictures)

    def sources(images: Sequence[str]) -> Tensor:
        return features[[stamps[image] for image in images]]

    return measured(captioner, sources, references, language, counts)


def worst(found: Sequence[Measured]) -> list[Measured]:
    """The least in CIDEr-D; of equal ones those of the highest probability, said most surely."""
    return sorted(found, key=lambda each: (each.quality, -each.given[0]))[:WORST]


def told(failures: Sequence[Measured], corpus: Corpus, language: str) -> str:
    """A table of what was said, and what people say."""
    references = corpus.of("val", language)
    rows = [[each.image, each.text, references[each.image][0]] for each in failures]
    return table(["picture", "what it says", "what a person says"], rows)


def agreement(captioner: Captioner, found: Sequence[Measured]) -> list[str]:
    """How expected and measured quality agree, as ``scripts/calibrate`` has it of translations."""
    confidence = captioner.confidence
    assert confidence is not None
    e = np.array([confidence.of(each.given, each.language) for each in found])
    q = np.array([each.quality for each in found])
    doubted = e < DOUBTFUL
    with np.errstate(invalid="ignore"):  # there is none with what is always the same
        correlation = np.corrcoef(ranks(e), ranks(q))[0, 1]
    figures = [
        e.mean(),
        q.mean(),
        sum(n * abs(x - y) for x, y, n in bins(e, q)) / len(e),
        correlation,
        doubted.mean(),
        q[doubted].mean() if doubted.any() else math.nan,
        q[~doubted].mean() if (~doubted).any() else math.nan,
    ]
    return [str(len(e)), *(f"{figure:.3f}" for figure in figures)]


def draw(pictures: Sequence[Image.Image]) -> None:
    """The pictures in rows of four, in the order of the table."""
    sheet = Image.new("RGB", (4 * SIDE, math.ceil(len(pictures) / 4) * SIDE), "white")
    for number, picture in enumerate(pictures):
        row, column = divmod(number, 4)
        sheet.paste(picture.resize((SIDE, SIDE)), (column * SIDE, row * SIDE))
    SHEET.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(SHEET, quality=85)
    print(SHEET)


if __name__ == "__main__":
    try:
        write_failures(Path(sys.argv[1]))
    except UserError as error:
        sys.exit(f"error: {error}")
