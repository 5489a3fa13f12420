"""Our captioner that ships, end to end: files of pictures in, captions out; exact, or "fast"."""

import sys
from functools import partial
from importlib.metadata import version

import torch

from captioner.features import features_of
from captioner.images import open_picture
from captioner.predictor import Captioner
from scripts.benchmarking import work
from scripts.benchmarking.protocol import serve

FILES = sorted(work.EXAMPLES.glob("*.jpg"))


def captions(model: Captioner, count: int) -> None:
    pictures = [open_picture(FILES[i % len(FILES)]) for i in range(count)]
    assert all(found.text for found in model.caption(pictures, beam=work.WIDTH))


def encoded(model: Captioner, pictures: torch.Tensor) -> None:
    with torch.inference_mode():
        model.model.remember(features_of(model.backbone, pictures))


def main(kind: str = "exact") -> None:
    model = Captioner.load().prepared(fast=kind == "fast")
    pictures = model.tensors([open_picture(FILES[i % len(FILES)]) for i in range(work.PICTURES)])
    backbone = model.model.encoder.backbone.name
    serve(
        "attention-core, shipped" + (", fast" if kind == "fast" else ""),
        version("attention-core"),
        {
            "caption": partial(captions, model, work.PICTURES),
            "caption_single": partial(captions, model, 1),
            "encode": partial(encoded, model, pictures),
        },
        network=backbone,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
