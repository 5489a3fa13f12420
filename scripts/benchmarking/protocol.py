"""How a measured program and the benchmark talk: lines of JSON, over its input and output.

First it tells what it is: ``{"name": ..., "version": ..., "network": ..., "jobs": [...]}``. Then
it gets the name of a job a line, calls it as often as a turn asks for, and answers with the seconds
that a call took, and those that processors worked for it: fewer than one a thread where something
else ran on the machine.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from scripts.benchmarking import work


def serve(
    name: str, version: str, jobs: Mapping[str, Callable[[], object]], *, network: str
) -> None:
    """Does jobs as they are asked for, until the input ends. What they print goes to stderr.

    ``network`` is one of ``counting.NETWORKS``, or the words for another.
    """
    answers, sys.stdout = sys.stdout, sys.stderr

    def answer(value: object) -> None:
        print(json.dumps(value), file=answers, flush=True)

    answer({"name": name, "version": version, "network": network, "jobs": list(jobs)})
    for line in sys.stdin:
        job = line.strip()
        do, calls = jobs[job], work.JOBS[job].calls
        began, worked = time.perf_counter(), time.process_time()
        for _ in range(calls):
            do()
        took = time.perf_counter() - began, time.process_time() - worked
        answer([seconds / calls for seconds in took])


class Peer:
    """A measured program: a process that ``serve``s."""

    def __init__(self, command: list[str], path: list[Path], threads: int, log: Path) -> None:
        """Raises ChildProcessError, with its last words, where it doesn't start."""
        self.log = log
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, path)),
            "OMP_NUM_THREADS": str(threads),
            "MKL_NUM_THREADS": str(threads),
            "CUDA_VISIBLE_DEVICES": "",
            "HF_HUB_OFFLINE": "1",
        }
        with log.open("w", encoding="utf-8") as errors:
            self.process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        told = self._heard()
        self.name: str = told["name"]
        self.version: str = told["version"]
        self.network: str = told["network"]
        self.jobs: list[str] = told["jobs"]

    def seconds(self, job: str) -> tuple[float, float]:
        """How long a call of a job takes in a turn, and how long processors worked for it."""
        assert self.process.stdin is not None
        print(job, file=self.process.stdin, flush=True)
        seconds, worked = self._heard()
        return seconds, worked

    def close(self) -> None:
        """Ends it."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def _heard(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            said = self.log.read_text("utf-8").strip().splitlines() or ["it said nothing"]
            raise ChildProcessError(said[-1])
        return json.loads(line)
