"""The benchmark's count of operations: against torch's own count of what our parts do."""

import sys
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).parents[2]))
from scripts.benchmarking import work
from scripts.benchmarking.counting import NETWORKS
from scripts.benchmarking.peers import ours


def counted(do):
    with FlopCounterMode(display=False) as counter:
        do()
    return counter.get_total_flops()


@pytest.fixture(scope="module", params=ours.NETWORKS)
def network(request):
    return request.param, ours.NETWORKS[request.param]()


def test_the_operations_of_a_step(network):
    """By hand: 2·(256 + 512 + 512)·1536 + 2·512² + 2·2·14·512 + 2·1024·512 + 2·512·8000."""
    name, model = network
    source, valid = ours.sentences(3)
    with torch.no_grad():
        memory, state = model.remember(source, valid)
        tokens = torch.ones(3, dtype=torch.long)
        found = counted(lambda: model.decoder.step(tokens, memory, state))
    assert found == 3 * NETWORKS[name].step(work.SOURCE)
    if name == "shared":
        assert found == 3 * 13_725_696


def test_the_operations_for_a_source(network):
    name, model = network
    with torch.no_grad():
        found = counted(lambda: model.remember(*ours.sentences(2)))
    assert found == 2 * NETWORKS[name].encode(work.SOURCE)


def test_the_operations_of_training():
    """Nearly: there is no gradient of what the network reads, nor of the first states."""
    found = counted(ours.Training(ours.shared()))
    exact = NETWORKS["shared"].train(work.SOURCE, work.TARGET) * work.BATCH
    assert found == pytest.approx(exact, rel=0.02)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_step_reads_its_weights_once(name):
    network = NETWORKS[name]
    assert network.bytes("single") == 2 * network.parameters * work.TARGET
    assert network.bytes("beam") * work.BATCH == network.bytes("single")
