"""Exported models without torch: onnxruntime, numpy, sentencepiece, and pillow for pictures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from attention_core.runtime.beam import Hypothesis, Search, beam_search
from attention_core.runtime.model import OnnxModel, read_folder
from attention_core.tasks import load_task

__all__ = ["Hypothesis", "OnnxModel", "Runtime", "Search", "beam_search", "load", "read_folder"]


class Runtime(ABC):
    """What ``load`` gives: a task's own object, and the one way in that all of them share.

    >>> sorted(Runtime.__abstractmethods__)
    ['languages', 'lines']
    """

    @property
    @abstractmethod
    def languages(self) -> tuple[str, ...]:
        """The languages that it can answer in."""

    @abstractmethod
    def lines(self, inputs: Sequence[str], language: str) -> list[str]:
        """A line for each input, which is what a task's command takes: a text, a path."""


def load(folder: str | Path, *, threads: int = 0) -> Runtime:
    """The model of a folder that ``attention-core export`` wrote.

    What it has besides ``lines`` is its task's: one of translation ``translate``, one of captions
    ``caption``. ``threads`` 0 is as many as onnxruntime likes.

    Raises UserError where the folder is missing or damaged, is no exported model, or one of an
    unknown task, or onnxruntime is not installed.

    >>> load("runs/mine/best-onnx")
    Traceback (most recent call last):
    attention_core.errors.UserError: No checkpoint at runs/mine/best-onnx.
    """
    saved = read_folder(folder)
    found: Runtime = load_task(saved.task).runtime(saved, threads)
    return found
