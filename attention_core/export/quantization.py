"""Graphs with weights of 8 bits."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

OPERATORS = ["MatMul", "Gemm", "Gather", "LSTM"]


def quantized(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with the weights of matrix products and embeddings as 8-bit integers.

    Products are of integers, with inputs scaled as they come: onnxruntime's dynamic quantization,
    with a scale for each column of a matrix. Convolutions and recurrent layers other than LSTMs
    stay as they are.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    _unshare(copy.graph)
    onnx.helper.set_model_props(copy, {"onnx.quant.pre_process": "onnxruntime.quant"})  # by torch
    with TemporaryDirectory() as folder:
        path = Path(folder, "int8.onnx")
        quantize_dynamic(
            copy,
            path,
            op_types_to_quantize=OPERATORS,
            per_channel=True,
            weight_type=QuantType.QInt8,
        )
        return onnx.load(path)


def _unshare(graph: onnx.GraphProto) -> None:
    """Give products matrices of their own: onnxruntime transposes them, and a tied embedding is
    still looked up in."""
    looked_up = {node.input[0] for node in graph.node if node.op_type == "Gather"}
    for tensor in [each for each in graph.initializer if each.name in looked_up]:
        own = graph.initializer.add()
        own.CopyFrom(tensor)
        own.name = f"{tensor.name}.product"
        for node in graph.node:
            if node.op_type != "Gather":
                node.input[:] = [own.name if name == tensor.name else name for name in node.input]
