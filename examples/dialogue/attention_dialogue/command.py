"""The command ``attention-core chat``."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from attention_core.errors import UserError
from attention_core.tasks import find_checkpoint


@click.command()
@click.argument("text", required=False)
@click.option("--checkpoint", help="A model of one's own  [default: the one that ships]")
def chat(text: str | None, checkpoint: str | None) -> None:
    """Answer TEXT, or a conversation: what is typed, or the lines of standard input.

    \b
      attention-core chat "What is the capital of France?"
      attention-core chat
    """
    from attention_dialogue import TASK
    from attention_dialogue.corpus import turn
    from attention_dialogue.speaker import Speaker

    speaker = Speaker.load(find_checkpoint(checkpoint) if checkpoint else TASK.shipped)
    failed = False
    before = ""
    for line in _lines() if text is None else [text]:
        try:
            answer = speaker.answer(line, before)
        except UserError as error:
            click.echo(f"error: {error}", err=True)
            failed = True
        else:
            click.echo(answer)
            before = turn(line, answer)
    sys.exit(1 if failed else 0)


def _lines() -> Iterator[str]:
    """Standard input, after a prompt where somebody types."""
    typed = sys.stdin.isatty()
    while True:
        click.echo("> ", nl=False) if typed else None
        line = sys.stdin.readline()
        if not line:
            return
        yield line
