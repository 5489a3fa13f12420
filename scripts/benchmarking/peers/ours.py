"""Ours: the network that the others have, or a preset as it comes; exact, "fast" or in "bf16"."""

import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Literal

import torch
from torch import Tensor, nn

from attention_core import DecoderSizes, Seq2Seq, TextEncoder, build_decoder
from attention_core.parts.attention import Attention
from attention_core.parts.decoder import RecurrentDecoder
from attention_core.parts.packed import packed
from attention_core.parts.readouts import AttentionalReadout
from attention_core.parts.rnn import RecurrentStack
from attention_core.parts.scorers import Additive
from attention_core.parts.starts import ProjectStart
from attention_core.search import Shortlist, beam_search, greedy_search
from attention_core.training import Batch, TeacherForcing, TrainingConfig
from attention_core.training.processes import accelerator
from attention_core.training.updating import Updater
from scripts.benchmarking import work
from scripts.benchmarking.protocol import serve


def shared() -> Seq2Seq:
    """The network of JoeyNMT and OpenNMT-py, of our parts: ``counting.Network.shared``."""
    embedding, hidden = work.EMBEDDING, work.HIDDEN
    recurrence = RecurrentStack("gru", embedding + hidden, hidden)
    decoder = RecurrentDecoder(
        embedding=nn.Embedding(work.VOCABULARY, embedding),
        start=ProjectStart(hidden, recurrence),
        recurrence=recurrence,
        readout=AttentionalReadout(hidden, hidden, hidden),
        after=Attention(Additive(hidden, hidden, hidden)),
        feed=True,
    )
    source = nn.Embedding(work.VOCABULARY, embedding)
    return Seq2Seq(TextEncoder(source, "gru", hidden // 2), decoder)


def bahdanau() -> Seq2Seq:
    """The preset, tied, as recipes have it."""
    hidden = work.HIDDEN
    sizes = DecoderSizes(
        vocabulary=work.VOCABULARY,
        embedding=work.EMBEDDING,
        hidden=hidden,
        values=hidden,
        summary=hidden,
        attention=hidden,
        tied=True,
    )
    decoder = build_decoder("bahdanau", sizes)
    return Seq2Seq(TextEncoder(decoder.embedding, "gru", hidden // 2), decoder)


NETWORKS = {"shared": shared, "bahdanau": bahdanau}


def sentences(count: int) -> tuple[Tensor, Tensor]:
    """Sources and their mask."""
    tokens = torch.randint(work.FIRST, work.VOCABULARY, (count, work.SOURCE))
    return tokens, torch.ones_like(tokens, dtype=torch.bool)


class Training:
    """An update at a time, as the loop does it."""

    def __init__(self, model: Seq2Seq, precision: Literal["no", "bf16"] = "no") -> None:
        config = TrainingConfig(epochs=1, label_smoothing=0.0)
        self.updater = Updater(accelerator(precision), TeacherForcing.of(config, model), config)
        target = torch.randint(work.FIRST, work.VOCABULARY, (work.BATCH, work.TARGET + 1))
        self.batch = Batch(sentences(work.BATCH), target)

    def __call__(self) -> None:
        self.updater.update([self.batch], 1e-4)


class Search:
    """A batch at a time; nothing ends before the length that is forced. The weights are those that
    a checkpoint would keep: they are rounded to float16.

    ``fast`` has weights of 8 bits and a quarter of the vocabulary, as a model of four languages has
    for each.
    """

    def __init__(self, model: Seq2Seq, count: int, width: int, fast: bool) -> None:
        self.source, self.width = sentences(count), width
        assert model.decoder.bias is not None
        model.half().float()
        model.decoder.bias.data[work.END] = -1e9
        self.model = packed(model, int8=fast)
        words = torch.arange(work.VOCABULARY // 4 if fast else work.VOCABULARY)
        self.short = Shortlist(words, work.BEGIN)
        self.step = self.short.step(self.model.decoder.step, self.model.decoder.listed(words))

    @torch.inference_mode()
    def __call__(self) -> None:
        memory, state = self.model.remember(*self.source)
        begin = torch.full((len(self.source[0]),), self.short.begin)
        where = self.step, memory, state
        options = {"begin": begin, "end": self.short.place(work.END), "max_length": work.TARGET}
        if self.width == 1:
            found = [[one] for one in greedy_search(*where, **options)]
        else:
            found = beam_search(*where, **options, width=self.width)
        for ranked in found:
            assert len(self.short.restored(ranked[0]).tokens) == work.TARGET


def searches(model: Seq2Seq, *, fast: bool) -> dict[str, Search]:
    """The jobs of searching."""
    return {
        "greedy": Search(model, work.BATCH, 1, fast),
        "beam": Search(model, work.BATCH, work.WIDTH, fast),
        "single": Search(model, 1, work.WIDTH, fast),
    }


OTHERWISE = {"fast": "8 bits, a quarter of the words", "bf16": "products in bfloat16"}


def main(network: str, kind: str = "exact") -> None:
    torch.manual_seed(0)
    build = NETWORKS[network]
    jobs: dict[str, Callable[[], None]] = {}
    if kind != "fast":
        jobs["train"] = Training(build(), "bf16" if kind == "bf16" else "no")
    if kind != "bf16":
        jobs |= searches(build(), fast=kind == "fast")
    words = [] if network == "shared" else [f"preset {network}"]
    serve(
        ", ".join(["attention-core", *words, *([kind] if kind in OTHERWISE else [])]),
        version("attention-core"),
        jobs,
        network=OTHERWISE.get(kind, network),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
