"""The progress bar of a run."""

import math
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Display:
    """A bar on stderr with epoch, loss and speed, and lines above it; or nothing of it.

    >>> with Display(shown=False) as display:
    ...     display.show(update=1, total=9, epoch=1, loss=2.5, speed=1000.0)
    """

    def __init__(self, *, shown: bool) -> None:
        self.console = Console(stderr=True, quiet=not shown)
        self.progress = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]:.3f} · {task.fields[speed]:,.0f} tokens/s"),
            TimeRemainingColumn(),
            console=self.console,
        )
        self.bar = self.progress.add_task("", epoch=1, loss=math.nan, speed=math.nan, visible=False)

    def __enter__(self) -> "Display":
        self.progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.progress.stop()

    def show(self, *, update: int, total: int, epoch: int, loss: float, speed: float) -> None:
        """After an update: how many of how many, and the loss since the last validation."""
        self.progress.update(
            self.bar,
            completed=update,
            total=total,
            epoch=epoch,
            loss=loss,
            speed=speed,
            visible=True,
        )

    def print(self, line: str) -> None:
        """A line that stays."""
        self.console.print(line, highlight=False, soft_wrap=True)
