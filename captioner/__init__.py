"""The captioning plugin: a picture in, a caption out, and where the model looked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from attention_core.tasks import Exportable, Input, Task
from attention_core.wording import Tables

if TYPE_CHECKING:
    import click

    from attention_core.checkpoint import Checkpoint
    from attention_core.training import Learner
    from captioner.runtime import OnnxCaptioner


class CaptionTask(Task):
    """Captions by a CNN encoder and a recurrent decoder with attention."""

    name = "caption"
    title = "Caption"
    summary = "Caption pictures, and see where the model looked."
    shipped = Path(__file__).parent / "models" / "everyday"

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

    def verbs(self) -> dict[str, click.Command]:
        from captioner.collections.alt_command import alt

        return {"alt": alt}

    def tab(self) -> None:
        from captioner.tab import tab

        tab()

    def wording(self) -> Tables:
        from captioner.wording import WORDING

        return WORDING

    def answer(self, source: str, language: str) -> str:
        from captioner.images import open_picture
        from captioner.predictor import shipped

        (best,) = shipped().caption([open_picture(source)], language=language)
        return best.text

    def exportable(self, checkpoint: Path) -> Exportable:
        import torch

        from captioner.predictor import Captioner

        found = Captioner.load(checkpoint)
        backbone = found.model.encoder.backbone
        picture = Input(torch.zeros(2, 3, found.size, found.size), ("sources",))
        settings = {
            "size": found.size,
            "mean": backbone.mean,
            "std": backbone.std,
            "sentinel": found.model.decoder.sentinel is not None,
            "labels": found.labels,
        }
        return Exportable(
            found.model, {"pictures": picture}, found.tokenizer.eos, found.search, settings
        )

    def runtime(self, folder: Checkpoint, threads: int) -> OnnxCaptioner:
        from captioner.runtime import OnnxCaptioner

        return OnnxCaptioner(folder, threads)


TASK = CaptionTask()
