"""Memory that is freed and taken again, counted in pages that the system has to give."""

import platform
import subprocess
import sys

import pytest

COUNT = """
import resource, torch
from attention_core.training.freed import keep_freed
if {kept}: keep_freed()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(2): torch.ones({numbers})
before = faults()
for _ in range(5): torch.ones({numbers})
print(faults() - before)
"""
NUMBERS = 16 * 2**20  # 64 MiB, which malloc would map and unmap


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc")
def test_pages_are_not_taken_anew():
    def faults(kept: bool) -> int:
        code = COUNT.format(kept=kept, numbers=NUMBERS)
        return int(subprocess.run([sys.executable, "-c", code], capture_output=True).stdout)

    assert faults(kept=True) < faults(kept=False) / 2  # a block may be taken anew, not each
