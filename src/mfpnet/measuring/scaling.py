"""Latency and memory against picture size, batch size and threads, each point in a fresh process.

`python -m mfpnet.measuring.scaling` reads a point as JSON from its standard input, measures it, and
prints what it found; `scaling` starts one after another.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import torch

from mfpnet.checkpoint import load_model
from mfpnet.device import used_device
from mfpnet.errors import MfpnetError
from mfpnet.measuring.contenders import (
    import_library,
    precision_of,
    rebuilt,
    requested,
    runtime_of,
)
from mfpnet.measuring.footprint import forget_peak, gpu_memory_mib, in_fresh_process, memory_mib
from mfpnet.measuring.runners import Job
from mfpnet.measuring.subjects import Subject, names_weights, subject_of
from mfpnet.pixels.pictures import Image
from mfpnet.predict import Predictor
from mfpnet.records import environment
from mfpnet.runtimes.backends import is_exported
from mfpnet.runtimes.exported import ExportedEngine
from mfpnet.runtimes.latency import timing_of
from mfpnet.synthetic.scenes import draw_scene

SIZES = ((128, 128), (256, 256), (360, 480), (512, 1024), (1024, 2048), (10_000, 10_000))
BATCHES = (1, 2, 4, 8, 16)
# What is measured where no network is named.
SCALED = ("mfpnet_fast",)
# The size of what is measured against batch size and threads.
FRAME = (360, 480)
# Beyond this many pixels a picture is predicted in tiles.
WHOLE_PIXELS = 2048 * 2048
TILE = (720, 960)
# A larger street is this one again beside itself: drawing would take longer than predicting.
_DRAWN = (2048, 2048)

Axis = Literal["size", "batch", "threads"]


@dataclass(frozen=True)
class Sweep:
    """What is measured.

    Attributes:
        sizes: (H, W) of the pictures, one at a time; none leaves this axis out, as below.
        batches: pictures of 360x480 at a time.
        threads: counts of them, for one picture of 360x480.
        rounds: timed runs of each; one of a picture in tiles.
    """

    sizes: Sequence[tuple[int, int]]
    batches: Sequence[int]
    threads: Sequence[int]
    rounds: int

    @classmethod
    def of(
        cls,
        *,
        sizes: Sequence[tuple[int, int]] = (),
        batches: Sequence[int] = (),
        threads: int | None = None,
        rounds: int | None = None,
        on_gpu: bool = False,
    ) -> Sweep:
        """What is asked for, and the usual where nothing is; threads vary unless they are given."""
        vary = threads is None and not on_gpu
        counts = doubling(os.cpu_count() or 1) if vary else ()
        return cls(sizes or SIZES, batches or BATCHES, counts, rounds or 5)

    def points(self, job: Job) -> Iterator[tuple[Axis, Job]]:
        """Each axis, and what one of its points asks for; `job` has what it does not vary."""
        for size in self.sizes:
            yield "size", replace(job, size=size, batch=1)
        for batch in self.batches:
            yield "batch", replace(job, size=FRAME, batch=batch)
        for threads in self.threads:
            yield "threads", replace(job, size=FRAME, batch=1, threads=threads)


def doubling(most: int) -> tuple[int, ...]:
    """1, 2, 4, ... and the last number itself: 6 -> (1, 2, 4, 6)."""
    return tuple(sorted({min(2**power, most) for power in range(most.bit_length() + 1)}))


def scaling(
    subjects: Sequence[Subject],
    backends: Sequence[str],
    sweep: Sweep,
    *,
    device: torch.device,
    threads: int | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Measure every point; one that fails, for want of memory say, is a row with its reason.

    Args:
        subjects: the networks or exported files.
        backends: see `contenders.backend_names`. A picture in tiles runs in the inference form
            where the backend is one of PyTorch's.
        sweep: the points.
        device: of PyTorch's backends.
        threads: of the CPU where they are not what is varied, None for PyTorch's choice.
        told: called with what is being measured.
    """
    job = Job(FRAME, 1, "labels", device, threads or torch.get_num_threads())
    rows = []
    with TemporaryDirectory() as folder:
        for subject in subjects:
            for backend in [runtime_of(subject.path)] if subject.path else backends:
                for axis, asked in sweep.points(job):
                    row = _row(subject, backend, axis, asked)
                    told("{network}, {backend}: {size}, batch {batch_size}".format(**row))
                    rows.append(row | _found(subject, backend, asked, sweep.rounds, Path(folder)))
    return {
        "what": "scaling",
        "device": str(device),
        "rounds": sweep.rounds,
        "rows": rows,
        "environment": environment() | used_device(device),
    }


def _row(subject: Subject, backend: str, axis: Axis, job: Job) -> dict[str, Any]:
    return {
        "network": subject.name,
        "backend": backend,
        "axis": axis,
        "size": list(job.size),
        "batch_size": job.batch,
        "threads": job.threads,
        "tile": list(TILE) if _in_tiles(job) else None,
    }


def _in_tiles(job: Job) -> bool:
    return job.size[0] * job.size[1] > WHOLE_PIXELS


def _found(subject: Subject, backend: str, job: Job, rounds: int, folder: Path) -> dict[str, Any]:
    """What a fresh process measured, or why it could not."""
    nothing = {"median_ms": None, "spread": None, "memory_mib": None, "gpu_memory_mib": None}
    try:
        if subject.absent:
            raise MfpnetError(subject.absent)
        # A picture in tiles is run by what takes a tile and gives logits.
        seen = replace(job, size=TILE, output="logits") if _in_tiles(job) else job
        request = requested(subject, backend, seen, folder) | {"rounds": rounds}
        request |= {"picture": list(job.size), "tiled": _in_tiles(job)}
        request["street"] = str(_street_file(job.size, folder))
        return nothing | {"error": None} | in_fresh_process("mfpnet.measuring.scaling", request)
    except Exception as error:  # a runtime or somebody's network can raise anything
        return nothing | {"error": str(error) or type(error).__name__}


def _street_file(size: tuple[int, int], folder: Path) -> Path:
    """A street of up to 2048x2048 as an array, (h, w, 3), drawn where it is not there yet.

    Not in the process that is measured, where drawing would leave memory behind.
    """
    height, width = (min(side, most) for side, most in zip(size, _DRAWN, strict=True))
    path = folder / f"street-{height}x{width}.npy"
    if not path.exists():
        np.save(path, draw_scene(0, (height, width)).image)
    return path


def _measure(request: dict[str, Any]) -> dict[str, Any]:
    torch.set_num_threads(request["job"]["threads"])
    import_library(request["backend"])
    before = memory_mib("VmRSS")
    run, rounds = (_tiled(request), 1) if request["tiled"] else _plain(request)
    forget_peak()
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        run()
        times.append((time.perf_counter() - begun) * 1000)
    timing = timing_of(times)
    return {
        "median_ms": round(timing.median_ms, 3),
        "spread": round(timing.spread, 3),
        "memory_mib": memory_mib("VmHWM") - before,
        "gpu_memory_mib": gpu_memory_mib(),
    }


def _picture(request: dict[str, Any]) -> Image:
    """The drawn street again and again, (H, W, 3): labels of a flat picture take less time."""
    street: Image = np.load(request["street"])
    rows, columns = (
        np.arange(side) % drawn
        for side, drawn in zip(request["picture"], street.shape[:2], strict=True)
    )
    picture: Image = street[rows[:, None], columns]
    return picture


def _plain(request: dict[str, Any]) -> tuple[Callable[[], object], int]:
    """A runner, warm."""
    runner = rebuilt(request)
    loaded = runner.load(np.repeat(_picture(request)[None], request["job"]["batch"], axis=0))
    runner.fetch(runner.run(loaded))
    return lambda: runner.fetch(runner.run(loaded)), request["rounds"]


def _tiled(request: dict[str, Any]) -> Callable[[], object]:
    """The prediction of a large picture; the picture and its labels count as memory too."""
    predictor, picture = _tiling_predictor(request), _picture(request)
    return lambda: predictor.predict(picture)


def _tiling_predictor(request: dict[str, Any]) -> Predictor:
    """What was requested, in tiles: a file with its threads and precision."""
    given, job = request["given"], request["job"]
    if is_exported(given):
        bf16 = precision_of(request["backend"], torch.device("cpu")) == "bf16"
        return Predictor(ExportedEngine(given, threads=job["threads"], bf16=bf16), tile=TILE)
    weights = load_model(given) if names_weights(given) else None
    network = subject_of(given, weights, request["classes"]).network
    assert network is not None
    return Predictor(network, device=job["device"], tile=TILE)


if __name__ == "__main__":
    print(json.dumps(_measure(json.load(sys.stdin))))
