"""What a run tells of itself: a line of ``log.jsonl`` per validation, and TensorBoard's curves."""

import json
import os
from pathlib import Path
from typing import Any


class Record:
    """The record of the run in ``out``, which has made so many updates and validations.

    Lines that a killed run wrote after its last saved state are dropped: they come again. So do
    its points of the curves, and TensorBoard hides the first ones.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as out:
    ...     record = Record(Path(out), update=0, validations=0, tensorboard=False)
    ...     record.add({"update": 500, "train_loss": 2.34567, "bleu": 12.0})
    'update 500 · train_loss 2.346 · bleu 12'
    """

    def __init__(self, out: Path, *, update: int, validations: int, tensorboard: bool) -> None:
        self.out = out
        self.update = update
        self.tensorboard = tensorboard
        self._curves: Any = None
        self._trim(validations)

    def add(self, entry: dict[str, Any]) -> str:
        """Notes a validation's numbers down; the line to print."""
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(entry) + "\n")
        if self.tensorboard:
            self._draw(entry)
        return " · ".join(
            f"{key} {number:.4g}" if isinstance(number, float) else f"{key} {number}"
            for key, number in entry.items()
        )

    def _draw(self, entry: dict[str, Any]) -> None:
        if self._curves is None:
            from torch.utils.tensorboard import SummaryWriter

            self._curves = SummaryWriter(str(self.out / "tensorboard"), purge_step=self.update + 1)
        prefix = "averaged/" if "averaged" in entry else ""
        for name, number in entry.items():
            if isinstance(number, float):
                self._curves.add_scalar(prefix + name, number, entry["update"])
        self._curves.flush()

    def _trim(self, lines: int) -> None:
        log = self.out / "log.jsonl"
        if not log.exists():
            return
        there = log.read_text(encoding="utf-8").splitlines(keepends=True)
        if len(there) > lines:
            new = log.with_name("log.jsonl.new")
            new.write_text("".join(there[:lines]), encoding="utf-8")
            os.replace(new, log)
