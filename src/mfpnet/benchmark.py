"""Networks and backends side by side in one interleaved run, and how near each is to the machine.

Every backend gets the same pictures (uint8 RGB) and owes the same output; normalisation is part of
the work. What is missing here, or fails, is a line of the record and costs no other.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from mfpnet.device import choose_device, used_device
from mfpnet.errors import MfpnetError
from mfpnet.measuring.ceilings import measure_ceilings
from mfpnet.measuring.comparison import Comparison, Plan
from mfpnet.measuring.contenders import backend_names, precision_of
from mfpnet.measuring.runners import Job
from mfpnet.measuring.subjects import Subject
from mfpnet.records import environment
from mfpnet.runtimes.backends import file_bytes
from mfpnet.variants import count_parameters
from mfpnet.views.benchmark_view import not_measured

_RUNTIMES = ("onnxruntime", "openvino", "ai-edge-litert", "executorch", "transformers")


def benchmark(plan: Plan, say: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Measure what is planned; the record has a comparison for each size and batch size.

    Args:
        plan: what to measure.
        say: is told what is being done.

    Raises:
        MfpnetError: no such device or backend, a picture that cannot be read, or nothing could be
            measured.
    """
    device = choose_device(plan.device)
    if plan.threads:
        torch.set_num_threads(plan.threads)
    names = backend_names(
        device, only=plan.only, precisions=plan.precisions, compiled=plan.compiled
    )
    if not names and not any(subject.path for subject in plan.subjects):
        raise MfpnetError("--only and --precision leave no backend to measure: give one less.")
    precisions = list(dict.fromkeys(["fp32", *(precision_of(name, device) for name in names)]))
    load = _load()
    say("what the machine can do at most ...")
    before = measure_ceilings(device, precisions)
    with tempfile.TemporaryDirectory(prefix="mfpnet-") as folder:
        comparisons = [Comparison(plan, job, Path(folder), say) for job in _jobs(plan, device)]
        for comparison in comparisons:
            comparison.measure(names)
    _check_measured(comparisons)
    ceilings = measure_ceilings(device, precisions).better(before)
    return {
        "what": "inference",
        "output": plan.output,
        "rounds": plan.rounds,
        "networks": [_facts(subject) for subject in plan.subjects],
        "ceilings": asdict(ceilings),
        "comparisons": [comparison.record(ceilings) for comparison in comparisons],
        "load_average": [load, _load()],
        "environment": environment() | used_device(device) | {"runtimes": _runtimes()},
    }


def _check_measured(comparisons: Sequence[Comparison]) -> None:
    if not any(comparison.rows for comparison in comparisons):
        faults = [fault for comparison in comparisons for fault in comparison.not_measured]
        raise MfpnetError("\n".join(["nothing was measured:", *not_measured(faults)]))


def _jobs(plan: Plan, device: torch.device) -> list[Job]:
    threads = torch.get_num_threads()
    return [
        Job(size, batch, plan.output, device, threads)
        for size in plan.sizes
        for batch in plan.batch_sizes
    ]


def _facts(subject: Subject) -> dict[str, Any]:
    network = subject.network
    return {
        "name": subject.name,
        "parameters": count_parameters(network) if network is not None else None,
        "bytes": file_bytes(subject.path) if subject.path else None,
    }


def _load() -> float | None:
    """How many processes wanted a processor in the last minute; None where nobody counts."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _runtimes() -> dict[str, str]:
    found = {}
    for package in _RUNTIMES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
