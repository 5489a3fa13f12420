"""Any classification model of torchvision as a backbone, up to its last map of positions."""

import importlib
import re
import sys
from functools import cache
from math import isqrt
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from attention_core.errors import UserError
from captioner.backbones import RANDOM, Backbone, fill, read_weights

SIDE = 224
"""Pixels of a picture that is large enough for every model to show where its map is."""

_OPERATORS = ("nms", "qnms")


@cache
def torchvision() -> Any:
    """The package torchvision, also where its compiled operators don't suit the installed torch.

    It can't be imported then, as it describes an operator for detection that isn't there. No
    classification model needs it: declaring it is enough.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    declared = torch.library.Library("torchvision", "FRAGMENT")
    for name in _OPERATORS:
        declared.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    package: Any = importlib.import_module("torchvision")
    package.declared = declared  # which would be taken back as it is collected
    return package


def names() -> list[str]:
    """The classification models of the installed torchvision."""
    models = torchvision().models
    return list(models.list_models(module=models))


class Spatial(Backbone):
    """A classification model cut off behind its last map of positions.

    That is the last output of shape (B, C, h, w) before the final pooling which isn't a map of
    class scores; or, of a vision transformer, the last tokens (B, 1 + h·w, C) without the class
    token. A picture of zeros finds it.

    Args:
        model: a classifier of pictures (B, 3, H, W) that ``torch.fx`` can trace.
        side: pixels of the picture that finds the map.
        classes: how many it tells apart.

    Raises:
        UserError: the model has no such map.
    """

    def __init__(self, name: str, model: nn.Module, side: int = SIDE, classes: int = 1000) -> None:
        super().__init__()
        self.name = name
        self.network = fx.symbolic_trace(model.eval())
        with torch.inference_mode():
            ShapeProp(self.network).propagate(torch.zeros(1, 3, side, side))
        nodes = list(self.network.graph.nodes)
        place = next((node for node in reversed(nodes) if self._is_map(node, classes)), None)
        if place is None:
            raise UserError(
                f"{name} has no map of positions to attend to: choose another encoder.backbone."
            )
        self.channels = _shape(place)[2 if len(_shape(place)) == 3 else 1]
        for node in reversed(nodes[nodes.index(place) + 1 :]):
            self.network.graph.erase_node(node)
        self.network.graph.output(place)
        self.network.recompile()
        self.network.delete_all_unused_submodules()

    def _is_map(self, node: fx.Node, classes: int) -> bool:
        shape = _shape(node)
        if node.op == "placeholder":  # the picture itself
            return False
        if len(shape) == 3:
            return shape[1] > 1 and isqrt(shape[1] - 1) ** 2 == shape[1] - 1
        pooled = node.op == "call_module" and isinstance(
            self.network.get_submodule(str(node.target)), nn.AdaptiveAvgPool2d
        )
        return len(shape) == 4 and min(shape[2:]) > 1 and shape[1] != classes and not pooled

    def positions(self, side: int) -> int:
        """How many positions the map of a picture of ``side`` pixels has, by a run of zeros."""
        with torch.inference_mode():
            return self(torch.zeros(1, 3, side, side))[0, 0].numel()  # type: ignore[no-any-return]

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.network(images)
        if features.dim() == 4:
            return features
        side = isqrt(features.size(1) - 1)
        grid: Tensor = features[:, 1:].transpose(1, 2).unflatten(2, (side, side))
        return grid


def load(name: str, size: int, weights: str | None) -> Backbone:
    """The backbone of a model of torchvision, for square pictures of ``size`` pixels.

    Raises:
        UserError: its weights are missing, damaged or of another model, or it can't see pictures
            of that size, or as one position only.
    """
    models = torchvision().models
    published = models.get_model_weights(name)
    transformer = name.startswith("vit_")
    options: dict[str, Any] = {"image_size": size} if transformer else {}
    if name in ("googlenet", "inception_v3"):  # taught on pixels normalised in another way
        options = {"transform_input": True, "init_weights": False}
    problem = "it is a single position"
    side = size if transformer else max(size, SIDE)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = models.get_model(name, weights=None, **options)
        known = set(model.state_dict())
        backbone = Spatial(name, model, side).eval()
        single = side != size and backbone.positions(size) == 1
    except UserError:
        raise
    except Exception as error:  # each model has its own way of refusing a size
        problem = str(error).partition("\n")[0]
        single = True
    if single:
        raise UserError(
            f"{name} can't see pictures of {size} pixels ({problem}): change encoder.size, to "
            f"{SIDE} for example."
        )
    transform = published.DEFAULT.transforms()
    backbone.mean, backbone.std = tuple(transform.mean), tuple(transform.std)
    if weights != RANDOM:
        path = Path(weights) if weights else _downloaded(name, published)
        state = _as_named_now(name, read_weights(path))
        if transformer:
            state = _resized(state, size, model.patch_size)
        fill(backbone, {f"network.{n}": x for n, x in state.items()}, path, _prefixed(known))
    return backbone


def _shape(node: fx.Node) -> tuple[int, ...]:
    """The shape of a node's output, if it is one tensor."""
    return tuple(getattr(node.meta.get("tensor_meta"), "shape", ()))


def _downloaded(name: str, published: Any) -> Path:
    """Where the ImageNet weights lie; nothing is ever downloaded unasked."""
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    for weights in (published.DEFAULT, *published):
        path: Path = folder / weights.url.rpartition("/")[2]
        if path.is_file():
            return path
    raise UserError(
        f"The ImageNet weights of {name} aren't here: fetch {published.DEFAULT.url} and put the "
        f'file into {folder}, or name it by encoder.weights ("random" trains without any).'
    )


def _as_named_now(name: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The published weights of DenseNet are older than the names of its layers."""
    if not name.startswith("densenet"):
        return state
    old = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")
    return {old.sub(r"\1\2.", key): tensor for key, tensor in state.items()}


def _resized(state: dict[str, Tensor], size: int, patch: int) -> dict[str, Tensor]:
    """The weights of a vision transformer with as many places as pictures of that size have."""
    if "encoder.pos_embedding" not in state:
        return state
    resize = torchvision().models.vision_transformer.interpolate_embeddings
    return dict(resize(image_size=size, patch_size=patch, model_state=state))


def _prefixed(names: set[str]) -> set[str]:
    return {f"network.{name}" for name in names}
