"""Captions of a collection by all processors of a Ray cluster."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from attention_core.errors import UserError
from captioner.collections.stream import Asked, Result, caption_all
from captioner.predictor import BATCH, Captioner

os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # it tells much that concerns nobody
try:
    import ray
    import ray.data
except ModuleNotFoundError:
    raise UserError("--ray needs Ray: pip install 'attention-core[ray]'") from None

BLOCK = 4 * BATCH
"""Pictures that a worker is given at a time: what is done again when it is lost."""


class Worker:
    """A process of the cluster, which loads the model once and captions blocks of pictures."""

    def __init__(self, model: Path, folder: Path, asked: Asked) -> None:
        os.chdir(folder)  # from where the names of the pictures are meant
        self.captioner = Captioner.load(model).prepared(fast=asked.fast)
        self.asked = asked

    def __call__(self, block: dict[str, Any]) -> dict[str, Any]:
        """The results of a block, as Ray Data takes them: {"name": (P,)} to {"result": (P,)}."""
        paths = [Path(os.fsdecode(name)) for name in block["name"]]
        results = np.empty(len(paths), dtype=object)
        for index, result in enumerate(caption_all(self.captioner, paths, self.asked)):
            results[index] = result
        return {"result": results}


def caption_on_cluster(model: Path, paths: Iterable[Path], asked: Asked) -> Iterator[Result]:
    """What ``stream.caption_all`` gives for a checkpoint and these pictures, by Ray Data.

    Each processor of the cluster that RAY_ADDRESS names, or else of this machine, is a worker. All
    of them have to see the checkpoint and the pictures where this process sees them. The names of
    all pictures are held, their captions are not. What a lost worker was at is done again.
    """
    names = [os.fsencode(path) for path in paths]
    if not names:  # nothing to start a cluster for
        return
    if not ray.is_initialized():
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    workers = int(ray.cluster_resources()["CPU"])
    blocks = max(math.ceil(len(names) / BLOCK), min(len(names), workers))
    rows = ray.data.from_items([{"name": name} for name in names], override_num_blocks=blocks)
    captioned = rows.map_batches(
        Worker,
        fn_constructor_args=(model.absolute(), Path.cwd(), asked),
        batch_size=None,
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=1,
    )
    for row in captioned.iter_rows():
        yield row["result"]
