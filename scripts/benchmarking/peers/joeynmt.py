"""JoeyNMT: GRU, additive attention, input feeding (its default)."""

import logging
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from scripts.benchmarking import work
from scripts.benchmarking.peers.absent import absent
from scripts.benchmarking.protocol import serve

absent("importlib_metadata", "joeynmt.datasets", "joeynmt.plotting", "torch.utils.tensorboard")
from joeynmt.batch import Batch  # noqa: E402
from joeynmt.model import Model, build_model  # noqa: E402
from joeynmt.search import search  # noqa: E402
from joeynmt.vocabulary import Vocabulary  # noqa: E402


def built() -> Model:
    symbols = ("pad", "bos", "eos", "unk")
    tokens = {f"{name}_token": f"<{name}>" for name in symbols}
    places = {"unk_id": 0, "pad_id": 1, "bos_id": 2, "eos_id": 3}
    words = [f"w{number}" for number in range(work.VOCABULARY - len(symbols))]
    vocabulary = Vocabulary(
        words, SimpleNamespace(**tokens, **places, sep_token=None, sep_id=None, lang_tags=[])
    )
    embeddings = {"embedding_dim": work.EMBEDDING}
    recurrent = {"type": "recurrent", "rnn_type": "gru", "embeddings": embeddings, "num_layers": 1}
    encoder = {**recurrent, "hidden_size": work.HIDDEN // 2, "bidirectional": True}
    decoder = {**recurrent, "hidden_size": work.HIDDEN, "attention": "bahdanau"}
    model = build_model({"encoder": encoder, "decoder": decoder}, vocabulary, vocabulary)
    model.loss_function = ("crossentropy", 0.0)
    return model


def batch(model: Model, count: int, target: bool) -> Batch:
    source = torch.randint(work.FIRST, work.VOCABULARY, (count, work.SOURCE))
    words = torch.randint(work.FIRST, work.VOCABULARY, (count, work.TARGET + 1))
    words[:, -1] = model.eos_index  # tells it that these are targets to learn
    return Batch(
        src=source,
        src_length=torch.full((count,), work.SOURCE),
        src_prompt_mask=None,
        trg=words if target else None,
        trg_prompt_mask=None,
        indices=torch.arange(count),
        device=torch.device("cpu"),
        pad_index=model.pad_index,
        eos_index=model.eos_index,
        is_train=target,
    )


def training() -> Callable[[], Any]:
    """As ``TrainManager._train_step`` and the loop around it do."""
    model = built().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    given = batch(model, work.BATCH, True)

    def update() -> None:
        given.sort_by_src_length()
        loss, _, _, _ = model(return_type="loss", **vars(given))
        given.normalize(loss, normalization="tokens").backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        model.zero_grad()

    return update


def searching(model: Model, count: int, width: int) -> Callable[[], Any]:
    length = {"min_output_length": work.TARGET, "max_output_length": work.TARGET}
    given = batch(model, count, False)
    return partial(
        search, model=model.eval(), batch=given, beam_size=width, beam_alpha=1.0, **length
    )


def main() -> None:
    logging.disable()
    torch.manual_seed(0)
    model = built()
    serve(
        "JoeyNMT",
        version("joeynmt"),
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
