"""The command ``attention-core dates``."""

from __future__ import annotations

from pathlib import Path

import click

from attention_core.tasks import check_drawing, find_checkpoint


@click.command()
@click.argument("text")
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw where the model looked for each character (.png, .svg, .pdf).",
)
@click.option("--checkpoint", help="A model of one's own  [default: the one that ships]")
def dates(text: str, plot: Path | None, checkpoint: str | None) -> None:
    """Read the date in TEXT, as an ISO date.

    \b
      attention-core dates "the 3rd of May 79, Tuesday"
      attention-core dates "5/3/79" --plot where.png
    """
    if plot is not None:
        check_drawing(plot)
    from attention_dates import TASK
    from attention_dates.reader import DateReader

    path = find_checkpoint(checkpoint) if checkpoint else TASK.shipped
    (reading,) = DateReader.load(path).read([text])
    click.echo(reading.date())
    if plot is not None:
        from attention_core.plots import alignment_heatmap, save

        save(alignment_heatmap(text, reading.iso, reading.alignment), plot)
