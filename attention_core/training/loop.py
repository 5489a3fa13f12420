"""The training loop: progress, validation, early stopping, and exact resume.

A run lives in one directory: ``best`` is the checkpoint of the best validation, ``state.pt``
all that is needed to go on as if the run had never stopped, ``log.jsonl`` a line per validation.
"""

import json
import math
import os
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from attention_core.errors import UserError
from attention_core.training.batching import Batch
from attention_core.training.config import TrainingConfig


class Learner(ABC):
    """What a task brings to the loop."""

    objective: nn.Module  # batch -> (summed loss, number of target tokens)
    metric: str  # the validation metric to choose by, higher is better

    @abstractmethod
    def batches(self, epoch: int) -> Sequence[Any]:
        """The batches of an epoch, in order: a pure function of the recipe and the epoch."""

    @abstractmethod
    def collate(self, item: Any) -> Batch:
        """The tensors of one of ``batches``."""

    @abstractmethod
    def validate(self) -> dict[str, float]:
        """Validation metrics of the model as it is, ``metric`` among them."""

    @abstractmethod
    def save(self, directory: Path, metrics: dict[str, float]) -> None:
        """Write the model as a checkpoint."""


def train(learner: Learner, config: TrainingConfig, out: str | Path, *, seed: int) -> Path:
    """Train until the last epoch or until patience ends; the path of the best checkpoint.

    Started again on the same ``out`` it goes on where it stopped, bit for bit. Interrupted by
    Ctrl-C or SIGTERM it finishes the update, saves its state and raises KeyboardInterrupt.

    Raises UserError when ``out`` holds another run's state.
    """
    from accelerate import Accelerator
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    accelerator = Accelerator(mixed_precision=config.precision)
    optimizer = torch.optim.AdamW(
        [weight for weight in learner.objective.parameters() if weight.requires_grad],
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        fused=True,
    )
    objective, optimizer = accelerator.prepare(learner.objective, optimizer)
    run = _Run(out, config, objective, optimizer)
    run.resume()
    console = Console(stderr=True)
    columns = (
        TextColumn("epoch {task.fields[epoch]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.3f} · {task.fields[speed]:,.0f} tokens/s"),
        TimeRemainingColumn(),
    )
    with _interruptible() as interrupted, Progress(*columns, console=console) as progress:
        bar = progress.add_task("", epoch=run.epoch + 1, loss=math.nan, speed=math.nan)
        while run.epoch < config.epochs and not run.stopped:
            batches = learner.batches(run.epoch)
            total = len(batches) * config.epochs
            while run.batch < len(batches) and not run.stopped:
                began = time.perf_counter()
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate(config, run.update, total)
                objective.train()
                loss, count = objective(
                    _to(learner.collate(batches[run.batch]), accelerator.device)
                )
                optimizer.zero_grad()
                accelerator.backward(loss / count)
                if config.clip:
                    accelerator.clip_grad_norm_(objective.parameters(), config.clip)
                optimizer.step()
                run.batch += 1
                run.update += 1
                run.loss += float(loss.detach())
                run.tokens += count
                progress.update(
                    bar,
                    total=total,
                    completed=run.update,
                    epoch=run.epoch + 1,
                    loss=run.loss / run.tokens,
                    speed=count / (time.perf_counter() - began),
                )
                last = run.epoch + 1 == config.epochs and run.batch == len(batches)
                if run.update % config.validate_every == 0 or last:
                    objective.eval()
                    metrics = learner.validate()
                    line = run.judge(metrics, learner.metric)
                    if run.bad == 0:
                        learner.save(out / "best", metrics)
                    run.save()
                    console.print(line, highlight=False, soft_wrap=True)
                if interrupted():
                    run.save()
                    raise KeyboardInterrupt
            run.epoch, run.batch = run.epoch + 1, 0
    return out / "best"


def learning_rate(config: TrainingConfig, update: int, total: int) -> float:
    """The learning rate of an update: linear warm-up, then constant or a cosine to zero.

    η_u = η · min(1, (u + 1) / warm-up) · ½ (1 + cos(π u / total)). Loshchilov and Hutter 2017, §3.
    """
    rate = config.learning_rate * min(1.0, (update + 1) / max(1, config.warmup))
    if config.schedule == "cosine":
        rate *= 0.5 * (1 + math.cos(math.pi * min(update, total) / total))
    return rate


class _Run:
    """Where a run stands; all of it is saved and resumed."""

    def __init__(
        self, out: Path, config: TrainingConfig, objective: nn.Module, optimizer: Any
    ) -> None:
        self.out = out
        self.config = config
        self.objective = objective
        self.optimizer = optimizer
        self.epoch = self.batch = self.update = self.bad = 0
        self.best = -math.inf
        self.loss, self.tokens = 0.0, 0  # since the last validation

    @property
    def stopped(self) -> bool:
        return self.bad >= self.config.patience

    def judge(self, metrics: dict[str, float], metric: str) -> str:
        """Takes note of a validation; the line that tells of it."""
        value = metrics[metric]
        better = value > self.best
        self.best, self.bad = (value, 0) if better else (self.best, self.bad + 1)
        entry = {
            "update": self.update,
            "epoch": self.epoch + 1,
            "train_loss": self.loss / max(1, self.tokens),
            **metrics,
        }
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(entry) + "\n")
        self.loss, self.tokens = 0.0, 0
        told = " · ".join(
            f"{key} {number:.4g}" if isinstance(number, float) else f"{key} {number}"
            for key, number in entry.items()
        )
        return told + (" · best" if better else "")

    def save(self) -> None:
        counters = {key: getattr(self, key) for key in self._COUNTERS}
        state = {
            "counters": counters,
            "objective": self.objective.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state_all(),
            "sizes": self._sizes(),
        }
        new = self.out / "state.pt.new"
        torch.save(state, new)
        os.replace(new, self.out / "state.pt")

    def resume(self) -> None:
        path = self.out / "state.pt"
        if path.exists():
            self._load(path)
        self._trim_log()

    def _load(self, path: Path) -> None:
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            sizes = state["sizes"]
        except Exception:
            raise UserError(f"{path} is damaged: delete it to begin anew.") from None
        if sizes != self._sizes():
            raise UserError(
                f"{path} is the state of a model of other sizes:"
                " give the run another `out`, or delete that folder to begin anew."
            )
        self.objective.load_state_dict(state["objective"])
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        if torch.cuda.is_available():
            torch.cuda.set_rng_state_all(state.get("random_cuda", []))
        for key in self._COUNTERS:
            setattr(self, key, state["counters"][key])

    def _trim_log(self) -> None:
        """Drops the lines of a killed run that are newer than its state: they come again."""
        log = self.out / "log.jsonl"
        if not log.exists():
            return
        lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
        whole = [line for line in lines if line.endswith("\n")]
        kept = [line for line in whole if json.loads(line)["update"] <= self.update]
        if kept != lines:
            new = log.with_name("log.jsonl.new")
            new.write_text("".join(kept), encoding="utf-8")
            os.replace(new, log)

    _COUNTERS = ("epoch", "batch", "update", "bad", "best", "loss", "tokens")

    def _sizes(self) -> dict[str, list[int]]:
        return {name: list(p.shape) for name, p in self.objective.state_dict().items()}


def _to(batch: Batch, device: torch.device) -> Batch:
    return Batch(tuple(x.to(device) for x in batch.source), batch.tokens.to(device))


@contextmanager
def _interruptible() -> Iterator[Any]:
    """Turns SIGINT and SIGTERM into a flag, looked at between updates; twice means at once."""
    caught: list[int] = []

    def note(number: int, frame: Any) -> None:
        if caught:
            raise KeyboardInterrupt
        caught.append(number)

    try:
        before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: nothing to catch
        before = {}
    try:
        yield lambda: bool(caught)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
