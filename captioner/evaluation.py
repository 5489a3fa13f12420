"""Caption quality on Flickr8k, from pictures to COCO metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from attention_core.errors import UserError, nearest
from captioner import flickr8k
from captioner.metrics import coco_metrics
from captioner.predictor import Captioner

SPLITS = ("val", "test")
BATCH = 16


def evaluate(checkpoint: Path, split: str, data: Path, beam: int | None) -> dict[str, Any]:
    """COCO caption metrics for each of the checkpoint's languages, in points.

    Raises UserError for an unknown split or missing data.
    """
    if split not in SPLITS:
        raise UserError(f"unknown split {split!r}.{nearest(split, SPLITS)}")
    captioner = Captioner.load(checkpoint)
    root = data / "flickr8k"
    pictures = list(flickr8k.pictures(root, (split,)))
    report: dict[str, Any] = {}
    for language in captioner.languages:
        references: dict[str, list[str]] = {}
        for line in flickr8k.captions(root, language):
            if line.split == split:
                references.setdefault(line.image, []).append(line.text)
        found: dict[str, str] = {}
        described = [(name, image) for name, image in pictures if name in references]
        chunks = [described[i : i + BATCH] for i in range(0, len(described), BATCH)]
        for chunk in track(chunks, f"Captions ({language})", console=Console(stderr=True)):
            captions = captioner.caption(
                [image for _, image in chunk], language=language, beam=beam
            )
            found |= {name: c.text for (name, _), c in zip(chunk, captions, strict=True)}
        metrics = coco_metrics({name: references[name] for name in found}, found)
        report[f"flickr8k {split} {language}"] = {
            **{name: round(value, 2) for name, value in metrics.items()},
            "pictures": len(found),
        }
    return report
