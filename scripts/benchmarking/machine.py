"""What this machine is, and the rates that it reaches."""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

import torch

from scripts.benchmarking import work

BEST = (2048, 2048, 2048)


class Rates(NamedTuple):
    """Operations and bytes a second, in 10⁹, of this process with its threads."""

    products: dict[str, float]  # by the shape "m x k x n"; the best first
    read: float  # bytes from memory


def rates() -> Rates:
    """Measures products of the shapes that the work has, and reading what no cache holds."""
    rows, e, h, words = work.BATCH * work.WIDTH, work.EMBEDDING, work.HIDDEN, work.VOCABULARY
    shapes = [
        BEST,
        (work.BATCH * work.TARGET, h, words),
        *((m, h, words) for m in (rows, work.BATCH, work.WIDTH)),
        *((m, e + h, 3 * h) for m in (rows, work.BATCH, work.WIDTH)),
    ]
    products = {" x ".join(map(str, shape)): product(*shape) for shape in shapes}
    memory = torch.ones(64_000_000)
    return Rates(products, memory.numel() * 4 / least(lambda: memory.sum()) / 1e9)


def best() -> float:
    """The rate of a large product now."""
    return product(*BEST)


def product(m: int, k: int, n: int) -> float:
    """10⁹ operations a second of (m, k) by (k, n) as a linear layer does it."""
    x, weight = torch.randn(m, k), torch.randn(n, k)
    return 2 * m * k * n / least(lambda: torch.nn.functional.linear(x, weight)) / 1e9


def least(do: Callable[[], object], runs: int = 7, enough: float = 0.02) -> float:
    """The shortest of some runs, in seconds: each as many calls as make it long enough."""
    began = time.perf_counter()
    do()
    calls = max(1, round(enough / (time.perf_counter() - began)))
    found = []
    for _ in range(runs):
        began = time.perf_counter()
        for _ in range(calls):
            do()
        found.append((time.perf_counter() - began) / calls)
    return min(found)


def spread(values: list[float]) -> tuple[float, float, float]:
    """Median, least and most.

    >>> spread([3.0, 1.0, 2.0])
    (2.0, 1.0, 3.0)
    """
    return median(values), min(values), max(values)


def described() -> dict[str, str]:
    """The machine and what runs on it, by name."""
    processor = platform.processor() or platform.machine()
    if sys.platform == "linux":
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            models = [line.partition(":")[2].strip() for line in lines if "model name" in line]
        processor = models[0] if models else processor
    elif sys.platform == "darwin":
        asked = ["sysctl", "-n", "machdep.cpu.brand_string"]
        processor = subprocess.run(asked, capture_output=True, text=True).stdout.strip()
    kind = torch.backends.cpu.get_cpu_capability()
    return {
        "processor": f"{processor}, {os.cpu_count()} cores, {kind}",
        "system": platform.platform(terse=True),
        "Python": platform.python_version(),
        "torch": torch.__version__,
    }
