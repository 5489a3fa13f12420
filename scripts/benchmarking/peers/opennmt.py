"""OpenNMT-py: GRU, additive ("mlp") attention, input feeding (its default)."""

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor, nn

from scripts.benchmarking import work
from scripts.benchmarking.peers.absent import absent, hollow
from scripts.benchmarking.protocol import serve

hollow("onmt", "onmt.translate", "onmt.models", "onmt.utils")
absent("onmt.decoders.ensemble", "onmt.inputters", "onmt.model_builder", "onmt.transforms")
absent("ctranslate2", "onmt.utils.parse", "pyonmttok", "torch.utils.tensorboard")
from onmt.decoders.decoder import InputFeedRNNDecoder  # noqa: E402
from onmt.encoders.rnn_encoder import RNNEncoder  # noqa: E402
from onmt.models.model import NMTModel  # noqa: E402
from onmt.modules.embeddings import Embeddings  # noqa: E402
from onmt.translate.beam_search import BeamSearch, GNMTGlobalScorer  # noqa: E402
from onmt.translate.greedy_search import GreedySearch  # noqa: E402
from onmt.translate.translator import Translator  # noqa: E402


def embeddings() -> Embeddings:
    return Embeddings(work.EMBEDDING, work.VOCABULARY, work.PAD)


def built() -> NMTModel:
    encoder = RNNEncoder("GRU", True, 1, work.HIDDEN, embeddings=embeddings())
    decoder = InputFeedRNNDecoder(
        "GRU", True, 1, work.HIDDEN, attn_type="mlp", embeddings=embeddings()
    )
    model = NMTModel(encoder, decoder)
    model.generator = nn.Linear(work.HIDDEN, work.VOCABULARY)
    return model


def words(count: int, length: int) -> Tensor:
    return torch.randint(work.FIRST, work.VOCABULARY, (count, length, 1))


def training() -> Callable[[], Any]:
    """As ``Trainer._gradient_accumulation`` with ``LossCompute`` does."""
    model = built().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    criterion = nn.CrossEntropyLoss(ignore_index=work.PAD, reduction="sum")
    source, target = words(work.BATCH, work.SOURCE), words(work.BATCH, work.TARGET + 1)
    lengths = torch.full((work.BATCH,), work.SOURCE)

    def update() -> None:
        optimizer.zero_grad()
        outputs, _ = model(source, target, lengths)
        scores = model.generator(outputs.flatten(0, 1))
        loss = criterion(scores, target[:, 1:, 0].flatten())
        (loss / (work.BATCH * work.TARGET)).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return update


def searching(model: NMTModel, count: int, width: int) -> Callable[[], Any]:
    """As ``Translator.translate_batch`` does."""
    translator = Translator.__new__(Translator)
    scorer = GNMTGlobalScorer("avg", 0.0, "none", "none")
    translator.model, translator.global_scorer = model.eval(), scorer
    translator.copy_attn = translator.tgt_file_prefix = translator.report_align = False
    translator._gold_score = lambda *_: (None, None)
    given = {"src": words(count, work.SOURCE), "srclen": torch.full((count,), work.SOURCE)}
    common = {
        "pad": work.PAD,
        "bos": work.BEGIN,
        "eos": work.END,
        "unk": 3,
        "start": work.BEGIN,
        "n_best": 1,
        "batch_size": count,
        "global_scorer": scorer,
        "min_length": work.TARGET,
        "max_length": work.TARGET,
        "return_attention": False,
        "block_ngram_repeat": 0,
        "exclusion_tokens": set(),
        "ban_unk_token": False,
    }

    @torch.no_grad()
    def search() -> Any:
        strategy: Any
        if width == 1:
            draws = {"sampling_temp": 1.0, "keep_topk": 1, "keep_topp": 0.0, "beam_size": 1}
            strategy = GreedySearch(**common, **draws)
        else:
            strategy = BeamSearch(width, **common, stepwise_penalty=False, ratio=0.0)
        return translator._translate_batch_with_strategy(given, strategy)

    return search


def main() -> None:
    torch.manual_seed(0)
    model = built()
    serve(
        "OpenNMT-py",
        version("OpenNMT-py"),
        {
            "train": training(),
            "greedy": searching(model, work.BATCH, 1),
            "beam": searching(model, work.BATCH, work.WIDTH),
            "single": searching(model, 1, work.WIDTH),
        },
        network="shared",
    )


if __name__ == "__main__":
    main()
