"""A conversation about a small world, after Vinyals and Le 2015: a plugin of attention-core."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from attention_core.tasks import Task

if TYPE_CHECKING:
    import click

    from attention_core.training import Learner


class ChatTask(Task):
    """What is heavy is imported where it is used, so that ``attention-core --help`` is quick."""

    name = "chat"
    title = "Chat"
    summary = "Talk about a small world: colours, animals, capitals, opposites, days and sums."
    shipped = Path(__file__).parent / "models" / "world"

    def recipe_type(self) -> type:
        from attention_dialogue.learner import ChatRecipe

        return ChatRecipe

    def learner(self, recipe: Any) -> Learner:
        from attention_dialogue.learner import ChatLearner

        return ChatLearner(recipe)

    def evaluate(
        self, checkpoint: Path, split: str, data: Path, beam: int | None
    ) -> dict[str, Any]:
        from attention_dialogue.speaker import Speaker

        return Speaker.load(checkpoint).scores(split, beam)

    def command(self) -> click.Command:
        from attention_dialogue.command import chat

        return chat

    def tab(self) -> None:
        from attention_dialogue.tab import tab

        tab()


TASK = ChatTask()
