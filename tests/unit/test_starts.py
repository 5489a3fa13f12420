import pytest
import torch
from torch.testing import assert_close

from attention_core.parts.rnn import RecurrentStack
from attention_core.parts.starts import CopyStart, PrefixStart, ProjectStart
from attention_core.parts.types import RecurrentState

ROWS, SUMMARY, INPUT, HIDDEN, LAYERS = 2, 3, 4, 5, 2
SUMMARIES = torch.randn(ROWS, SUMMARY, generator=torch.Generator().manual_seed(0))


def stack(cell, layers=LAYERS):
    torch.manual_seed(0)
    return RecurrentStack(cell, INPUT, HIDDEN, layers)


def test_copy_is_the_final_state():
    hidden = torch.randn(ROWS, LAYERS, HIDDEN)
    for cell, final in (
        ("gru", RecurrentState(hidden)),
        ("lstm", RecurrentState(hidden, hidden + 1)),
    ):
        assert CopyStart()(SUMMARIES, final, stack(cell)) is final


def test_copy_tells_of_another_shape_or_cell():
    hidden = torch.randn(ROWS, 1, HIDDEN)
    for final, given in ((None, "None"), (RecurrentState(hidden), r"\(2, 1, 5\)")):
        with pytest.raises(
            ValueError, match=r"final.hidden: expected \(2, 2, 5\) to copy, got " + given
        ):
            CopyStart()(SUMMARIES, final, stack("gru"))
    with pytest.raises(ValueError, match=r"final.cell: expected that of cell 'lstm', got None"):
        CopyStart()(SUMMARIES, RecurrentState(hidden), stack("lstm", 1))
    with pytest.raises(ValueError, match=r"final.cell: expected that of cell 'gru', got an LSTM's"):
        CopyStart()(SUMMARIES, RecurrentState(hidden, hidden), stack("gru", 1))


@pytest.mark.parametrize("cell", ["gru", "lstm", "tanh"])
def test_project_has_weights_of_its_own_for_each_layer_and_cell(cell):
    start = ProjectStart(SUMMARY, stack(cell))
    found = start(SUMMARIES, None, stack(cell))
    leaves = [leaf for leaf in found if leaf is not None]
    assert len(leaves) == (2 if cell == "lstm" else 1)
    blocks = start.project.weight.split(HIDDEN), start.project.bias.split(HIDDEN)
    for (weight, bias), expected in zip(
        zip(*blocks, strict=True),
        (leaf[:, layer] for leaf in leaves for layer in range(LAYERS)),
        strict=True,
    ):
        assert_close(expected, torch.tanh(SUMMARIES @ weight.T + bias))


@pytest.mark.parametrize("cell", ["gru", "lstm", "tanh"])
def test_prefix_reads_the_source_as_the_first_word(cell):
    recurrence = stack(cell)
    start = PrefixStart(SUMMARY, INPUT)
    found = start(SUMMARIES, None, recurrence)
    words = torch.randn(ROWS, 3, INPUT)
    first = start.project(SUMMARIES)
    spread = (first.var(1, correction=0, keepdim=True) + 1e-5).sqrt()
    first = (first - first.mean(1, keepdim=True)) / spread
    prefixed = torch.cat([first[:, None], words], 1)
    outputs, _ = recurrence(prefixed, recurrence.zeros(SUMMARIES))
    assert_close(recurrence(words, found)[0], outputs[:, 1:])
