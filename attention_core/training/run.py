"""Where a run stands, saved and resumed."""

import hashlib
import math
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from attention_core.errors import UserError
from attention_core.training.averaging import Snapshots
from attention_core.training.config import TrainingConfig

if TYPE_CHECKING:
    from accelerate import Accelerator


STATE = "state.pt"


def begun(out: str | Path) -> bool:
    """Whether there is a run in ``out`` to go on with.

    >>> begun("nowhere")
    False
    """
    return Path(out, STATE).exists()


def fingerprint(*parts: object) -> str:
    """What tells data from other data, as an ``identity`` does.

    >>> fingerprint(["a cat"]) == fingerprint(["a cat"]), fingerprint(["a"]) == fingerprint(["b"])
    (True, False)
    """
    digest = hashlib.sha256()
    for part in parts:
        digest.update(repr(part).encode())
    return digest.hexdigest()


class Run:
    """All that a run needs to go on as if it had never stopped: ``state.pt`` in its folder.

    Every process has one, and they are alike but for the random state.

    ``identity`` tells, by name, what the run is made of that its weights don't show, as its data.

    Raises UserError where the state there is damaged, or of another model, identity or number of
    processes.

    >>> from tempfile import TemporaryDirectory
    >>> from attention_core.training.processes import accelerator
    >>> model = nn.Linear(2, 1)
    >>> optimizer = torch.optim.AdamW(model.parameters())
    >>> of_model = TrainingConfig(epochs=1), accelerator(), model, optimizer
    >>> with TemporaryDirectory() as out:
    ...     run = Run(Path(out), *of_model)
    ...     run.advance(batches=1, loss=12.0, tokens=5)
    ...     run.save()
    ...     Run(Path(out), *of_model).update
    1
    """

    def __init__(
        self,
        out: Path,
        config: TrainingConfig,
        accelerator: "Accelerator",
        objective: nn.Module,
        optimizer: torch.optim.Optimizer,
        identity: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.path = out / STATE
        self.config = config
        self.accelerator = accelerator
        self.objective = objective
        self.optimizer = optimizer
        self.identity = dict(identity)
        self.snapshots = Snapshots(config)
        self.epoch = self.batch = self.update = 0
        self.validations = 0  # lines of the log
        self.bad = 0  # validations in a row without a better score
        self.halvings = 0  # of the learning rate, at plateaus
        self.averaged = -1  # the update whose weights and earlier ones were averaged
        self.best = -math.inf
        self.loss, self.tokens = 0.0, 0  # since the last validation
        if begun(out):
            self._load()

    @property
    def stopped(self) -> bool:
        """Whether patience has ended."""
        return self.bad >= self.config.patience

    def advance(self, batches: int, loss: float, tokens: int) -> None:
        """Takes note of an update."""
        self.batch += batches
        self.update += 1
        self.loss += loss
        self.tokens += tokens

    def judge(self, score: float) -> bool:
        """Takes note of a validation; whether it is the best so far."""
        better = self.claims(score)
        self.bad = 0 if better else self.bad + 1
        if self.bad and self.bad % self.config.plateau == 0:
            self.halvings += 1
        self.snapshots.add(score, self.update, self.objective.state_dict())
        self.validations += 1
        self.loss, self.tokens = 0.0, 0
        return better

    def claims(self, score: float) -> bool:
        """Whether a score is the best so far, which it then is."""
        better = score > self.best
        self.best = score if better else self.best
        return better

    def save(self) -> None:
        """Writes ``state.pt``, in one move.

        Raises UserError where it can't be written; what was there stays.
        """
        from accelerate.utils import gather_object

        device = self.accelerator.device
        random = {"cpu": torch.get_rng_state()}
        if device.type != "cpu":
            random[device.type] = torch.get_device_module(device).get_rng_state()
        state = {
            "counters": {key: getattr(self, key) for key in self._COUNTERS},
            "objective": self.objective.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "snapshots": self.snapshots.state_dict(),
            "processes": gather_object([random]),
            "sizes": self._sizes(),
            "identity": self.identity,
        }
        if self.accelerator.is_main_process:
            new = self.path.with_name(f"{STATE}.new")
            try:
                torch.save(state, new)
                os.replace(new, self.path)
            except (OSError, RuntimeError) as error:  # torch's own, where a disk is full
                new.unlink(missing_ok=True)
                why = getattr(error, "strerror", None) or "is the disk full?"
                raise UserError(f"Can't save {self.path}: {why}") from None

    def _load(self) -> None:
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            sizes, processes = state["sizes"], state["processes"]
        except OSError as error:
            raise UserError(f"Can't read {self.path}: {error.strerror or error}.") from None
        except MemoryError:
            raise
        except Exception:
            raise UserError(f"{self.path} is damaged: delete it to begin anew.") from None
        if sizes != self._sizes():
            raise UserError(
                f"{self.path} is the state of a model of other sizes:"
                " give the run another `out`, or delete that folder to begin anew."
            )
        for name, known in state.get("identity", {}).items():
            if self.identity.get(name, known) != known:
                raise UserError(
                    f"{self.path} is the state of a run with another {name}:"
                    " give the run another `out`, or delete that folder to begin anew."
                )
        if len(processes) != self.accelerator.num_processes:
            raise UserError(
                f"{self.path} is the state of a run in {len(processes)} processes, and this is one"
                f" in {self.accelerator.num_processes}: start as many, or give it another `out`."
            )
        try:
            self.optimizer.load_state_dict(state["optimizer"])
        except ValueError:
            raise UserError(
                f"{self.path} is the state of a run that trained other weights of the model:"
                " give the run another `out`, or delete that folder to begin anew."
            ) from None
        for group in self.optimizer.param_groups:
            group["weight_decay"] = self.config.weight_decay
        self.objective.load_state_dict(state["objective"])
        self.snapshots.load_state_dict(state["snapshots"])
        self._set_random(processes[self.accelerator.process_index])
        for key in self._COUNTERS:
            setattr(self, key, state["counters"][key])

    def _set_random(self, random: dict[str, Any]) -> None:
        torch.set_rng_state(random["cpu"])
        device = self.accelerator.device
        if device.type != "cpu" and device.type in random:
            torch.get_device_module(device).set_rng_state(random[device.type])

    _COUNTERS = (
        "epoch",
        "batch",
        "update",
        "validations",
        "bad",
        "halvings",
        "averaged",
        "best",
        "loss",
        "tokens",
    )

    def _sizes(self) -> dict[str, list[int]]:
        return {name: list(p.shape) for name, p in self.objective.state_dict().items()}
