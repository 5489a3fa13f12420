"""What the pages of the benchmarks are made of."""

from collections.abc import Sequence
from statistics import mean, stdev


def spread(values: Sequence[float], sign: str = "") -> str:
    """Mean ± standard deviation (each); of one value the value."""
    if len(values) == 1:
        return f"{values[0]:{sign}.2f}"
    each = ", ".join(f"{value:{sign}.2f}" for value in values)
    return f"{mean(values):{sign}.2f} ± {stdev(values):.2f} ({each})"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)
