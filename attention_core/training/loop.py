"""The training loop: updates, validation, early stopping, and exact resume.

A run lives in one directory: ``best`` is the checkpoint of the best validation, ``state.pt``
all that is needed to go on as if the run had never stopped, ``log.jsonl`` a line per validation,
and ``tensorboard``, where asked for, the same as curves.
"""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from attention_core.errors import UserError
from attention_core.training.alone import alone
from attention_core.training.batching import Batch
from attention_core.training.config import TrainingConfig
from attention_core.training.losses import Objective
from attention_core.training.processes import accelerator, in_first_process
from attention_core.training.record import Record
from attention_core.training.run import Run
from attention_core.training.schedules import learning_rate
from attention_core.training.signals import interruptible
from attention_core.training.updating import Astray, Updater


class Learner(ABC):
    """What a task brings to the loop; ``train`` has an example.

    >>> sorted(Learner.__abstractmethods__)
    ['batches', 'collate', 'save', 'validate']
    """

    objective: Objective
    metric: str  # the validation metric to choose by, higher is better
    rates: Mapping[str, float] = MappingProxyType({})  # of some weights, as ``Updater`` takes them
    identity: Mapping[str, str] = MappingProxyType({})  # of the run, as ``Run`` takes it

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

    def finish(self, best: Path) -> None:  # noqa: B027 (most tasks have nothing to do)
        """Called with the best checkpoint when training has ended, by one process."""


def train(learner: Learner, config: TrainingConfig, out: str | Path, *, seed: int) -> Path:
    """Train until the last epoch or until patience ends; the path of the best checkpoint.

    Started again on the same ``out`` it goes on where it stopped, bit for bit. Interrupted by
    Ctrl-C or SIGTERM it finishes the update, saves its state and raises KeyboardInterrupt.

    Under ``torchrun`` or ``accelerate launch`` each of P processes takes every P-th batch of an
    update, with a random state of its own; only the first validates, saves and prints.

    Raises UserError when ``out`` holds another run's state, or another process trains there, or no
    validation gave a number to choose by; ValueError where there are no batches, or validation
    lacks the learner's metric.

    >>> class Distance(Objective):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.place = torch.nn.Parameter(torch.zeros(()))
    ...     def forward(self, batch):
    ...         return (self.place - batch.tokens).square().sum(), batch.tokens.numel()
    >>> class Finder(Learner):
    ...     metric = "closeness"
    ...     def __init__(self):
    ...         self.objective = Distance()
    ...     def batches(self, epoch):
    ...         return [[3], [3]]
    ...     def collate(self, item):
    ...         return Batch((), torch.tensor(item))
    ...     def validate(self):
    ...         return {"closeness": -abs(self.objective.place.item() - 3)}
    ...     def save(self, directory, metrics):
    ...         pass  # a task writes its checkpoint here
    >>> from tempfile import TemporaryDirectory
    >>> finder = Finder()
    >>> config = TrainingConfig(epochs=50, learning_rate=0.1, warmup=0, validate_every=50)
    >>> with TemporaryDirectory() as out:
    ...     train(finder, config, out, seed=1).name
    'best'
    >>> round(finder.objective.place.item(), 1)
    3.0
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    with alone(out) if in_first_process() else nullcontext():
        return _trained(_Loop(learner, config, out, seed))


def _trained(loop: "_Loop") -> Path:
    run, learner, config, out = loop.run, loop.learner, loop.config, loop.best.parent
    before = run.update
    with interruptible() as interrupted, loop.display:
        loop.learn(interrupted)
        if run.update == before:
            loop.display.print(f"{out} had ended already, at update {before}")
        elif run.stopped:
            loop.display.print(
                f"stopped at update {run.update}: {config.patience} validations without a"
                f" better {learner.metric}"
            )
        if config.average:
            loop.average()
        if run.best == -math.inf:
            raise UserError(
                f"{out}: there is no model to keep, as {learner.metric} was never a number: the"
                " training went astray, which a lower learning rate or clipping may prevent"
            )
        if loop.accelerator.is_main_process:
            learner.finish(loop.best)
    return loop.best


class _Loop:
    """A run at work."""

    def __init__(self, learner: Learner, config: TrainingConfig, out: Path, seed: int) -> None:
        from attention_core.training.display import Display

        self.learner = learner
        self.config = config
        self.best = out / "best"
        self.accelerator = accelerator(config.precision)
        self.taken = config.accumulate * self.accelerator.num_processes  # batches of an update
        torch.manual_seed(seed + self.accelerator.process_index)
        self.updater = Updater(self.accelerator, learner.objective, config, learner.rates)
        self.run = Run(
            out,
            config,
            self.accelerator,
            learner.objective,
            self.updater.optimizer,
            learner.identity,
        )
        self.display = Display(shown=self.accelerator.is_main_process)
        if self.accelerator.is_main_process:
            self.record = Record(
                out,
                update=self.run.update,
                validations=self.run.validations,
                tensorboard=config.tensorboard,
            )

    def learn(self, interrupted: Callable[[], bool]) -> None:
        """Epoch by epoch, until the last one or until patience ends.

        A run too short for two validations has one after each epoch.
        """
        run, config = self.run, self.config
        while run.epoch < config.epochs and not run.stopped:
            batches = self.learner.batches(run.epoch)
            if not batches:
                raise ValueError(f"batches: expected some in epoch {run.epoch}, got none")
            short = self._updates(batches) < 2 * config.validate_every
            while run.batch < len(batches) and not run.stopped:
                self._update(batches)
                ends = run.batch == len(batches)
                last = run.epoch + 1 == config.epochs
                if run.update % config.validate_every == 0 or (ends and (last or short)):
                    self._judge()
                if self._in_any_process(interrupted()):
                    run.save()
                    raise KeyboardInterrupt
            if not run.stopped:
                run.epoch, run.batch = run.epoch + 1, 0

    def average(self) -> None:
        """Tries the mean of the kept validations' weights, which may be the best."""
        run, objective = self.run, self.learner.objective
        if run.averaged == run.update or not run.snapshots.kept:
            return
        own = {name: x.clone() for name, x in objective.state_dict().items()}
        objective.load_state_dict(run.snapshots.mean())
        metrics = self._measure()
        best = run.claims(metrics[self.learner.metric])
        run.validations, run.averaged = run.validations + 1, run.update
        self._tell({"update": run.update, "averaged": len(run.snapshots.kept)}, metrics, best)
        objective.load_state_dict(own)
        run.save()

    def _updates(self, batches: Sequence[Any]) -> int:
        """Those of the run, if every epoch has as many batches."""
        each: int = math.ceil(len(batches) / self.taken)
        return each * self.config.epochs

    def _update(self, batches: Sequence[Any]) -> None:
        """One update, from the next batches of the epoch."""
        run, config, processes = self.run, self.config, self.accelerator.num_processes
        began = time.perf_counter()
        total = self._updates(batches)
        items = batches[run.batch : run.batch + self.taken]
        objective = self.learner.objective
        objective.train()
        objective.update = run.update
        try:
            loss, tokens = self.updater.update(
                map(self.learner.collate, items[self.accelerator.process_index :: processes]),
                learning_rate(config, run.update, total, run.halvings),
            )
        except Astray as error:
            raise UserError(
                f"update {run.update + 1}, in epoch {run.epoch + 1}: {error}: look for such values"
                " in the data, or set a lower learning rate or clipping"
            ) from None
        run.advance(len(items), loss, tokens)
        self.display.show(
            update=run.update,
            total=total,
            epoch=run.epoch + 1,
            loss=run.loss / max(1, run.tokens),
            speed=tokens / (time.perf_counter() - began),
        )

    def _judge(self) -> None:
        """Validates the model as it is, and keeps it if it is the best so far."""
        run = self.run
        metrics = self._measure()
        entry = {
            "update": run.update,
            "epoch": run.epoch + 1,
            "train_loss": run.loss / max(1, run.tokens),
            "learning_rate": self.updater.rate,
        }
        best = run.judge(metrics[self.learner.metric])
        self._tell(entry, metrics, best)
        run.save()

    def _measure(self) -> dict[str, float]:
        """The first process's metrics, for all processes to judge alike."""
        from accelerate.utils import broadcast_object_list

        self.learner.objective.eval()
        found = self.learner.validate() if self.accelerator.is_main_process else {}
        metrics = [{n: x if type(x) in (int, float) else float(x) for n, x in found.items()}]
        broadcast_object_list(metrics)
        if self.learner.metric not in metrics[0]:
            raise ValueError(
                f"validate: expected {self.learner.metric!r} among the metrics, got"
                f" {', '.join(metrics[0]) or 'none'}"
            )
        return metrics[0]

    def _tell(self, entry: dict[str, Any], metrics: dict[str, float], best: bool) -> None:
        """Notes a validation down and saves the best model."""
        if not self.accelerator.is_main_process:
            return
        line = self.record.add(entry | metrics)
        if best:
            self.learner.save(self.best, metrics)
        self.display.print(line + (" · best" if best else ""))

    def _in_any_process(self, flag: bool) -> bool:
        tensor = torch.tensor(int(flag), device=self.accelerator.device)
        return bool(self.accelerator.reduce(tensor, "sum"))
