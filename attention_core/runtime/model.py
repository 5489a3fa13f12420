"""An exported model on onnxruntime: sources in, hypotheses out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from attention_core.checkpoint import WEIGHTS, Checkpoint, read
from attention_core.errors import UserError
from attention_core.runtime.beam import Array, Arrays, Hypothesis, Search, beam_search

ENCODER, STEP, GREEDY = "encoder.onnx", "step.onnx", "greedy.onnx"
SETTINGS = "runtime.json"
NEXT = "next_"  # goes before a state's name behind a step


class OnnxModel:
    """Encoder and step of an exported folder, and the settings that lie beside them.

    It keeps no state between calls, so threads may share it. ``threads`` 0 is as many as
    onnxruntime likes.

    Raises UserError where a file is missing or damaged, or onnxruntime is not installed.
    """

    def __init__(self, folder: Checkpoint, threads: int = 0) -> None:
        try:
            settings = json.loads(folder.file(SETTINGS))
            self.end = int(settings["end"])
            self.search = Search(**settings["search"])
            self.settings: dict[str, Any] = settings["settings"]
        except (ValueError, TypeError, KeyError) as error:
            raise UserError(
                f"{folder.path / SETTINGS} is damaged ({error}): export the model again"
            ) from None
        self.path = folder.path
        self._encoder = session(folder.path / ENCODER, threads)
        self._step = session(folder.path / STEP, threads)
        self._asked = [each.name for each in self._step.get_inputs()]
        self._told = [each.name for each in self._step.get_outputs()]

    def run(
        self,
        source: Mapping[str, Array],
        *,
        begin: Array,
        width: int | None = None,
        max_length: int | None = None,
        allowed: Array | None = None,
    ) -> list[list[Hypothesis]]:
        """What beam search finds for each source, best first.

        ``width`` and ``max_length`` None are the checkpoint's own; a longer limit than that has no
        effect. Words that are not ``allowed`` (W,) never come, and probabilities are renormalised
        over the others.

        Shapes: source as the encoder takes it, begin (B,).
        """
        names = [each.name for each in self._encoder.get_outputs()]
        known = dict(zip(names, self._encoder.run(None, dict(source)), strict=True))
        state = {name: known[name] for name in known if NEXT + name in self._told}
        memory = {name: known[name] for name in self._asked if name in known and name not in state}

        def step(tokens: Array, state: Arrays) -> tuple[Array, Arrays, Array | None]:
            given = {"tokens": tokens, **memory, **state}
            outputs = self._step.run(None, {name: given[name] for name in self._asked})
            told = dict(zip(self._told, outputs, strict=True))
            logits = told["logits"]
            if allowed is not None:
                logits = np.where(allowed, logits, -np.inf)
            after = {name: told[NEXT + name] for name in state}
            return logits, after, told.get("weights")

        search = replace(
            self.search,
            beam=width or self.search.beam,
            max_length=min(max_length or self.search.max_length, self.search.max_length),
        )
        return beam_search(
            step, state, begin=begin, end=self.end, search=search, valid=known["valid"]
        )


def read_folder(folder: str | Path) -> Checkpoint:
    """The folder that ``attention-core export`` wrote.

    Raises UserError where it is missing, or a checkpoint that is not exported yet.
    """
    path = Path(folder)
    if (path / WEIGHTS).is_file():
        raise UserError(f"{path} is a checkpoint: attention-core export {path} makes it one to run")
    return read(path, STEP)


def session(path: Path, threads: int) -> Any:
    """An ``onnxruntime.InferenceSession`` on the CPU.

    Raises UserError where the file is damaged or onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ModuleNotFoundError:
        raise UserError("this needs onnxruntime: pip install onnxruntime") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own kinds, which share no base
        reason = str(error).splitlines()[0]
        raise UserError(f"{path} can't be run ({reason}): export the model again") from None
