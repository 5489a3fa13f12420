"""A translator: text in, translations with their alignments out."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from attention_core import checkpoint
from attention_core.errors import UserError
from attention_core.models import Seq2Seq
from attention_core.recipe import from_dict
from attention_core.search import Hypothesis, Shortlist
from attention_core.tokenizer import Tokenizer
from attention_core.training import SearchConfig, pad
from attention_core.translation.confidence import DOUBTFUL, Confidence, read_confidence
from attention_core.translation.pieces import read_pieces
from attention_core.translation.sentences import cut, sentences, without_end, written_out
from attention_core.translation.stand_ins import STAND_INS, Held, held, restored

BATCH = 32
LONGEST_SENTENCE = 200  # tokens


@dataclass(frozen=True)
class Translation:
    """A translation and where the decoder looked for each of its words.

    >>> looked = [(0, [0.9, 0.1]), (2, [1.0])]  # in two sentences, the second of one word
    >>> words = ["Hello", "there.", "Bye."], ["Hola.", "Adiós."]
    >>> Translation("Hello there. Bye.", "Hola. Adiós.", -0.1, *words, looked).alignment
    [[0.9, 0.1, 0.0], [0.0, 0.0, 1.0]]
    """

    source: str
    text: str
    score: float  # mean log-probability of a token, in nats
    source_tokens: list[str]  # words; "</s>" ends a sentence
    tokens: list[str]
    looked: list[tuple[int, list[float]]]  # for each of ``tokens``: its weights on source tokens,
    # from that one on; those before and after are of other sentences
    confidence: float | None = None  # the chrF, 0 to 1, that can be expected of it
    log_probabilities: Sequence[float] = ()  # of each of ``tokens``; 0 for what is carried over
    alternatives: tuple[Translation, ...] = ()  # the next best, best first

    @property
    def doubtful(self) -> bool:
        """Whether the model is out of its depth; never where its confidence is not known."""
        return self.confidence is not None and self.confidence < DOUBTFUL

    @property
    def alignment(self) -> list[list[float]]:
        """A row for each of ``tokens``: its weight on each source token.

        Empty where the model has no attention.
        """
        size = len(self.source_tokens)
        return [
            [0.0] * first + row + [0.0] * (size - first - len(row)) for first, row in self.looked
        ]


class EncodedSentence(NamedTuple):
    """A sentence's ids with the end token, whether its full stop is the author's own, and the
    text of its stand-ins.

    >>> EncodedSentence([5, 6, 2], ended=False).ids
    [5, 6, 2]
    """

    ids: list[int]
    ended: bool
    spans: Sequence[str] = ()


class Translator:
    """A model with its tokenizer, translating into the languages that it was trained for.

    It keeps no state between calls, so threads may share it.

    >>> Translator.load().languages
    ('zh', 'fr', 'de', 'cs')
    """

    def __init__(
        self,
        model: Seq2Seq,
        tokenizer: Tokenizer,
        search: SearchConfig,
        pieces: Mapping[str, Sequence[int]],
        *,
        stand_ins: bool = False,
        confidence: Confidence | None = None,
    ) -> None:
        """``pieces`` are the ids that each language is written with: it is given no others, so
        that a model of several languages keeps to one. ``stand_ins`` tells whether the model has
        learnt to carry them over. Without ``confidence`` no translation has any.
        """
        self.model = model
        self.tokenizer = tokenizer
        self.search = search
        self.stand_ins = stand_ins
        self.confidence = confidence
        self._written_with = {
            language: Shortlist(torch.tensor(ids), tokenizer.begin(language))
            for language, ids in pieces.items()
        }

    @classmethod
    def load(cls, path: str | Path | None = None) -> Translator:
        """The translator of a checkpoint; without a path, the one that ships.

        Raises UserError when the checkpoint is missing, damaged, or of another task.
        """
        from attention_core.translation import TASK
        from attention_core.translation.learner import TranslateRecipe
        from attention_core.translation.model import build_model

        saved = checkpoint.read(path or TASK.shipped)
        if saved.task != TASK.name:
            raise UserError(
                f"{saved.path} is a checkpoint of the task {saved.task!r}, not translate"
            )
        tokenizer = Tokenizer.load(saved.path / "tokenizer.model")
        try:
            recipe = from_dict(TranslateRecipe, saved.config)
            model = build_model(recipe.model, tokenizer.size)
        except (ValueError, RuntimeError) as error:  # sizes that no model can have, or no memory
            raise UserError(f"{saved.path / checkpoint.CONFIG} is damaged: {error}") from None
        checkpoint.load_into(model, saved)
        pieces = read_pieces(saved, tokenizer)
        return cls(
            model.eval(),
            tokenizer,
            recipe.search,
            pieces,
            stand_ins=bool(recipe.data.stand_ins),
            confidence=read_confidence(saved, tokenizer),
        )

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages it can translate into."""
        return self.tokenizer.languages

    def translate(
        self, texts: Sequence[str], *, to: str, beam: int | None = None, nbest: int = 1
    ) -> list[Translation]:
        """The best translation of each text, with ``nbest`` - 1 alternatives.

        A text of several sentences is translated sentence by sentence and joined; its k-th best
        joins the k-th best of each. A sentence without an end gets none in its translation.
        ``beam`` None is the checkpoint's own width. Nothing is too long: a sentence that the model
        can't take whole is cut, between clauses where it can be.

        Raises UserError for an unknown language or a text that ``encode`` refuses.
        """
        self.tokenizer.begin(to)
        width = max(beam or self.search.beam, nbest)
        parts = [self.encode(text) for text in texts]
        ids = [sentence.ids for part in parts for sentence in part]
        searched = iter(self.decode(ids, to=to, width=width))
        translations = []
        for text, part in zip(texts, parts, strict=True):
            found = [next(searched) for _ in part]
            best, *rest = [
                self._joined(text, part, [ranked[min(k, len(ranked) - 1)] for ranked in found], to)
                for k in range(min(nbest, max(map(len, found))))
            ]
            translations.append(replace(best, alternatives=tuple(rest)))
        return translations

    def encode(self, text: str) -> list[EncodedSentence]:
        """The sentences of a text as the encoder takes them.

        Raises UserError for a text that ``sentences`` refuses.
        """
        return [part for sentence in sentences(text) for part in self._fitting(sentence)]

    def _fitting(self, sentence: str) -> list[EncodedSentence]:
        text, ended = written_out(sentence)
        kept = held(text, self.tokenizer) if self.stand_ins else Held(text, [])
        (ids,) = self.tokenizer.spell([kept.text])
        too_much = len(ids) >= LONGEST_SENTENCE or len(kept.spans) > len(STAND_INS)
        if too_much and len(sentence) > 1:
            return [part for half in cut(sentence) for part in self._fitting(half)]
        return [EncodedSentence([*ids, self.tokenizer.eos], ended, kept.spans)]

    def decode(self, ids: list[list[int]], *, to: str, width: int) -> list[list[Hypothesis]]:
        """What beam search makes of encoded sentences, best first; like lengths in one batch."""
        self.tokenizer.begin(to)
        short = self._written_with[to]
        step = short.step(self.model.decoder.step)
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        found: list[list[Hypothesis]] = [[] for _ in ids]
        for start in range(0, len(order), BATCH):
            chunk = order[start : start + BATCH]
            tokens = pad([ids[i] for i in chunk], self.tokenizer.pad)
            with torch.inference_mode():
                memory, state = self.model.remember(tokens, tokens != self.tokenizer.pad)
                hypotheses = self.search.run(
                    step,
                    memory,
                    state,
                    begin=torch.full((len(chunk),), short.begin),
                    end=short.place(self.tokenizer.eos),
                    width=width,
                    max_length=2 * tokens.size(1) + 10,
                )
            for i, ranked in zip(chunk, hypotheses, strict=True):
                found[i] = [short.restored(hypothesis) for hypothesis in ranked]
        return found

    def _joined(
        self,
        text: str,
        part: list[EncodedSentence],
        hypotheses: list[Hypothesis],
        language: str,
    ) -> Translation:
        sources: list[str] = []
        words: list[str] = []
        texts = []
        looked: list[tuple[int, list[float]]] = []
        gains: list[float] = []
        for sentence, hypothesis in zip(part, hypotheses, strict=True):
            said = self._said(sentence, hypothesis)
            looked += [(len(sources), row) for row in said.rows]
            sources += said.sources
            words += said.words
            gains += said.gains
            texts.append(said.text)
        confidence = None
        if self.confidence is not None:
            each = [
                self.confidence.expected(sentence.ids, hypothesis, language)
                for sentence, hypothesis in zip(part, hypotheses, strict=True)
            ]
            sizes = [len(sentence.ids) for sentence in part]
            confidence = sum(x * n for x, n in zip(each, sizes, strict=True)) / sum(sizes)
        log_probability = sum(h.log_probability for h in hypotheses)
        length = sum(len(h.tokens) for h in hypotheses)
        return Translation(
            source=text,
            text=("" if language == "zh" else " ").join(texts),
            score=log_probability / length,
            source_tokens=sources,
            tokens=words,
            looked=looked,
            confidence=confidence,
            log_probabilities=gains,
        )

    def text(self, sentence: EncodedSentence, found: Hypothesis) -> str:
        """What is said for a sentence of which search found that."""
        return self._said(sentence, found).text

    def _said(self, sentence: EncodedSentence, hypothesis: Hypothesis) -> _Said:
        """What is shown of a sentence. A stand-in that the model left out is put at the end."""

        def shown(word: str) -> str:
            return restored(word if sentence.ended else without_end(word), sentence.spans)

        source = self.tokenizer.words(sentence.ids)
        spoken = self.tokenizer.decode(hypothesis.tokens)
        target = [
            (word, where)
            for word, where in self.tokenizer.words(hypothesis.tokens)
            if word != "</s>" and shown(word)
        ]
        rows: list[list[float]] = []
        if hypothesis.weights is not None:
            rows = _merged(hypothesis.weights, target, source).tolist()
        text, words = shown(spoken), [shown(word) for word, _ in target]
        gains = [sum(hypothesis.log_probabilities[i] for i in where) for _, where in target]
        for symbol, span in zip(STAND_INS, sentence.spans, strict=False):
            if symbol not in spoken:
                text, words = f"{text} {span}".strip(), [*words, span]
                gains.append(0.0)
                if hypothesis.weights is not None:
                    rows.append([float(symbol in word) for word, _ in source])
        return _Said(text, [shown(word) for word, _ in source], words, rows, gains)


class _Said(NamedTuple):
    text: str
    sources: list[str]
    words: list[str]
    rows: list[list[float]]  # a word's weights on the sources; none without attention
    gains: list[float]  # a word's log-probability


_load = cache(Translator.load)
_loading = threading.Lock()


def shipped() -> Translator:
    """The translator that ships, loaded once, whichever thread asks first.

    >>> shipped() is shipped()
    True
    """
    with _loading:
        return _load()


def _merged(
    weights: Tensor,
    target: list[tuple[str, list[int]]],
    source: list[tuple[str, list[int]]],
) -> Tensor:
    """Word alignment of a subword one: mean over a target word's pieces, sum over a source's."""
    columns = torch.stack([weights[:, where].sum(1) for _, where in source], 1)
    rows = [columns[where].mean(0) for _, where in target]
    return torch.stack(rows) if rows else columns[:0]
