"""Marian, by pymarian: its "s2s", a GRU with additive attention as Nematus builds it. Searching
alone: it trains whole runs.
"""

import os
import random
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pymarian

from scripts.benchmarking import work
from scripts.benchmarking.protocol import serve

THREADS = int(os.environ["OMP_NUM_THREADS"])
COMMON = {"cpu_threads": THREADS, "quiet": True, "workspace": 1000}
SIZES = {
    "type": "s2s",
    "dim_vocabs": [work.VOCABULARY] * 2,
    "dim_emb": work.EMBEDDING,
    "dim_rnn": work.HIDDEN,
    "enc_cell": "gru",
    "dec_cell": "gru",
    "enc_depth": 1,
    "dec_depth": 1,
}
WORDS = [f"w{number}" for number in range(2, work.VOCABULARY)]
OUTPUT = "decoder_ff_logit_l2_b"  # the biases of the words


def sentences(count: int) -> str:
    """Sources: it adds the token of their end."""
    return "\n".join(" ".join(random.choices(WORDS, k=work.SOURCE - 1)) for _ in range(count))


def built(place: Path) -> dict[str, Any]:
    """A model of random weights that never ends a sentence, and its vocabularies."""
    lines = [f"{word}: {number}" for number, word in enumerate(["</s>", "<unk>", *WORDS])]
    vocabulary, text, model = (str(place / name) for name in ("words.yml", "text", "model.npz"))
    Path(vocabulary).write_text("\n".join(lines), "utf-8")
    Path(text).write_text(sentences(1) + "\n", "utf-8")
    found = {"vocabs": [vocabulary] * 2}
    once = {"after": "1u", "overwrite": True, "seed": 1, "learn_rate": 1e-9}
    pymarian.Trainer(model=model, train_sets=[text] * 2, **found, **SIZES, **once, **COMMON).train()
    weights = dict(np.load(model))
    weights[OUTPUT][:, 0] = -1e9
    np.savez(model, **weights)
    return {**found, "models": [model]}


def searching(found: dict[str, Any], count: int, width: int) -> partial[Any]:
    """Threads have a part of the batch each."""
    batch = {"mini_batch": -(-count // THREADS), "maxi_batch": THREADS, "normalize": 1.0}
    options = {"beam_size": width, "max_length_factor": 1.0, **batch, **COMMON}
    return partial(pymarian.Translator(**found, **options).translate, sentences(count))


def main() -> None:
    random.seed(0)
    with TemporaryDirectory() as place:
        found = built(Path(place))
        jobs = {
            "greedy": searching(found, work.BATCH, 1),
            "beam": searching(found, work.BATCH, work.WIDTH),
            "single": searching(found, 1, work.WIDTH),
        }
        for line in jobs["beam"]().splitlines():
            assert len(line.split()) == work.TARGET, line
        serve("Marian", version("pymarian"), jobs, network="Nematus")


if __name__ == "__main__":
    main()
