"""How much memory a runner takes, measured in a process that does nothing else.

`python -m mfpnet.measuring.footprint` reads what to run as JSON from its standard input, runs it,
and prints what it took; `footprint` starts it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mfpnet.errors import MfpnetError
from mfpnet.measuring.contenders import import_library, rebuilt

_RUNS = 3
_PATIENCE = 1800  # seconds
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def footprint(request: dict[str, Any]) -> dict[str, int | None]:
    """Peak memory of a runner in a process of its own.

    Args:
        request: `contenders.requested`.

    Returns:
        `memory_mib`: the most that the process had in memory while it ran, over what it had before
        the network was loaded but its libraries were; `gpu_memory_mib`: what PyTorch took from the
        GPU, None without one.

    Raises:
        MfpnetError: the process failed, or the system does not tell.
    """
    if not _STATUS.is_file():
        raise MfpnetError("--memory is measured on Linux only: /proc/self/status tells the peak.")
    try:
        return in_fresh_process("mfpnet.measuring.footprint", request)
    except MfpnetError as error:
        raise MfpnetError(f"measuring the memory failed: {error}") from error


def in_fresh_process(module: str, request: dict[str, Any]) -> dict[str, Any]:
    """What `python -m MODULE` prints for a request of `contenders.requested`.

    Raises:
        MfpnetError: it failed, was killed or took half an hour; the text is its last line.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", module],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            env=os.environ | {"OMP_NUM_THREADS": str(request["job"]["threads"])},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise MfpnetError(f"not done after {_PATIENCE // 60} minutes") from error
    if done.returncode < 0:
        raise MfpnetError(f"killed by signal {-done.returncode}: most likely out of memory")
    if done.returncode:
        raise MfpnetError((done.stderr.strip() or "it ended without a word").splitlines()[-1])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _measure(request: dict[str, Any]) -> dict[str, int | None]:
    import_library(request["backend"])
    before = memory_mib("VmRSS")
    runner = rebuilt(request)
    job = request["job"]
    loaded = runner.load(np.zeros((job["batch"], *job["size"], 3), np.uint8))
    forget_peak()
    for _ in range(_RUNS):
        runner.fetch(runner.run(loaded))
    gpu = gpu_memory_mib() if runner.module is not None else None
    return {"memory_mib": memory_mib("VmHWM") - before, "gpu_memory_mib": gpu}


def forget_peak() -> None:
    """Let the peak of `memory_mib` begin anew."""
    with suppress(OSError):  # a container can forbid it; then loading the network counts too
        _CLEAR.write_text("5")


def gpu_memory_mib() -> int | None:
    """The most that PyTorch took from a GPU, None where this process used none."""
    return torch.cuda.max_memory_reserved() // 2**20 if torch.cuda.is_initialized() else None


def memory_mib(entry: str) -> int:
    """Of this process: `VmRSS` is what it has in memory now, `VmHWM` the most that it had."""
    lines = _STATUS.read_text("ascii").splitlines()
    (value,) = (line.split()[1] for line in lines if line.startswith(f"{entry}:"))
    return int(value) // 1024


if __name__ == "__main__":
    print(json.dumps(_measure(json.load(sys.stdin))))
