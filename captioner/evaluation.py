"""Caption quality on the data of a recipe, from pictures to COCO metrics."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from attention_core.checkpoint import read as read_checkpoint
from attention_core.errors import UserError, nearest
from attention_core.recipe import from_dict
from captioner.data import read
from captioner.learner import CaptionRecipe
from captioner.metrics import coco_metrics
from captioner.predictor import Captioner

SPLITS = ("val", "test")
BATCH = 16


def evaluate(checkpoint: Path, split: str, data: Path, beam: int | None) -> dict[str, Any]:
    """COCO caption metrics for each of the checkpoint's languages, in points.

    ``data`` is where Flickr8k is; a model of one's own pictures is measured on those that its
    recipe names.

    Raises UserError for an unknown split or missing data.
    """
    if split not in SPLITS:
        raise UserError(f"unknown split {split!r}.{nearest(split, SPLITS)}")
    captioner = Captioner.load(checkpoint)
    recipe = from_dict(CaptionRecipe, read_checkpoint(checkpoint).config)
    corpus = read(replace(recipe.data, root=str(data)), (split,))
    report: dict[str, Any] = {}
    for language in captioner.languages:
        references = corpus.of(split, language)
        found: dict[str, str] = {}
        starts = range(0, len(references), BATCH)
        for start in track(starts, f"Captions ({language})", console=Console(stderr=True)):
            images = list(references)[start : start + BATCH]
            captions = captioner.caption(
                [corpus.pictures[image].open() for image in images], language=language, beam=beam
            )
            found |= {image: c.text for image, c in zip(images, captions, strict=True)}
        metrics = coco_metrics(references, found)
        report[f"{corpus.name} {split} {language}"] = {
            **{name: round(value, 2) for name, value in metrics.items()},
            "pictures": len(found),
        }
    return report
