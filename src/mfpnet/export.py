"""Trained networks as files for other runtimes, each checked in its own before it is left there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mfpnet.data.datasets import Dataset
from mfpnet.exporting.report import (
    known_threads,
    on_data,
    refuse_mismatch,
    report_of,
    report_path,
)
from mfpnet.exporting.verification import (
    check_sizes,
    compare,
    frame_batches,
    overall,
    street_batches,
)
from mfpnet.exporting.writing import SUFFIXES, check_target, write_exported
from mfpnet.files import staged_files, write_json
from mfpnet.runtimes.backends import open_backend
from mfpnet.runtimes.inference_form import to_inference_form
from mfpnet.runtimes.manifest import Output, Pixels
from mfpnet.variants import Network

__all__ = ["SUFFIXES", "export", "report_path", "to_inference_form", "write_exported"]


def export(
    model: Network,
    path: Path,
    *,
    format: str,
    size: tuple[int, int] | None,
    precision: str = "fp32",
    output: Output = "logits",
    pixels: Pixels = "uint8",
    batch: int = 1,
    threads: int | None = None,
    data: Dataset | None = None,
) -> dict[str, Any]:
    """Write a file as `write_exported` does, and leave it only if it does what the network does.

    It is run in its own runtime on drawn streets of three sizes, or on three batches of its one
    size, and on every frame of `data`. The report is written beside it, to `report_path`.

    Args:
        model: a network with `info`; it stays as it is.
        path: the file to write, with the suffix of the format.
        format: one of `writing.SUFFIXES`.
        size: (H, W) of what the file takes; None for any from 32x32 up.
        precision: "fp32" or "fp16".
        output: see `Deployed`.
        pixels: see `Deployed`.
        batch: pictures that the file takes at once.
        threads: of the runtime while it is checked and timed; PyTorch's choice when left out.
        data: frames on which it must do what the network does, too.

    Returns:
        The report.

    Raises:
        MfpnetError: as `write_exported`; the runtime is not installed, or what it computes differs
            by more than `EQUAL_LABELS` and `DIFFERENCE` allow. No file is left then.
    """
    check_target(path, format, size, precision, batch)
    threads = known_threads(threads)
    with staged_files(path) as staged:
        manifest = write_exported(
            model,
            staged,
            format=format,
            size=size,
            precision=precision,
            output=output,
            pixels=pixels,
            batch=batch,
        )
        backend = open_backend(staged, threads=threads)
        pictures = street_batches(check_sizes(manifest), batch, manifest.info)
        checks = compare(model, backend, pictures)
        refuse_mismatch(path, backend.name, precision, checks)
        report = report_of(path, staged, backend, checks, batch=batch, threads=threads)
        if data is not None:
            whole = overall(compare(model, backend, frame_batches(data, size, batch)))
            refuse_mismatch(path, backend.name, precision, [whole])
            report["on_data"] = on_data(data, whole)
        write_json(report_path(staged), report)
    return report
