"""Dates as people write them into ISO dates, character by character: a plugin of attention-core."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from attention_core.tasks import Exportable, Task

if TYPE_CHECKING:
    import click

    from attention_core.training import Learner


class DatesTask(Task):
    """What is heavy is imported where it is used, so that ``attention-core --help`` is quick."""

    name = "dates"
    title = "Dates"
    summary = "Read freely written dates, and see which characters told the answer."
    shipped = Path(__file__).parent / "models" / "additive"

    def recipe_type(self) -> type:
        from attention_dates.learner import DatesRecipe

        return DatesRecipe

    def learner(self, recipe: Any) -> Learner:
        from attention_dates.learner import DatesLearner

        return DatesLearner(recipe)

    def evaluate(
        self, checkpoint: Path, split: str, data: Path, beam: int | None
    ) -> dict[str, Any]:
        from attention_dates.reader import DateReader

        return DateReader.load(checkpoint).score(split, beam)

    def command(self) -> click.Command:
        from attention_dates.command import dates

        return dates

    def tab(self) -> None:
        from attention_dates.tab import tab

        tab()

    def exportable(self, checkpoint: Path) -> Exportable:
        from attention_core.export import text_inputs
        from attention_dates.model import END
        from attention_dates.reader import DateReader

        found = DateReader.load(checkpoint)
        return Exportable(found.model, text_inputs(), END, found.search)


TASK = DatesTask()
