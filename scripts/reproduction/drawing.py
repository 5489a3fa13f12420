"""CSV tables and figures of the comparisons."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from attention_core.plots import save
from scripts.reproduction.systems import Row

OUT = Path("docs/reproduction")


def write(name: str, header: Sequence[str], rows: Sequence[Sequence[Any]], figure: Figure) -> None:
    """docs/reproduction/NAME.csv and NAME.svg."""
    OUT.mkdir(parents=True, exist_ok=True)
    with (OUT / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        for row in rows:
            table.writerow([f"{x:.4g}" if isinstance(x, float) else x for x in row])
    save(figure, OUT / f"{name}.svg")
    print(OUT / f"{name}.csv")


def bars(rows: Sequence[Row], title: str) -> Figure:
    """A bar a system, with its interval."""
    figure = Figure(figsize=(7, 0.45 * len(rows) + 1.2), layout="constrained")
    axes = figure.subplots()
    places = range(len(rows))[::-1]
    bleu = [row.bleu for row in rows]
    reach = [[row.bleu - row.low for row in rows], [row.high - row.bleu for row in rows]]
    axes.barh(places, bleu, xerr=reach, color="#4c78a8", ecolor="#333333", capsize=3)
    axes.set_yticks(places, [row.system for row in rows])
    axes.set_xlabel("BLEU, with the 95 % interval")
    axes.set_title(title)
    return figure


def lines(
    series: dict[str, list[tuple[float, float, float, float]]],
    *,
    across: str,
    up: str,
    title: str,
    logarithmic: bool = False,
) -> Figure:
    """A line for each series of (x, y, low, high)."""
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    for name, points in series.items():
        x, y, low, high = zip(*points, strict=True)
        (line,) = axes.plot(x, y, marker="o", label=name)
        axes.fill_between(x, low, high, alpha=0.15, color=line.get_color())
    if logarithmic:
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.set_title(title)
    axes.legend()
    return figure
