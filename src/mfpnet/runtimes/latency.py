"""How long things take: runs in turn, and the statistics of their times."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

Key = TypeVar("Key")
# Seconds after which the idle threads of OpenMP and ONNX Runtime no longer keep a core busy.
ASLEEP = 0.01


@dataclass(frozen=True)
class Timing:
    """What many runs of the same thing took.

    Attributes:
        median_ms: half of the runs took less.
        p95_ms: 19 of 20 runs took less.
        spread: the interquartile range over the median; 0 on a machine that does nothing else.
    """

    median_ms: float
    p95_ms: float
    spread: float


def timing_of(times: Sequence[float]) -> Timing:
    """The statistics of some times in milliseconds."""
    low, median, high, late = np.percentile(times, (25, 50, 75, 95)).tolist()
    return Timing(median, late, (high - low) / median if median else 0.0)


def interleaved_times(
    runners: Mapping[Key, Callable[[], object]], *, rounds: int, warmup: int, again: bool = False
) -> dict[Key, list[float]]:
    """Milliseconds of each run of each runner, one of each in turn, so that drift hits all alike.

    Args:
        runners: what is run, by name.
        rounds: timed runs of each.
        warmup: turns before them that are not timed.
        again: let the threads of the one before fall asleep, which wait busily for more work, and
            run each once more, untimed, before each timed run, so that it need not fetch its data
            back from memory after the others.
    """
    times: dict[Key, list[float]] = {name: [] for name in runners}
    for number in range(warmup + rounds):
        for name, run in runners.items():
            if again:
                time.sleep(ASLEEP)
                run()
            begun = time.perf_counter()
            run()
            if number >= warmup:
                times[name].append((time.perf_counter() - begun) * 1000)
    return times


def interleaved_medians(
    runners: Mapping[str, Callable[[], object]], *, rounds: int = 20, warmup: int = 3
) -> dict[str, float]:
    """Median milliseconds of each runner; see `interleaved_times`."""
    times = interleaved_times(runners, rounds=rounds, warmup=warmup)
    return {name: statistics.median(values) for name, values in times.items()}
