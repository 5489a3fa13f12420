"""Normalisations folded into their convolutions, and captioners prepared for use alone."""

import pytest
import torch
from torch.testing import assert_close

from captioner import folding
from captioner.backbones import RANDOM, load_backbone
from captioner.efficientnet_lite import EfficientNetLite
from captioner.folding import fold

BFLOAT16 = torch.cpu.get_capabilities().get("avx512_bf16", False)
PICTURES = torch.rand(2, 3, 64, 64)


def network_of():
    network = EfficientNetLite("efficientnet-lite0").eval()
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # as after training
            torch.nn.init.normal_(module.running_mean, std=0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, std=0.1)
    return network


@torch.inference_mode()
def test_a_folded_network_sees_the_same():
    network = network_of()
    before = network(PICTURES)
    fold(network)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
    assert_close(network(PICTURES), before, atol=1e-4, rtol=1e-3)


@pytest.mark.skipif(not BFLOAT16, reason="this processor has no bfloat16")
@torch.inference_mode()
def test_in_16_bits_it_sees_nearly_the_same(monkeypatch):
    monkeypatch.setattr(folding, "pays", lambda: True)
    network = network_of()
    before = network(PICTURES)
    fold(network, half=True)
    features = network(PICTURES)
    assert features.dtype == torch.float32
    assert 0 < (features - before).abs().mean() < 0.05 * before.abs().mean()
    assert network.classify(features).dtype == torch.float32
    precise = [network.stem, network.blocks[0], network.classifier]
    assert all(w.dtype == torch.float32 for part in precise for w in part.parameters())
    assert {w.dtype for w in network.blocks[1:].parameters()} == {torch.bfloat16}


@pytest.mark.parametrize(
    ("has", "expected"),
    [
        ({}, False),
        ({"cpu_name": "Intel Xeon", "avx512_bf16": True, "amx_bf16": False}, False),
        ({"cpu_name": "Intel Xeon", "avx512_bf16": True, "amx_bf16": True}, True),
        ({"cpu_name": "AMD EPYC", "avx512_bf16": True}, True),
        ({"cpu_name": "AMD EPYC", "avx512_bf16": False}, False),
    ],
)
def test_where_16_bits_pay(has, expected, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has)
    assert folding.pays() == expected


def test_where_they_do_not_pay_nothing_is_rounded(monkeypatch):
    monkeypatch.setattr(folding, "pays", lambda: False)
    network = network_of()
    fold(network, half=True)
    assert {weight.dtype for weight in network.parameters()} == {torch.float32}


def test_another_network_stays_as_it_is():
    network = load_backbone("resnet18", size=64, weights=RANDOM)
    before = list(network.state_dict())
    fold(network)
    assert list(network.state_dict()) == before
