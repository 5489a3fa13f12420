"""The public Show, Attend and Tell code in PyTorch, from a checkout that the person names.

That is a folder with sgrvinod's ``models.py`` and ``caption.py``. It captions one picture at a
time, with ResNet-101 at 256 pixels, as published, here with random weights.
"""

import sys
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from captioner.vision import torchvision
from scripts.benchmarking import work
from scripts.benchmarking.peers.absent import absent
from scripts.benchmarking.protocol import serve

SIZE = 256  # pixels, in its code
FILES = sorted(work.EXAMPLES.glob("*.jpg"))


class Forced(nn.Module):
    """The layer that scores words, made to end at the length that is forced."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.layer, self.step = layer, 0

    def forward(self, hidden: Tensor) -> Tensor:
        scores: Tensor = self.layer(hidden)
        self.step += 1
        scores[:, work.END] = 1e9 if self.step == work.TARGET else -1e9
        self.step %= work.TARGET
        return scores


def adapted(checkout: Path) -> tuple[ModuleType, ModuleType]:
    """Its two modules, with what it takes for granted of older libraries."""
    vision = torchvision()
    built = vision.models.resnet101
    vision.models.resnet101 = lambda pretrained: built()
    absent("matplotlib", "matplotlib.pyplot", "matplotlib.cm", "skimage", "skimage.transform")
    sys.modules["scipy.misc"] = SimpleNamespace(  # type: ignore[assignment]
        imread=lambda path: np.asarray(Image.open(path)),
        imresize=lambda pixels, size: np.asarray(Image.fromarray(pixels).resize(size)),
    )
    divided = Tensor.__truediv__

    def integer_division(one: Tensor, other: Any) -> Tensor:
        return divided(one, other) if one.is_floating_point() else one // other

    Tensor.__truediv__ = integer_division  # type: ignore[method-assign]
    sys.path.insert(0, str(checkout))
    import caption
    import models

    return models, caption


def main(checkout: str) -> None:
    torch.manual_seed(0)
    models, caption = adapted(Path(checkout))
    encoder = models.Encoder().eval()
    decoder = models.DecoderWithAttention(work.HIDDEN, work.HIDDEN, work.HIDDEN, work.VOCABULARY)
    decoder.eval().fc = Forced(decoder.fc)
    words = {f"w{number}": number for number in range(work.FIRST, work.VOCABULARY)}
    words |= {"<start>": work.BEGIN, "<end>": work.END, "<pad>": work.PAD, "<unk>": 3}
    pictures = torch.randn(work.PICTURES, 3, SIZE, SIZE)
    search = torch.no_grad()(caption.caption_image_beam_search)
    serve(
        "Show, Attend and Tell (sgrvinod)",
        "of the checkout",
        {
            "caption_single": partial(search, encoder, decoder, FILES[0], words, work.WIDTH),
            "encode": partial(torch.no_grad()(encoder), pictures),
        },
        network="ResNet-101, LSTM",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
