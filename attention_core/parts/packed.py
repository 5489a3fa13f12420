"""Weights laid out once for the processor, in full or in 8 bits: models for inference alone.

A product of a few rows is bound by how the weights come from memory, and that of many by how they
are cut into blocks, which a library otherwise does anew in every product.
"""

import copy
import platform
import warnings
from collections.abc import Callable
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attention_core.parts.cells import NORMALISED
from attention_core.parts.scorers import Concat

Layer = Callable[[Tensor, Tensor | None], nn.Module]
M = TypeVar("M", bound=nn.Module)
LEAST = 1e-12  # of a scale
FEW = 32  # rows, which a product waits for the weights of
GATES = {nn.GRUCell: "gru", nn.LSTMCell: "lstm", nn.RNNCell: "tanh"}


class PlainLinear(nn.Module):
    """y = W x + b, of weights that are another's.

    >>> PlainLinear(torch.tensor([[1.0, 2.0]]), None)(torch.ones(1, 2))
    tensor([[3.]])
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.weight = weight
        self.bias = bias

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)


class PackedLinear(nn.Module):
    """y = W x + b, with W (n, m) in oneDNN's own order: the same numbers but for rounding.

    >>> PackedLinear(torch.tensor([[1.0, 2.0]]), torch.tensor([0.5]))(torch.ones(3, 2)).tolist()
    [[3.5], [3.5], [3.5]]
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.bias = bias
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight.detach())

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")
        return y


class HalfLinear(nn.Module):
    """y = W x + b, with W (n, m) in float16 and all sums in float32, by FBGEMM: the same numbers
    but for rounding if float16 holds every weight, as it does of those that checkpoints keep.
    A few rows wait for half the bytes; many wait for no bytes, and go by the weights in full.

    >>> HalfLinear(torch.tensor([[1.0, 2.0]]), torch.tensor([0.5]))(torch.ones(3, 2)).tolist()
    [[3.5], [3.5], [3.5]]
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.weights = torch.ops.quantized.linear_prepack_fp16(weight.detach(), bias)
        self.full = PackedLinear(weight, bias)

    def forward(self, x: Tensor) -> Tensor:
        if x.numel() > FEW * x.size(-1):
            many: Tensor = self.full(x)
            return many
        y: Tensor = torch.ops.quantized.linear_dynamic_fp16(x, self.weights)
        return y


class Int8Linear(nn.Module):
    """y ≈ W x + b in integers: w ≈ s_n·q with q in [-127, 127] and s_n = max |w| / 127 for row n of
    W, and x ≈ s·(u - z) with u in [0, 255] and one s and z for all that a call is given.
    Jacob et al. 2018, §2.1. By FBGEMM, which takes half the time of oneDNN for a few rows.

    >>> y = Int8Linear(torch.tensor([[1.0, 2.0]]), torch.tensor([0.5]))(torch.ones(1, 2))
    >>> bool((y - 3.5).abs() < 0.02)
    True
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        weight = weight.detach()
        scales = (weight.abs().amax(1).clamp(min=LEAST) / 127).double()
        zeros = torch.zeros_like(scales, dtype=torch.long)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a later torch may have no such tensors
            rounded = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
        self.weights = torch.ops.quantized.linear_prepack(rounded, bias)
        # Without VNNI two products are summed in 16 bits, which only 7 bits of x can't overflow.
        self.narrow = not torch.cpu.get_capabilities().get("avx512_vnni", False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = torch.ops.quantized.linear_dynamic(x, self.weights, self.narrow)
        return y


def layer(weight: Tensor, *, int8: bool = False) -> Layer:
    """What lays out weights like this one best: plainly where it can't be done, and in full where
    this torch has no tensors of 8 bits.

    >>> layer(torch.zeros(2, 3, dtype=torch.float64)).__name__
    'PlainLinear'
    """
    x86 = platform.machine() in ("x86_64", "AMD64") and torch.backends.mkldnn.is_available()
    if x86 and weight.device.type == "cpu" and weight.dtype == torch.float32:
        return Int8Linear if int8 and _rounds() else in_full
    return PlainLinear


def in_full(weight: Tensor, bias: Tensor | None) -> nn.Module:
    """The layer whose weights are these to the last bit, read in no more bytes than that takes.

    >>> [type(in_full(torch.tensor([[x]]), None)).__name__ for x in (0.5, 0.1)]
    ['HalfLinear', 'PackedLinear']
    """
    there = _has_fbgemm() and hasattr(torch.ops.quantized, "linear_prepack_fp16")
    halves = there and torch.equal(weight.half().float(), weight)
    return (HalfLinear if halves else PackedLinear)(weight, bias)


def _has_fbgemm() -> bool:
    return "x86" in torch.backends.quantized.supported_engines


def _rounds() -> bool:
    """Whether this torch has tensors of 8 bits, which are deprecated, and FBGEMM for them."""
    return _has_fbgemm() and hasattr(torch, "quantize_per_channel")


def packed(model: M, *, int8: bool = False) -> M:
    """A copy of the model for inference alone, with the weights of linear layers and cells laid out
    for this processor; ``int8`` rounds them to 8 bits. Single rows and the matrix that ``Concat``
    cuts in two stay as they are.

    Without ``int8`` outputs are those of the model but for rounding, and where the processor has
    nothing to gain (another than x86, a GPU, float64) to the last bit.

    >>> from attention_core import DecoderSizes, build_decoder
    >>> sizes = DecoderSizes(vocabulary=9, embedding=4, hidden=6, values=6, summary=6, attention=3)
    >>> fast = packed(build_decoder("bahdanau", sizes))
    >>> type(fast.before.scorer.query).__name__ in ("PackedLinear", "Linear")
    True
    """
    from attention_core.parts.decoder import RecurrentDecoder  # which lays out layers itself

    model = copy.deepcopy(model).eval().requires_grad_(False)
    make = layer(next(model.parameters()), int8=int8)
    if make is PlainLinear:
        return model
    for module in list(model.modules()):
        if isinstance(module, RecurrentDecoder):
            module.layer = make
        if isinstance(module, Concat):
            continue
        for name, child in list(module.named_children()):
            if isinstance(child, nn.RNNCellBase):
                setattr(module, name, _cell(child, make))
            elif type(child) is nn.Linear and child.out_features > 1:
                setattr(module, name, make(child.weight, child.bias))
    return model


def _cell(cell: nn.RNNCellBase, make: Layer) -> nn.Module:
    """The cell in the form of the layer-normalised one, without the norms."""
    made = NORMALISED[GATES[type(cell)]](cell.input_size, cell.hidden_size)
    layers = {
        "input": make(cell.weight_ih, cell.bias_ih),
        "recurrent": make(cell.weight_hh, cell.bias_hh),
    }
    norms = [name for name, _ in made.named_children() if name.endswith("norm")]
    for name, module in {**layers, **{name: nn.Identity() for name in norms}}.items():
        setattr(made, name, module)
    return made
