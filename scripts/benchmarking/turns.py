"""Jobs measured in turn, A B A B …, so that what disturbs the machine disturbs all alike."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from scripts.benchmarking import machine, work
from scripts.benchmarking.protocol import Peer

ROUNDS = {**dict.fromkeys(work.TEXT_JOBS, 9), **dict.fromkeys(work.PICTURE_JOBS, 5)}


class Measured(NamedTuple):
    """What a job took: the seconds of each turn, and those that processors worked for it; and the
    rate of products, in 10⁹ operations a second, that the machine had in that round.
    """

    job: str
    name: str
    version: str
    network: str
    seconds: list[float]
    worked: list[float]
    rates: list[float]


class Notebook:
    """What was measured, in a file: a run that was interrupted goes on where it stopped.

    What was measured under other ``conditions`` is forgotten.
    """

    def __init__(self, path: Path, conditions: dict[str, str]) -> None:
        self.path, self.conditions = path, conditions
        told = json.loads(path.read_text("utf-8")) if path.exists() else {}
        same = told.get("conditions") == conditions
        self.kept: dict[str, object] = told["kept"] if same else {}

    def __contains__(self, name: str) -> bool:
        return name in self.kept

    def __getitem__(self, name: str) -> object:
        return self.kept[name]

    def __setitem__(self, name: str, value: object) -> None:
        self.kept[name] = value
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps({"conditions": self.conditions, "kept": self.kept}), "utf-8")
        new.replace(self.path)


def in_turn(
    peers: Iterable[Peer],
    job: str,
    rounds: int | None = None,
    rate: Callable[[], float] = machine.best,
) -> list[Measured]:
    """The job by each that does it: one turn to warm up, then ``rounds``, else those of the job.

    The machine's ``rate`` is measured in every round, so that a share of it is of the same moment.
    """
    able = [peer for peer in peers if job in peer.jobs]
    turns, rates = [], []
    for _ in range((rounds or ROUNDS[job]) + 1):
        turns.append([peer.seconds(job) for peer in able])
        rates.append(rate())
    return [
        Measured(
            *(job, peer.name, peer.version, peer.network),
            *map(list, zip(*taken, strict=True)),
            rates[1:],
        )
        for peer, taken in zip(able, zip(*turns[1:], strict=True), strict=True)
    ]
