"""The built-in task: text to text, out of English and into it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from attention_core.tasks import Exportable, Task
from attention_core.wording import Tables

if TYPE_CHECKING:
    import click

    from attention_core.checkpoint import Checkpoint
    from attention_core.training import Learner
    from attention_core.translation.runtime import OnnxTranslator


class TranslateTask(Task):
    """Translation with attention, by one model for every target language.

    >>> TASK.recipe_type().__name__
    'TranslateRecipe'
    """

    name = "translate"
    title = "Translate"
    summary = "Translate English into Chinese, French, German or Czech, or these into English."
    shipped = Path(__file__).parent / "models" / "everyday"
    into_english = shipped.with_name("into-english")

    def languages(self) -> list[str]:
        """What the models that ship translate into."""
        from attention_core.checkpoint import read

        out_of_english: list[str] = read(self.shipped).config["data"]["languages"]
        return [*out_of_english, "en"]

    def recipe_type(self) -> type:
        from attention_core.translation.learner import TranslateRecipe

        return TranslateRecipe

    def learner(self, recipe: Any) -> Learner:
        from attention_core.translation.learner import TranslateLearner

        return TranslateLearner(recipe)

    def evaluate(
        self, checkpoint: Path, split: str, data: Path, beam: int | None
    ) -> dict[str, Any]:
        from attention_core.translation.evaluation import evaluate

        return evaluate(checkpoint, split, data, beam)

    def command(self) -> click.Command:
        from attention_core.translation.command import translate

        return translate

    def tab(self) -> None:
        from attention_core.translation.tab import tab

        tab()

    def wording(self) -> Tables:
        from attention_core.translation.wording import WORDING

        return WORDING

    def answer(self, source: str, language: str) -> str:
        from attention_core.translation.predictor import shipped

        (best,) = shipped(language).translate([source], to=language)
        return best.text

    def exportable(self, checkpoint: Path) -> Exportable:
        from attention_core.export import text_inputs
        from attention_core.translation.predictor import Translator

        found = Translator.load(checkpoint)
        settings = {"stand_ins": found.stand_ins}
        return Exportable(found.model, text_inputs(), found.tokenizer.eos, found.search, settings)

    def runtime(self, folder: Checkpoint, threads: int) -> OnnxTranslator:
        from attention_core.translation.runtime import OnnxTranslator

        return OnnxTranslator(folder, threads)


TASK = TranslateTask()
