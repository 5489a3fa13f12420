"""What a benchmark's page remembers of runs that are on no disk any more, or on another machine's.

The rows are in the page's CSV; what is told of each run lies beside it, in ``NAME-runs.json``.
"""

import csv
import json
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Any

Run = tuple[str, int]  # system and seed


def rows(page: Path, here: Container[Run], systems: Container[str]) -> list[dict[str, str]]:
    """The CSV's rows of the systems that there are, of other runs than those ``here``."""
    path = page.with_suffix(".csv")
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    return [
        row
        for row in found
        if row["system"] in systems and (row["system"], int(row["seed"])) not in here
    ]


def runs(
    page: Path, here: Mapping[Run, dict[str, Any]], systems: Iterable[str]
) -> dict[Run, dict[str, Any]]:
    """What is told of all runs, those ``here`` and those before, by system and seed; it is kept."""
    path = page.with_name(f"{page.stem}-runs.json")
    known = json.loads(path.read_text("utf-8")) if path.exists() else {}
    for (name, seed), told in here.items():
        known.setdefault(name, {})[str(seed)] = told
    known = {
        name: {seed: known[name][seed] for seed in sorted(known[name], key=int)}
        for name in systems
        if name in known
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(known, indent=1) + "\n", "utf-8")
    return {(name, int(seed)): told for name in known for seed, told in known[name].items()}
