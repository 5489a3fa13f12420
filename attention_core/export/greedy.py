"""Encoder and step joined into one graph that decodes greedily."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attention_core.export.graphs import MEMORY, STATE
from attention_core.runtime.model import NEXT

if TYPE_CHECKING:
    import onnx


def greedy_graph(encoder: onnx.ModelProto, step: onnx.ModelProto, end: int) -> onnx.ModelProto:
    """The graph of y_t = argmax p(y | y_<t) over the allowed words, until all rows said ``end``.

        source, begin (B), allowed (W), max_length () -> tokens (B, T), log_probabilities (B, T),
        weights (B, T, S) where the model has attention

    It is an ONNX ``Loop`` around the step. ``allowed`` is True for the words that may come, and
    probabilities are renormalised over them. A row that has ended says ``end`` with probability 1
    until all have.
    """
    import numpy as np
    import onnx
    from onnx import TensorProto, compose, helper, numpy_helper

    source = list(encoder.graph.input)
    encoder = compose.add_prefix(encoder, "encoder/", rename_inputs=False)
    step = compose.add_prefix(step, "step/")
    given = [value.name.removeprefix("step/") for value in step.graph.input]
    memory, state = ([name for name in names if name in given] for names in (MEMORY, STATE))
    after = [f"step/{NEXT}{name}" for name in state]
    looked = [value.name for value in step.graph.output if value.name == "step/weights"]

    def node(operator: str, inputs: str, outputs: str, **attributes: Any) -> onnx.NodeProto:
        return helper.make_node(operator, inputs.split(), outputs.split(), **attributes)

    def untyped(names: list[str]) -> list[onnx.ValueInfoProto]:
        return [onnx.ValueInfoProto(name=name) for name in names]

    info = helper.make_tensor_value_info
    body = helper.make_graph(
        [
            *step.graph.node,
            node("Where", "allowed step/logits lowest", "likely"),
            node("LogSoftmax", "likely", "gains"),
            node("ArgMax", "gains", "best", axis=-1, keepdims=0),
            node("ReduceMax", "gains last_axis", "gain", keepdims=0),
            node("Where", "done end best", "token"),
            node("Where", "done certain gain", "token_gain"),
            node("Identity", "token", "said"),
            node("Equal", "token end", "next_done"),
            node("Cast", "next_done", "numbers", to=TensorProto.INT32),
            node("ReduceMin", "numbers", "fewest", keepdims=0),
            node("Cast", "fewest", "all_done", to=TensorProto.BOOL),
            node("Not", "all_done", "go_on"),
        ],
        "one_token",
        [
            info("t", TensorProto.INT64, []),
            info("going", TensorProto.BOOL, []),
            *untyped(["step/tokens", "done", *(f"step/{name}" for name in state)]),
        ],
        untyped(["go_on", "token", "next_done", *after, "said", "token_gain", *looked]),
    )
    carried = " ".join(f"encoder/{name}" for name in state)
    ignored = " ".join(f"last_{name}" for name in ("tokens", "done", *state))
    grown = ["tokens", "log_probabilities", *(["weights"] if looked else [])]
    nodes = [
        *encoder.graph.node,
        *(node("Identity", f"encoder/{name}", f"step/{name}") for name in memory),
        node("Unsqueeze", "begin row_axis", "first"),
        node("Less", "first nothing", "none_done"),
        node(
            "Loop",
            f"max_length always first none_done {carried}",
            f"{ignored} {' '.join(f'{name}_by_step' for name in grown)}",
            body=body,
        ),
    ]
    for name in grown:  # (T, B, 1, ...) -> (B, T, ...)
        turned = [1, 0, 2] if name == "weights" else [1, 0]
        nodes.append(node("Squeeze", f"{name}_by_step place_of_row", f"{name}_of_rows"))
        nodes.append(node("Transpose", f"{name}_of_rows", name, perm=turned))
    constants = {
        "always": np.array(True),
        "certain": np.array(0, np.float32),
        "end": np.array(end),
        "last_axis": np.array([-1]),
        "lowest": np.array(-np.inf, np.float32),
        "nothing": np.array(0),
        "place_of_row": np.array([2]),
        "row_axis": np.array([1]),
    }
    words = step.graph.output[0].type.tensor_type.shape.dim[-1].dim_value
    outputs = [
        info("tokens", TensorProto.INT64, ["sources", "steps"]),
        info("log_probabilities", TensorProto.FLOAT, ["sources", "steps"]),
        info("weights", TensorProto.FLOAT, ["sources", "steps", "positions"]),
    ]
    graph = helper.make_graph(
        nodes,
        "greedy",
        [
            *source,
            info("begin", TensorProto.INT64, ["sources"]),
            info("allowed", TensorProto.BOOL, [words]),
            info("max_length", TensorProto.INT64, []),
        ],
        outputs[: len(grown)],
        [
            *encoder.graph.initializer,
            *step.graph.initializer,
            *(numpy_helper.from_array(value, name) for name, value in constants.items()),
        ],
    )
    _share(graph)
    versions: dict[str, int] = {}
    for each in (*encoder.opset_import, *step.opset_import):
        versions[each.domain] = max(each.version, versions.get(each.domain, 0))
    opsets = [helper.make_opsetid(*each) for each in versions.items()]
    return helper.make_model(graph, opset_imports=opsets, ir_version=step.ir_version)


def _share(graph: onnx.GraphProto) -> None:
    """Keep the first of equal initializers, such as an embedding that both halves have."""
    kept: dict[bytes, str] = {}
    instead: dict[str, str] = {}
    for tensor in list(graph.initializer):
        name, tensor.name = tensor.name, ""
        first = kept.setdefault(tensor.SerializeToString(deterministic=True), name)
        tensor.name = name
        if first != name:
            instead[name] = first
            graph.initializer.remove(tensor)
    inner = [part.g.node for node in graph.node for part in node.attribute if part.HasField("g")]
    for nodes in (graph.node, *inner):
        for node in nodes:
            node.input[:] = [instead.get(name, name) for name in node.input]
