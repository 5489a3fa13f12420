"""Search over the part of a joint vocabulary that a language is written with."""

import copy
from collections.abc import Mapping, Sequence
from typing import Self

import torch
from torch import Tensor, nn

from attention_core.parts.decoder import RecurrentDecoder
from attention_core.parts.types import DecoderState, Memory
from attention_core.search import Hypothesis, Shortlist, Step
from attention_core.tokenizer import Tokenizer
from attention_core.training import SearchConfig


class Written:
    """Search over what a language is written with, so that a model of several keeps to one.

    Without ``pieces`` of a language, any may come.

    >>> from attention_core import Translator
    >>> translator = Translator.load()
    >>> short, step = translator.written.of("fr", translator.model.decoder)
    >>> short.words.numel() < translator.tokenizer.size
    True
    """

    def __init__(self, pieces: Mapping[str, Sequence[int]], tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._lists = {
            language: Shortlist(
                torch.tensor(pieces.get(language, range(tokenizer.size))),
                tokenizer.begin(language),
            )
            for language in tokenizer.languages
        }
        self._listed: dict[str, Tensor | nn.Module | None] = {}

    def laid_out(self, decoder: RecurrentDecoder) -> Self:
        """The same, of this decoder alone and as its weights are now."""
        other = copy.copy(self)
        other._listed = {to: decoder.listed(short.words) for to, short in self._lists.items()}
        return other

    def of(
        self, language: str, decoder: RecurrentDecoder
    ) -> tuple[Shortlist, Step[Memory, DecoderState]]:
        """The list of the language's pieces, and the step that knows them by their places.

        Raises UserError for an unknown language.
        """
        self._tokenizer.begin(language)
        short = self._lists[language].to(decoder.embedding.weight.device)
        listed = self._listed.get(language)
        if listed is None:
            listed = decoder.listed(short.words)
        return short, short.step(decoder.step, listed)

    def search(
        self,
        language: str,
        config: SearchConfig,
        decoder: RecurrentDecoder,
        memory: Memory,
        state: DecoderState,
        *,
        width: int,
        max_length: int | None = None,
    ) -> list[list[Hypothesis]]:
        """What beam search finds for each source, best first, in ids of the vocabulary."""
        short, step = self.of(language, decoder)
        sources = memory.valid.size(0)
        found = config.run(
            step,
            memory,
            state,
            begin=torch.full((sources,), short.begin, device=memory.valid.device),
            end=short.place(self._tokenizer.eos),
            width=width,
            max_length=max_length,
        )
        return [[short.restored(hypothesis) for hypothesis in ranked] for ranked in found]
