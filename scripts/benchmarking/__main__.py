"""``scripts/benchmark``."""

import os
from pathlib import Path

import click
import torch

from scripts.benchmarking import growth, machine, quality, report, start, work
from scripts.benchmarking import quick as checked
from scripts.benchmarking.peers.table import MISSING, OTHERS, OURS, PLACE, Entry, started
from scripts.benchmarking.turns import Notebook, in_turn


@click.command()
@click.option("--peers", is_flag=True, help="Also other people's code, installed for it alone.")
@click.option(
    "--sat",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A checkout of sgrvinod's Show, Attend and Tell, to be measured too.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The data folder, to measure there what fast costs in quality.",
)
@click.option("--quick", is_flag=True, help="Only counts and ratios, against the committed ones.")
@click.option("--threads", type=click.IntRange(1), default=os.cpu_count(), show_default=True)
def main(peers: bool, sat: Path | None, data: Path | None, quick: bool, threads: int) -> None:
    """Measures ours and others on the same work, in turn; writes docs/performance.md and .csv.

    What was interrupted is gone on with; runs/benchmark has what was measured. --quick takes two
    minutes, tells what is worse than docs/performance-baseline.json, and then exits with 1; of a
    processor that isn't in that file it adds what it measured.
    """
    torch.set_num_threads(threads)
    if quick:
        told = checked.measured(threads)
        for job, figures in told.items():
            click.echo("  ".join([job, *(f"{name} {value:g}" for name, value in figures.items())]))
        worse = checked.check(told, checked.processor())
        for line in worse:
            click.echo(f"worse: {line}", err=True)
        raise SystemExit(bool(worse))
    conditions = {**machine.described(), "threads": str(threads)}
    notes = Notebook(PLACE / "measured.json", conditions)
    if "rates" not in notes:
        click.echo("rates of this machine")
        notes["rates"] = machine.rates()._asdict()
    wanted = [job for job in work.JOBS if job not in notes]
    if wanted:
        running, failed = [], {**MISSING} if peers else {}
        others = [*OTHERS] if peers else []
        if sat:
            others.append(Entry("show_attend_tell", (str(sat.resolve()),)))
        for entry in (*OURS, *others):
            try:
                running.append(started(entry, threads))
            except ChildProcessError as error:
                failed[entry.program] = str(error)
        for name, why in failed.items():
            click.echo(f"not measured: {name} ({why})", err=True)
        notes["failed"] = failed
        for job in wanted:
            click.echo(work.JOBS[job].told)
            notes[job] = [each._asdict() for each in in_turn(running, job)]
        for peer in running:
            peer.close()
    if data and "quality" not in notes:
        click.echo("what fast costs")
        notes["quality"] = dict(quality.measured(data))
    if "start" not in notes:
        click.echo("cold start")
        notes["start"] = start.measured()
    if "growth" not in notes:
        curves = {}
        for told, unit, curve in growth.curves():
            click.echo(told)
            curves[told] = (unit, {str(size): cost for size, cost in curve.items()})
        notes["growth"] = curves
    report.write(notes)


if __name__ == "__main__":
    main()
