"""Captions of a collection by all processors of a Ray cluster."""

from __future__ import annotations

import logging
import math
import os
from collections import Counter
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

CRASHES = 2
"""How many workers a picture may crash, each having it alone, before it counts as unreadable."""


class Tries:
    """What was begun and hasn't ended: where a worker was lost it is more than its successor's."""

    def __init__(self) -> None:
        self.begun: Counter[bytes] = Counter()

    def begin(self, what: bytes) -> int:
        """How often it was begun before, and never ended."""
        self.begun[what] += 1
        return self.begun[what] - 1

    def end(self, what: bytes) -> None:
        """It is done."""
        del self.begun[what]


class Worker:
    """A process of the cluster, which loads the model once and captions blocks of pictures.

    A block whose worker was lost is captioned picture by picture, so that it is known which one
    crashes it.
    """

    def __init__(self, model: Path, folder: Path, asked: Asked, tries: Any) -> None:
        os.chdir(folder)  # from where the names of the pictures are meant
        self.captioner = Captioner.load(model).prepared(fast=asked.fast)
        self.asked = asked
        self.tries = tries  # the actor of ``Tries``

    def __call__(self, block: dict[str, Any]) -> dict[str, Any]:
        """The results of a block, as Ray Data takes them: {"name": (P,)} to {"result": (P,)}."""
        names = list(block["name"])
        whole = b"\0".join([b"block", *names])
        found: Iterable[Result]
        if ray.get(self.tries.begin.remote(whole)):
            found = map(self._alone, names)
        else:
            found = caption_all(self.captioner, map(_path, names), self.asked)
        results = np.empty(len(names), dtype=object)
        for index, result in enumerate(found):
            results[index] = result
        self.tries.end.remote(whole)
        return {"result": results}

    def _alone(self, name: bytes) -> Result:
        if ray.get(self.tries.begin.remote(name)) >= CRASHES:
            problem = f"{_path(name)} crashed {CRASHES} workers: look at it, or leave it out"
            return Result(_path(name), problem=problem)
        (result,) = caption_all(self.captioner, [_path(name)], self.asked)
        self.tries.end.remote(name)
        return result


def caption_on_cluster(model: Path, paths: Iterable[Path | None], asked: Asked) -> Iterator[Result]:
    """What ``stream.caption_all`` gives for a checkpoint and these pictures, by Ray Data.

    Each processor of the cluster that RAY_ADDRESS names, or else of this machine, is a worker. All
    of them have to see the checkpoint and the pictures where this process sees them. The names of
    all pictures are held, their captions are not. What a lost worker was at is done again; a
    picture that crashes its workers is a result, as one that can't be read.
    """
    names = [os.fsencode(path) for path in paths if path is not None]
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
    tries = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Tries).remote()
    captioned = rows.map_batches(
        Worker,
        fn_constructor_args=(model.absolute(), Path.cwd(), asked, tries),
        batch_size=None,
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=1,
    )
    for row in captioned.iter_rows():
        yield row["result"]


def _path(name: bytes) -> Path:
    return Path(os.fsdecode(name))
