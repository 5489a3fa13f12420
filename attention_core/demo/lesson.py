"""How a model writes one sentence: what the tab *Learn* shows, as data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import torch

from attention_core.demo import example
from attention_core.demo.steps import AttentionStep, stated, walk
from attention_core.errors import UserError
from attention_core.parts.scorers import SCORERS, Scorer
from attention_core.search import greedy_search
from attention_core.translation.predictor import Translator
from attention_core.translation.stand_ins import STAND_INS

TINY, SHIPPED = "tiny", "shipped"
LONGEST = 200  # characters


@dataclass(frozen=True)
class Lesson:
    """A sentence, its translation, and the steps in which it is written."""

    scorer: str
    trained: bool  # whether the scorer's weights are trained ones
    source: list[str]
    tokens: list[str]
    steps: list[AttentionStep]
    likeliest: list[list[tuple[str, float]]]  # of each step, by name


def lesson(text: str, model: str, language: str, scorer: str) -> Lesson:
    """How a model writes the translation of a sentence, attending by a scorer.

    The tiny model is trained with each scorer. The translator that ships has one of its own; the
    others take its matrices, as ``steps.stated`` says.

    Raises UserError for a text that the model can't take.

    >>> found = lesson("cat chase mouse", "tiny", "zh", "additive")
    >>> found.tokens, round(found.steps[0].weights[0], 3)
    (['猫', '捉', '老鼠', '</s>'], 0.76)
    """
    return _tiny(text, scorer) if model == TINY else _shipped(text, language, scorer)


def _tiny(text: str, scorer: str) -> Lesson:
    source = example.read(text)
    model = example.trained(scorer)
    with torch.inference_mode():
        memory, state = model.remember(source, source > 0)
        (found,) = greedy_search(
            model.decoder.step,
            memory,
            state,
            begin=torch.tensor([example.BEGIN]),
            end=example.END,
            max_length=8,
        )
    steps = walk(model, source, found.tokens, begin=example.BEGIN)
    name = example.VOCABULARY.__getitem__
    return _lesson(scorer, True, source[0].tolist(), found.tokens, steps, name)


def _shipped(text: str, language: str, scorer: str) -> Lesson:
    if len(text) > LONGEST:
        raise UserError(f"the sentence is too long: at most {LONGEST} characters are followed here")
    translator = _translator()
    sentence, *more = translator.encode(text)
    if more:
        raise UserError("one sentence is followed here: leave out the others")
    ((best, *_),) = translator.decode([sentence.ids], to=language, width=1)
    trained = scorer == own_scorer()
    steps = walk(
        translator.model,
        torch.tensor([sentence.ids]),
        best.tokens,
        begin=translator.tokenizer.begin(language),
        scorer=None if trained else stated(scorer, _scorer(translator)),
    )

    stand_ins = {
        f"<0x{ord(symbol):02X}>": span
        for symbol, span in zip(STAND_INS, sentence.spans, strict=False)
    }

    def name(token: int) -> str:
        (piece,) = translator.tokenizer.pieces([token])
        return stand_ins.get(piece) or piece.replace("▁", "") or "▁"

    return _lesson(scorer, trained, sentence.ids, best.tokens, steps, name)


@cache
def _translator() -> Translator:
    """The one that ships, not ``prepared``, which would lay out the matrices that are shown."""
    return Translator.load()


def own_scorer() -> str:
    """The name of the scorer that the shipped translator was trained with.

    >>> own_scorer()
    'bilinear'
    """
    own = _scorer(_translator())
    return next(name for name in SCORERS if type(stated(name, own)) is type(own))


def _scorer(translator: Translator) -> Scorer:
    attention = translator.model.decoder.attention
    if attention is None:
        raise UserError("the translator has no attention: there are no scores to show")
    return attention.scorer


def _lesson(
    scorer: str,
    trained: bool,
    source: Sequence[int],
    tokens: Sequence[int],
    steps: list[AttentionStep],
    name: Callable[[int], str],
) -> Lesson:
    return Lesson(
        scorer,
        trained,
        [name(token) for token in source],
        [name(token) for token in tokens],
        steps,
        [[(name(token), chance) for token, chance in step.likeliest] for step in steps],
    )
