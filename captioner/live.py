"""A caption while it is being written, for the demo."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from attention_core.search import Hypothesis, sample, watched
from attention_core.training import SearchConfig
from captioner.caption import Caption
from captioner.features import grid
from captioner.predictor import Captioner


@dataclass(frozen=True)
class Choices:
    """How to search: beam width, shortest and longest caption in tokens, alternatives.

    ``temperature`` above 0 samples instead. ``length_penalty`` None is the checkpoint's own.
    """

    beam: int = 5
    nbest: int = 5
    shortest: int = 1
    longest: int = 40
    length_penalty: float | None = None
    temperature: float = 0.0


def live(
    captioner: Captioner, picture: Image.Image, language: str, choices: Choices
) -> Iterator[str | Caption]:
    """What the search holds best at each of its steps, and last of all the caption.

    Each text is the best open prefix of the beam, or what the first sample has written; so an
    earlier word may still change. Of samples the likeliest is the caption, by the mean of its
    tokens.

    Raises UserError for an unknown language, or where the shortest is longer than the longest.
    """
    told_so_far: SimpleQueue[str | Caption | Exception] = SimpleQueue()

    def seen(tokens: list[int]) -> None:
        told_so_far.put(captioner.tokenizer.decode(tokens))

    def work() -> None:
        try:
            told_so_far.put(_searched(captioner, picture, language, choices, seen))
        except Exception as error:  # of this thread, raised in the one that reads
            told_so_far.put(error)

    threading.Thread(target=work, daemon=True).start()
    while True:
        match told_so_far.get():
            case Exception() as error:
                raise error
            case Caption() as caption:
                yield caption
                return
            case text:
                yield text


@torch.inference_mode()
def _searched(
    captioner: Captioner, picture: Image.Image, language: str, choices: Choices, seen: Any
) -> Caption:
    features = grid(captioner.backbone, captioner.tensors([picture]))
    found = _search(captioner, features, language, choices, seen)
    (caption,) = captioner.assessed([captioner.told(found, language)], features, [found], language)
    return caption


def _search(
    captioner: Captioner, features: Tensor, language: str, choices: Choices, seen: Any
) -> list[Hypothesis]:
    short, own_step = captioner.written.of(language, captioner.model.decoder)
    begin, end = torch.tensor([short.begin]), short.place(captioner.tokenizer.eos)
    search = _configured(captioner.search, choices)
    memory, state = captioner.model.remember(features)
    step: Any
    first: Any
    step, first = watched(own_step, state, 1, lambda places: seen(short.ids(places)))
    if choices.temperature:
        (drawn,) = sample(
            step,
            memory,
            first,
            begin=begin,
            end=end,
            max_length=search.max_length,
            samples=choices.nbest,
            temperature=choices.temperature,
            constraints=search.constraints(end),
        )
        found = sorted(drawn, key=lambda one: one.log_probability / len(one.tokens), reverse=True)
    else:
        width = max(choices.beam, choices.nbest)
        (found,) = search.run(step, memory, first, begin=begin, end=end, width=width)
    return [short.restored(hypothesis) for hypothesis in found[: choices.nbest]]


def _configured(own: SearchConfig, choices: Choices) -> SearchConfig:
    penalty = choices.length_penalty
    return replace(
        own,
        minimum_length=choices.shortest,
        max_length=choices.longest,
        length_penalty=own.length_penalty if penalty is None else penalty,
    )
