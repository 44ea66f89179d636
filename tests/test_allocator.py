"""What a training step frees stays with the process."""

from __future__ import annotations

import platform
import subprocess
import sys

STEPS = """
import resource, sys
import torch
from mfpnet.training.allocator import keep_freed_memory

if sys.argv[1] == "keep":
    keep_freed_memory()

def step():
    pieces = [torch.ones(2**20) for _ in range(16)]  # 4 MiB each
    return sum(piece[0] for piece in pieces)

for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    """Pages that five steps get from the system."""
    child = [sys.executable, "-c", STEPS, how]
    return int(subprocess.run(child, capture_output=True, text=True, check=True).stdout)


def test_a_step_gets_no_pages_that_the_last_one_had() -> None:
    pages = 5 * 16 * 2**20 * 4 // 4096  # of five steps
    kept = faults("keep")
    if platform.libc_ver()[0] == "glibc":
        assert kept < pages / 10
        assert faults("as it is") > pages / 2
