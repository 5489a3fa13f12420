"""The captioning plugin: a picture in, a caption out, and where the model looked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from attention_core.tasks import Task

if TYPE_CHECKING:
    import click

    from attention_core.training import Learner


class CaptionTask(Task):
    """Captions by a CNN encoder and a recurrent decoder with attention."""

    name = "caption"
    title = "Caption"
    summary = "Caption pictures, and see where the model looked."
    shipped = Path(__file__).parent / "models" / "flickr8k"

    def recipe_type(self) -> type:
        from captioner.learner import CaptionRecipe

        return CaptionRecipe

    def learner(self, recipe: Any) -> Learner:
        from captioner.learner import CaptionLearner

        return CaptionLearner(recipe)

    def evaluate(
        self, checkpoint: Path, split: str, data: Path, beam: int | None
    ) -> dict[str, Any]:
        from captioner.evaluation import evaluate

        return evaluate(checkpoint, split, data, beam)

    def command(self) -> click.Command:
        from captioner.command import caption

        return caption

    def tab(self) -> None:
        from captioner.tab import tab

        tab()


TASK = CaptionTask()
