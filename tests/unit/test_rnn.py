import pytest
import torch
from torch import nn
from torch.testing import assert_close

from attention_core.errors import UserError
from attention_core.parts.rnn import RecurrentStack
from attention_core.parts.types import RecurrentState

TORCH = {"gru": nn.GRU, "lstm": nn.LSTM, "tanh": nn.RNN}
INPUT, HIDDEN, ROWS, STEPS = 3, 4, 2, 5

every = pytest.mark.parametrize("cell", TORCH)


def stack_and_torch(cell, layers):
    """A stack, and torch's own recurrent module with the same weights."""
    torch.manual_seed(0)
    stack = RecurrentStack(cell, INPUT, HIDDEN, layers).double()
    rnn = TORCH[cell](INPUT, HIDDEN, layers, batch_first=True).double()
    with torch.no_grad():
        for layer, own in enumerate(stack.cells):
            for name, weight in own.named_parameters():
                getattr(rnn, f"{name}_l{layer}").copy_(weight)
    return stack, rnn


def random_state(stack):
    hidden = torch.randn(ROWS, stack.layers, HIDDEN).double()
    return RecurrentState(hidden, torch.randn_like(hidden) if stack.cell == "lstm" else None)


def stepped(stack, inputs, state):
    outputs = []
    for x in inputs.unbind(1):
        state = stack.step(x, state)
        outputs.append(state.hidden[:, -1])
    return torch.stack(outputs, 1), state


@every
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("run", [RecurrentStack.forward, stepped], ids=["fused", "stepped"])
def test_the_stack_is_torchs_own(cell, layers, run):
    stack, rnn = stack_and_torch(cell, layers)
    state, inputs = random_state(stack), torch.randn(ROWS, STEPS, INPUT).double()
    hidden = state.hidden.transpose(0, 1).contiguous()
    if cell == "lstm":
        expected, (last, memory) = rnn(inputs, (hidden, state.cell.transpose(0, 1).contiguous()))
    else:
        expected, last = rnn(inputs, hidden)
    outputs, final = run(stack, inputs, state)
    assert_close(outputs, expected)
    assert_close(final.hidden, last.transpose(0, 1))
    if cell == "lstm":
        assert_close(final.cell, memory.transpose(0, 1))
    else:
        assert final.cell is None


@every
def test_gradients_of_both_ways_agree(cell):
    stack, _ = stack_and_torch(cell, 2)
    inputs, state = torch.randn(ROWS, STEPS, INPUT).double(), random_state(stack)
    found = []
    for run in (RecurrentStack.forward, stepped):
        stack.zero_grad()
        run(stack, inputs, state)[0].square().sum().backward()
        found.append([weight.grad for weight in stack.parameters()])
    assert_close(found[0], found[1])
    assert all(grad.any() for grad in found[0])


@every
def test_dropout_acts_between_layers_only(cell):
    """With all of it dropped, the upper layer reads zeros, and the first and last are whole."""
    torch.manual_seed(0)
    stack = RecurrentStack(cell, INPUT, HIDDEN, 2, dropout=1.0).double()
    inputs, state = torch.randn(ROWS, STEPS, INPUT).double(), random_state(stack)
    upper = RecurrentStack(cell, HIDDEN, HIDDEN).double()
    upper.cells[0].load_state_dict(stack.cells[1].state_dict())
    expected, _ = upper(
        torch.zeros(ROWS, STEPS, HIDDEN).double(),
        RecurrentState(*(None if x is None else x[:, 1:] for x in state)),
    )
    assert_close(stepped(stack, inputs, state)[0], expected)
    assert_close(stack(inputs, state)[0], expected)
    stack.eval()
    assert_close(stepped(stack, inputs, state)[0], stack(inputs, state)[0])
    assert not torch.allclose(stack(inputs, state)[0], expected)


@every
def test_zeros_have_the_rows_and_type_of_their_like(cell):
    state = RecurrentStack(cell, INPUT, HIDDEN, 2).zeros(torch.ones(ROWS, INPUT).double())
    assert (state.cell is not None) == (cell == "lstm")
    for leaf in state:
        if leaf is not None:
            assert leaf.shape == (ROWS, 2, HIDDEN) and leaf.dtype == torch.float64
            assert not leaf.any()


def test_an_unknown_cell_is_named_with_the_nearest():
    with pytest.raises(UserError, match=r"unknown cell 'GRUU'. Did you mean 'gru'\? Known: gru, "):
        RecurrentStack("GRUU", INPUT, HIDDEN)


@pytest.mark.parametrize("normalised", [False, True])
def test_an_lstm_begins_by_keeping_what_it_has_read(normalised):
    torch.manual_seed(0)
    stack = RecurrentStack("lstm", INPUT, HIDDEN, 2, normalised=normalised)
    for cell in stack.cells:
        biases = cell.input_norm.bias if normalised else cell.bias_ih
        assert_close(biases[HIDDEN : 2 * HIDDEN], torch.ones(HIDDEN))
        assert (biases[:HIDDEN].abs() < 1).all() and (biases[2 * HIDDEN :].abs() < 1).all()


@every
@pytest.mark.parametrize(
    ("inputs", "rows", "layers", "hidden", "message"),
    [
        ((ROWS, STEPS, INPUT + 1), ROWS, 1, HIDDEN, r"inputs: expected shape \(any, any, 3\)"),
        ((ROWS, INPUT), ROWS, 1, HIDDEN, r"inputs: expected shape \(any, any, 3\)"),
        ((ROWS, STEPS, INPUT), 1, 1, HIDDEN, r"state.hidden: expected shape \(2, 1, 4\)"),
        ((ROWS, STEPS, INPUT), 3, 1, HIDDEN, r"state.hidden: expected shape \(2, 1, 4\)"),
        ((ROWS, STEPS, INPUT), ROWS, 2, HIDDEN, r"state.hidden: expected shape \(2, 1, 4\)"),
        ((ROWS, STEPS, INPUT), ROWS, 1, HIDDEN + 1, r"state.hidden: expected shape \(2, 1, 4\)"),
    ],
)
def test_what_does_not_fit_is_refused(cell, inputs, rows, layers, hidden, message):
    """The fused kernel of an LSTM would read and write past the end of it."""
    state = torch.zeros(rows, layers, hidden)
    given = RecurrentState(state, state if cell == "lstm" else None)
    with pytest.raises(ValueError, match=message):
        RecurrentStack(cell, INPUT, HIDDEN)(torch.ones(inputs), given)


def test_a_stack_has_layers():
    with pytest.raises(UserError, match="layers: expected at least 1, got 0"):
        RecurrentStack("gru", INPUT, HIDDEN, layers=0)
