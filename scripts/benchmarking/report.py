"""docs/performance.md and docs/performance.csv."""

import csv
from pathlib import Path
from typing import Any

from scripts.benchmarking import growth, work
from scripts.benchmarking.counting import NETWORKS
from scripts.benchmarking.machine import Rates, spread
from scripts.benchmarking.turns import Measured, Notebook

PAGE = Path("docs/performance.md")

INTRO = f"""# Performance

Ours and other people's code on the same work, on one machine, in one run: A B A B …, after a turn
to warm up; medians, with the least and the most. A turn of what is done one at a time has several
calls, so that caches are warm for all. Written by `scripts/benchmark --peers`; all
figures are in [performance.csv](performance.csv).

The work: random weights; vocabulary {work.VOCABULARY:,}, embedding {work.EMBEDDING}, hidden
{work.HIDDEN}, one layer, GRU, additive attention; batches of {work.BATCH}; source and target of
{work.SOURCE} tokens, no search ending before. The network is the one that JoeyNMT and OpenNMT-py
build: a bidirectional encoder, attention after the decoder's GRU, an attentional layer of the
hidden size that is fed to the next step and scores the vocabulary; eole and plain torch too. d2l
has an encoder of one direction, and its decoder attends first and has no readout; Marian's "s2s"
has an encoder of twice the size, two GRUs in a step of its decoder, and a readout of the
embedding's size. d2l has no beam search, and Marian trains whole runs alone.

Our search has its random weights rounded to float16, as a checkpoint would keep them, and computes
in float32. "fast" has weights of 8 bits and scores a quarter of the vocabulary. "bf16" trains with
products in bfloat16; quality is not compared here.
"""

LIMITS = """## The limit

An operation is a multiplication or an addition of a matrix product, and nothing else is counted
(`scripts/benchmarking/counting.py`). A job can't take less time than its operations at the rate of
a large product, which is measured anew in every round, nor less than reading its weights, in
float16, from memory does. The share is how much of a turn that is: the median of all rounds.
"""


FAST = """## What fast costs

A fast translation has weights of 8 bits; a fast caption too, and is of a network that sees in
bfloat16, where that is sooner (`attention-core caption --fast`). On validation data, with the
models that ship:
"""

EXACT = """## What exact means

Exact search has its weights laid out for the processor, those that float16 holds in float16, and
normalisations folded into their convolutions. In float64 nothing differs (a test). In float32, on
the same data, so many outputs are what they are without all that:
"""

GPU = """## On a GPU

`python -m scripts.benchmarking.cuda` measures training and search in float32 and bfloat16, with the
step compiled as a CUDA graph, and writes performance-cuda.md with the card's name. It has not been
run: no card was at hand.
"""


def write(notes: Notebook) -> None:
    """Both files, of what was measured."""
    known = Rates(**notes.kept["rates"])  # type: ignore[arg-type]
    rows = [row for job in work.JOBS if job in notes for row in told(notes, job, known)]
    with PAGE.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    parts = [INTRO, conditions(notes, known), LIMITS, rated(known), "## Text\n"]
    parts += [compared(job, rows) for job in work.TEXT_JOBS]
    if any(row["job"] in work.PICTURE_JOBS for row in rows):
        parts.append("## Pictures\n")
        parts += [compared(job, rows) for job in work.PICTURE_JOBS]
    quality: Any = notes.kept.get("quality", {})
    parts += [lost(quality), exact(quality)]
    if "start" in notes:
        parts.append(started(notes.kept["start"]))
    if "growth" in notes:
        parts.append(grown(notes.kept["growth"]))
    parts.append(GPU)
    PAGE.write_text("\n".join(part for part in parts if part), "utf-8")


def told(notes: Notebook, job: str, known: Rates) -> list[dict[str, Any]]:
    """A row for each that did the job."""
    rows = []
    for each in notes.kept[job]:  # type: ignore[attr-defined]
        one = Measured(**each)
        count = work.JOBS[job].count
        median, least, most = spread([count / seconds for seconds in one.seconds])
        network = NETWORKS.get(one.network)
        operations = network.operations(job) if network and job in work.TEXT_JOBS else None
        share = None
        if network and operations is not None:
            read = 0 if job == "train" else network.bytes(job) / known.read
            share = spread(
                [
                    max(operations / rate, read) * count / seconds / 1e9
                    for seconds, rate in zip(one.seconds, one.rates, strict=True)
                ]
            )[0]
        rows.append(
            {
                "job": job,
                "name": one.name,
                "version": one.version,
                "network": one.network,
                "rate": f"{median:.4g}",
                "least": f"{least:.4g}",
                "most": f"{most:.4g}",
                "unit": work.JOBS[job].unit,
                "operations": "" if operations is None else operations,
                "share": "" if share is None else f"{share:.3f}",
                "worked": f"{sum(one.worked) / sum(one.seconds):.2f}",
            }
        )
    return rows


def conditions(notes: Notebook, known: Rates) -> str:
    """The machine, and who couldn't be measured."""
    lines = [f"| {name} | {told} |" for name, told in notes.conditions.items()]
    failed: dict[str, str] = notes.kept.get("failed", {})  # type: ignore[assignment]
    missing = [f"- not measured: {name} ({why})" for name, why in failed.items()]
    jobs = [Measured(**one) for job in work.JOBS if job in notes for one in notes.kept[job]]  # type: ignore[attr-defined]
    busy = sum(sum(one.worked) for one in jobs) / sum(sum(one.seconds) for one in jobs)
    if busy < 0.7 * int(notes.conditions.get("threads", 1)):
        missing.append("- something else ran on the machine: only the ratios hold")
    return "\n".join(["## Machine\n", "| | |", "|---|---|", *lines, "", *missing, ""])


def rated(known: Rates) -> str:
    """The measured rates."""
    lines = [f"| {shape} | {rate:.0f} |" for shape, rate in known.products.items()]
    head = ["| product of | 10⁹ operations/s |", "|---|---|"]
    return "\n".join([*head, *lines, "", f"Reading from memory: {known.read:.1f} GB/s.\n"])


def compared(job: str, rows: list[dict[str, Any]]) -> str:
    """The table of a job, the fastest first."""
    mine = [row for row in rows if row["job"] == job]
    if not mine:
        return ""
    one = work.JOBS[job]
    ours = float(mine[0]["rate"])
    lines = [f"### {one.told[0].upper()}{one.told[1:]}\n"]
    lines += [f"| | {one.unit} | least–most | ours is | 10⁶ operations each | share of limit |"]
    lines += ["|---|---|---|---|---|---|"]
    for row in sorted(mine, key=lambda row: -float(row["rate"])):
        operations = f"{row['operations'] / 1e6:.0f}" if row["operations"] else ""
        share = f"{float(row['share']):.0%}" if row["share"] else ""
        faster = f"{ours / float(row['rate']):.2f}×"
        lines.append(
            f"| {row['name']} {row['version']} | {row['rate']} | {row['least']}–{row['most']} "
            f"| {faster} | {operations} | {share} |"
        )
    return "\n".join([*lines, ""])


def lost(told: Any) -> str:
    """What fast costs, where it was measured."""
    if not told:
        return FAST + "\nNot measured in this run: that takes `--data`.\n"
    lines = [
        f"| {what} | {exact:.2f} | {fast:.2f} | {same:.0%} |"
        for what, (exact, fast, same, _) in told.items()
    ]
    head = ["| | exact | fast | the same output |", "|---|---|---|---|"]
    return "\n".join([FAST, *head, *lines, ""])


def exact(told: Any) -> str:
    """How many outputs stay as they are when a model is prepared, where it was measured."""
    lines = [
        f"- {what.rpartition(', ')[0]}: {unprepared:.1%}" for what, (*_, unprepared) in told.items()
    ]
    return "\n".join([EXACT, *lines, ""]) if lines else ""


def started(told: Any) -> str:
    """Cold start: whole processes, and where the time goes."""
    commands = [
        f"| `{command}` | {seconds:.2f} | {worked:.2f} | {memory:.0f} |"
        for command, (seconds, worked, memory) in told["commands"].items()
    ]
    stages = [f"| {name} | {seconds:.2f} |" for name, seconds in told["stages"].items()]
    longest = [f"{package} {seconds:.2f}" for package, seconds in told["imports"].items()]
    return "\n".join(
        [
            "## From a cold start\n",
            "| process, from its start to its end | seconds | processor | peak memory, MB |",
            "|---|---|---|---|",
            *commands,
            "",
            "| one caption, in stages | seconds |",
            "|---|---|",
            *stages,
            "",
            f"Seconds of importing, by package: {', '.join(longest)}.\n",
        ]
    )


def grown(told: Any) -> str:
    """How cost grows, as a table and a figure."""
    curves = {
        name: (unit, {int(size): cost for size, cost in curve.items()})
        for name, (unit, curve) in told.items()
    }
    growth.drawn(curves)
    lines = [
        f"| {name} | {min(curve)}–{max(curve)} | {curve[min(curve)]:.3g}–{curve[max(curve)]:.3g} "
        f"{unit} | {growth.exponent(curve):.2f} |"
        for name, (unit, curve) in curves.items()
    ]
    return "\n".join(
        [
            "## How cost grows\n",
            "One size at a time, the others as above (batches of 16 sentences); cost ∝ size^p. A",
            "power below 1 is an overhead shared by more; one of 0 is a cost that stays. Pictures",
            "in a stream are seen at 32 pixels, so that 100,000 take a quarter of an hour.\n",
            f"![Cost by each size]({growth.FIGURE.relative_to(PAGE.parent).as_posix()})\n",
            "| | sizes | cost | p |",
            "|---|---|---|---|",
            *lines,
            "",
        ]
    )
