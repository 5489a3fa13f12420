"""Backbones: networks that turn a picture into a map of positions, and where their weights are."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from attention_core.errors import UserError, nearest
from captioner.images import Normal, to_tensor

RANDOM = "random"
"""What stands for weights when a backbone is to have none."""


class Backbone(nn.Module):
    """A network up to its last map of positions, with the normalisation of the pixels it takes.

    Shapes: images (B, 3, H, W), as ``picture`` makes them -> (B, channels, h, w).
    """

    name: str
    channels: int
    mean: Normal
    std: Normal

    def picture(self, image: Image.Image, size: int) -> Tensor:
        """An RGB picture as this network takes it, (3, size, size)."""
        return to_tensor(image, size, self.mean, self.std)


def load_backbone(name: str, *, size: int, weights: str | None = None, levels: int = 1) -> Backbone:
    """The backbone of that name for square pictures of ``size`` pixels, in evaluation mode.

    A name is one of EfficientNet-Lite (``efficientnet_lite.VARIANTS``), or of any classification
    model of torchvision. ``weights`` None are those of ImageNet, "random" none at all, anything
    else is a file: .safetensors, or .pth without code in it. ``levels`` are those of
    `EfficientNetLite`; other networks have 1.

    Raises:
        UserError: an unknown name, levels that it hasn't, weights that are missing, damaged or of
            another network, or pictures too small or of a size that this network can't see.

    >>> load_backbone("efficientnet-lite0", size=64, weights="random").channels
    1280
    """
    from captioner.efficientnet_lite import VARIANTS, EfficientNetLite, load_imagenet, our_names

    if name in VARIANTS:
        if weights is None:
            return load_imagenet(name, levels)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            lite = EfficientNetLite(name, levels).eval()
        if weights != RANDOM:
            fill(lite, our_names(read_weights(Path(weights))), weights)
        return lite
    from captioner.vision import load, names

    known = names()
    if name not in known:
        raise UserError(f"There is no backbone {name!r}.{nearest(name, {*VARIANTS, *known})}")
    if levels != 1:
        raise UserError(f"{name} has one level: set encoder.levels to 1, or use EfficientNet-Lite")
    return load(name, size, weights)


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name; nothing in it is executed.

    Of a whole training's file, they are what it has under "state_dict" or "model".

    Raises:
        UserError: there is no such file, or it isn't one of weights.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
        return _tensors(state)
    except FileNotFoundError:
        raise UserError(
            f"There are no weights at {path}: name a file by encoder.weights."
        ) from None
    except SafetensorError as error:
        raise UserError(f"{path} can't be read as weights ({error}): fetch it again.") from None
    except (OSError, RuntimeError) as error:  # the latter of damaged files, at length
        problem = str(error).partition("\n")[0]
        raise UserError(f"{path} can't be read as weights ({problem}): fetch it again.") from None
    except Exception:  # files of another kind make torch raise almost anything
        raise UserError(
            f"{path} can't be read as weights (it isn't a table of tensors): save a network's "
            "state_dict() alone, or fetch it again."
        ) from None


def _tensors(state: Any) -> dict[str, Tensor]:
    for name in ("state_dict", "model"):
        if isinstance(state, Mapping) and isinstance(state.get(name), Mapping):
            state = state[name]
    if not isinstance(state, Mapping) or not all(map(torch.is_tensor, state.values())):
        raise TypeError("this isn't a table of tensors")
    return dict(state)


def fill(
    backbone: Backbone,
    state: Mapping[str, Tensor],
    source: str | Path,
    ignored: Collection[str] = (),
) -> None:
    """Load weights into a backbone, less those ``ignored``, such as the classifier's.

    Raises:
        UserError: they are of another network: a tensor is missing, unknown or of another shape.
    """
    own = backbone.state_dict()
    for name, tensor in own.items():
        if name not in state and not name.endswith("num_batches_tracked"):  # old files lack these
            raise _other(backbone, source, f"there is no {name} in them")
        if name in state and state[name].shape != tensor.shape:
            shapes = f"{list(state[name].shape)}, and should have {list(tensor.shape)}"
            raise _other(backbone, source, f"{name} has the shape {shapes}")
    for name in state:
        if name not in own and name not in ignored:
            raise _other(backbone, source, f"{name} is none of its own")
    backbone.load_state_dict({n: x for n, x in state.items() if n in own}, strict=False)


def _other(backbone: Backbone, source: str | Path, problem: str) -> UserError:
    return UserError(
        f"The weights {source} are of another network than {backbone.name} ({problem}): "
        "change encoder.backbone or encoder.weights."
    )
