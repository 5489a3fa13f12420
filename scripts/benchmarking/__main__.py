"""``scripts/benchmark``."""

import os

import click
import torch

from scripts.benchmarking import machine, report, work
from scripts.benchmarking.peers.table import OTHERS, OURS, PLACE, started
from scripts.benchmarking.turns import Notebook, in_turn


@click.command()
@click.option("--peers", is_flag=True, help="Also other people's code, installed for it alone.")
@click.option("--threads", type=click.IntRange(1), default=os.cpu_count(), show_default=True)
def main(peers: bool, threads: int) -> None:
    """Measures ours and others on the same work, in turn; writes docs/performance.md and .csv.

    What was interrupted is gone on with; runs/benchmark has what was measured.
    """
    torch.set_num_threads(threads)
    conditions = {**machine.described(), "threads": str(threads)}
    notes = Notebook(PLACE / "measured.json", conditions)
    if "rates" not in notes:
        click.echo("rates of this machine")
        notes["rates"] = machine.rates()._asdict()
    wanted = [job for job in work.JOBS if job not in notes]
    if wanted:
        running, failed = [], {}
        for entry in (*OURS, *(OTHERS if peers else ())):
            try:
                running.append(started(entry, threads))
            except ChildProcessError as error:
                failed[entry.program] = str(error)
                click.echo(f"{entry.program}: {error}", err=True)
        notes["failed"] = failed
        for job in wanted:
            click.echo(work.JOBS[job].told)
            notes[job] = [each._asdict() for each in in_turn(running, job)]
        for peer in running:
            peer.close()
    report.write(notes)


if __name__ == "__main__":
    main()
