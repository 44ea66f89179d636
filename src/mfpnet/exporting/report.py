"""What is said about an exported file: how near it is to its network, its size, its latency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from mfpnet.data.datasets import Dataset
from mfpnet.errors import MfpnetError
from mfpnet.exporting.verification import (
    DIFFERENCE,
    EQUAL_LABELS,
    Check,
    as_input,
    manifest_of,
    street_batches,
)
from mfpnet.records import environment
from mfpnet.runtimes.backends import Backend
from mfpnet.runtimes.latency import interleaved_times, timing_of

# The timed runs are at least and at most so many, and else what fits into so many seconds.
_ROUNDS, _SECONDS = (5, 50), 3.0


def report_path(path: Path) -> Path:
    """Where the report on an exported file is: beside it."""
    return path.with_name(f"{path.name}.report.json")


def report_of(
    path: Path,
    written: Path,
    backend: Backend,
    checks: Sequence[Check],
    *,
    batch: int,
    threads: int,
) -> dict[str, Any]:
    """Everything that is known about an exported file, as plain types.

    Args:
        path: what it will be called.
        written: where it lies now, with nothing but its parts around it.
        backend: which runs it.
        checks: what comparing it with its network came to.
        batch: pictures that it takes at once.
        threads: that the backend was given, see `known_threads`.
    """
    manifest = manifest_of(backend)
    files = {file.name: file.stat().st_size for file in sorted(written.parent.iterdir())}
    return {
        "file": path.name,
        "variant": manifest.info.variant,
        "left_out": ["instances"] if manifest.info.things else [],
        "runtime": {"name": backend.name, "version": metadata.version(backend.package)},
        **{name: getattr(manifest, name) for name in ("pixels", "output", "precision", "size")},
        "batch": batch,
        "files": files,
        "bytes": sum(files.values()),
        **_nearness(checks, manifest.precision),
        "latency": latency_of(backend, checks[-1].size, batch=batch, threads=threads),
        "environment": environment(),
    }


def known_threads(threads: int | None) -> int:
    """The threads to give a backend, so that a report can say how many: PyTorch's if not said."""
    return threads or torch.get_num_threads()


def latency_of(
    backend: Backend, size: tuple[int, int], *, batch: int, threads: int
) -> dict[str, Any]:
    """Milliseconds for a batch of (H, W), from array to array, on this machine as it is now."""
    manifest = manifest_of(backend)
    (pictures,) = street_batches([size], batch, manifest.info)
    given = as_input(pictures, manifest.pixels)
    runner = {"": lambda: backend.run(given)}
    (first,) = interleaved_times(runner, rounds=1, warmup=1)[""]
    rounds = min(max(int(_SECONDS * 1000 / first), _ROUNDS[0]), _ROUNDS[1])
    timing = timing_of(interleaved_times(runner, rounds=rounds, warmup=0)[""])
    # ExecuTorch has no such setting, and does not say what it takes.
    used = None if backend.name == "executorch" else threads
    return {"size": size, **asdict(timing), "rounds": rounds, "threads": used}


def refuse_mismatch(path: Path, runtime: str, precision: str, checks: Sequence[Check]) -> None:
    """Let an exported file pass only where every check is within the limits.

    Raises:
        MfpnetError: one is not; the text has all of them.
    """
    if all(check.holds(precision) for check in checks):
        return
    rows = "\n".join(f"  {_row(check)}" for check in checks)
    raise MfpnetError(
        f"'{path}' is not left behind: what {runtime} computes is not what the network does.\n"
        f"{rows}\n"
        f"  wanted for {precision}: {100 * EQUAL_LABELS[precision]:.1f} % equal labels, logits "
        f"within {DIFFERENCE[precision]:g} of the largest.\n"
        f"Try another --precision or --format; if it is fp32, please report it."
    )


def on_data(data: Dataset, whole: Check) -> dict[str, Any]:
    """What comparing a file with its network came to over all frames of a data set."""
    facts = {"data": data.name, "split": data.split, "frames": len(data)}
    return facts | asdict(whole)


def _nearness(checks: Sequence[Check], precision: str) -> dict[str, Any]:
    differences = [check.max_difference for check in checks if check.max_difference is not None]
    return {
        "max_difference": max(differences, default=None),
        "equal_labels": min(check.equal_labels for check in checks),
        "limits": {
            "equal_labels": EQUAL_LABELS.get(precision),
            "difference_of_largest_logit": DIFFERENCE.get(precision),
        },
        "checks": [asdict(check) for check in checks],
    }


def _row(check: Check) -> str:
    height, width = check.size
    told = f"{height}x{width}: {100 * check.equal_labels:.2f} % of labels equal"
    if check.max_difference is None:
        return told
    return (
        f"{told}, logits differ by up to {check.max_difference:.3g} "
        f"(largest {check.largest_logit:.3g})"
    )
