"""`mfpnet benchmark --scaling`, step by step: what is measured, printed and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from mfpnet.device import choose_device
from mfpnet.errors import MfpnetError
from mfpnet.measuring.contenders import backend_names
from mfpnet.measuring.scaling import SCALED, Sweep, scaling
from mfpnet.measuring.subjects import subjects_of
from mfpnet.options.deploy import BenchmarkOptions
from mfpnet.views.benchmark_view import number
from mfpnet.views.show import announce, counted, progress, say, show_rows, warn

_UNUSED = (
    "output",
    "precision",
    "compiled",
    "end_to_end",
    "model_only",
    "memory",
    "layers",
    "profile",
)
_SHOWN = ("axis", "size", "batch", "threads", "ms", "MiB")


def scale(options: BenchmarkOptions, sizes: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """Measure latency and memory against size, batch size and threads, and show them.

    Args:
        options: of the command line.
        sizes: the pictures' (H, W), none for the usual ones.

    Raises:
        MfpnetError: an option that it has no use for, or no such network, backend or device.
    """
    for name in _UNUSED:
        if getattr(options, name) != getattr(BenchmarkOptions(), name):
            raise MfpnetError(f"--{name.replace('_', '-')} is not for --scaling: leave it out.")
    device = choose_device(options.device)
    sweep = Sweep.of(
        sizes=sizes,
        batches=options.batch_size,
        threads=options.threads,
        rounds=options.rounds,
        on_gpu=device.type == "cuda",
    )
    record = scaling(
        subjects_of(options.networks or SCALED, options.against),
        backend_names(device, only=options.only or ("inference",)),
        sweep,
        device=device,
        threads=options.threads,
        told=announce,
    )
    progress("")
    show_scaling(record)
    return record


def show_scaling(record: dict[str, Any]) -> None:
    """A table for each network and backend, and what could not be measured.

    Raises:
        MfpnetError: that is all of it.
    """
    measured = [row for row in record["rows"] if row["error"] is None]
    if not measured:
        reasons = dict.fromkeys(row["error"] for row in record["rows"])
        raise MfpnetError("\n".join(["nothing was measured:", *reasons]))
    gpu = ("MiB of the GPU",) if any(row["gpu_memory_mib"] for row in measured) else ()
    shown = (*_SHOWN, *gpu)
    for (network, backend), rows in groupby(measured, itemgetter("network", "backend")):
        say(f"{network}, {backend}")
        show_rows([_cells(row) for row in rows], shown)
    for row in record["rows"]:
        if row["error"]:
            size = "x".join(map(str, row["size"]))
            warn(
                f"{row['network']}, {row['backend']}, {size}, batch {row['batch_size']}, "
                f"{counted(row['threads'], 'thread')}: {row['error']}"
            )
    if tiled := [row["tile"] for row in measured if row["tile"]]:
        tile = "x".join(map(str, tiled[0]))
        say(f"beyond 2048x2048 in tiles of {tile}, with the memory of picture and labels")


def _cells(row: dict[str, Any]) -> dict[str, Any]:
    told = {"batch": row["batch_size"], "ms": number(row["median_ms"]), "MiB": row["memory_mib"]}
    return row | told | {"MiB of the GPU": row["gpu_memory_mib"]}
