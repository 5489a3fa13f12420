"""Trained models as ONNX graphs, for ``attention_core.runtime`` and whatever else runs ONNX.

    encoder.onnx    source -> memory, first state
    step.onnx       tokens, memory, state -> logits, weights, next state
    greedy.onnx     both of them, and greedy search inside
    runtime.json    the end token, the search's settings, and the task's own

and the checkpoint's own files: config.json, the card, the tokenizer and so on.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from attention_core.checkpoint import WEIGHTS, Checkpoint
from attention_core.errors import UserError
from attention_core.export.graphs import graphs, text_inputs
from attention_core.export.greedy import greedy_graph
from attention_core.runtime.model import ENCODER, GREEDY, SETTINGS, STEP
from attention_core.tasks import Exportable

PACKAGES = ("onnx", "onnxscript", "onnxruntime")

__all__ = ["export", "graphs", "greedy_graph", "text_inputs"]


def export(
    exportable: Exportable,
    checkpoint: Checkpoint,
    out: str | os.PathLike[str],
    *,
    int8: bool = False,
) -> None:
    """Write the model of a checkpoint to the new folder ``out``, as the module's head tells.

    With ``int8`` the matrices of products and embeddings are stored, and multiplied, as 8-bit
    integers (onnxruntime's dynamic quantization); convolutions and recurrent layers other than
    LSTMs stay as they are. The same checkpoint gives the same files.

    Raises UserError where ``out`` exists or can't be written, the model can't be exported, or a
    package that it takes is missing.
    """
    for package in PACKAGES:
        if find_spec(package) is None:
            raise UserError(f"this needs {package}: pip install 'attention-core[export]'")
    place = Path(out)
    if os.path.lexists(place):
        raise UserError(f"{out} exists: export to another folder")
    encoder, step = graphs(exportable.model.eval(), exportable.source)
    if int8:
        from attention_core.export.quantization import quantized

        encoder, step = quantized(encoder), quantized(step)
    settings = {
        "end": exportable.end,
        "search": asdict(exportable.search),
        "settings": dict(exportable.settings),
    }
    files = {
        **{each.name: each.read_bytes() for each in checkpoint.path.iterdir() if each.is_file()},
        SETTINGS: (json.dumps(settings, indent=2, ensure_ascii=False) + "\n").encode(),
        ENCODER: encoder.SerializeToString(deterministic=True),
        STEP: step.SerializeToString(deterministic=True),
        GREEDY: greedy_graph(encoder, step, exportable.end).SerializeToString(deterministic=True),
    }
    del files[WEIGHTS]
    new = place.with_name(f".{place.name}.new")
    try:
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        for name, content in files.items():
            (new / name).write_bytes(content)
        new.rename(place)
    except OSError as error:
        shutil.rmtree(new, ignore_errors=True)
        raise UserError(f"Can't export to {out}: {error.strerror}.") from None
