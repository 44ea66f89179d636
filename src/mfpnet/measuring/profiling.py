"""What the time of a network goes to: PyTorch's operations on a CPU, kernels on a GPU."""

from __future__ import annotations

import warnings
from typing import Any

from torch._C._autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from mfpnet.measuring.runners import Runner

_RUNS, _SHOWN = 5, 10


def time_shares(runner: Runner, loaded: Any, *, gpu: bool) -> list[dict[str, Any]]:
    """The operations that take the most time, and all others in one row, over some runs.

    A row has the operation (on a GPU the kernel), its `share` of the time (0 to 1), its
    milliseconds and its calls in one run. Time in which a GPU waits for the program is no
    operation's.
    """
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if gpu else [])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the profiler about its own parts
        with profile(activities=activities) as found:
            for _ in range(_RUNS):
                runner.run(loaded)
            runner.wait()
        events = found.key_averages()
    times = {event.key: (_own_time(event, gpu), event.count) for event in events}
    return _rows({name: took for name, took in times.items() if took[0] > 0})


def _own_time(event: Any, gpu: bool) -> float:
    """Microseconds in the event itself; on a GPU only kernels and copies have any."""
    if not gpu:
        return float(event.self_cpu_time_total)
    on_gpu = event.device_type == DeviceType.CUDA
    return float(event.self_device_time_total) if on_gpu else 0.0


def _rows(times: dict[str, tuple[float, int]]) -> list[dict[str, Any]]:
    total = sum(time for time, _ in times.values())
    ordered = sorted(times.items(), key=lambda item: -item[1][0])
    rows = [_row(name, time, count, total) for name, (time, count) in ordered[:_SHOWN]]
    rest = [took for _, took in ordered[_SHOWN:]]
    if rest:
        time, count = sum(time for time, _ in rest), sum(count for _, count in rest)
        rows.append(_row(f"{len(rest)} others", time, count, total))
    return rows


def _row(name: str, time: float, count: int, total: float) -> dict[str, Any]:
    return {
        "operation": name,
        "share": round(time / total, 4),
        "ms": round(time / 1000 / _RUNS, 4),
        "calls": round(count / _RUNS, 1),
    }
