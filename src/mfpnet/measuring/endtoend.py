"""From a picture file to a label file: what a network's speed is worth in practice."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import PIL.Image

from mfpnet.files import write_atomically
from mfpnet.measuring.runners import Runner
from mfpnet.pixels.pictures import read_image, write_png
from mfpnet.pixels.resizing import resize_image
from mfpnet.pixels.rgb_view import rgb_view
from mfpnet.runtimes.latency import Key, timing_of
from mfpnet.synthetic.scenes import draw_scene

STAGES = ("decode", "resize", "network", "argmax", "write")
# What a small camera delivers.
_DRAWN_SIZE, _DRAWN = (720, 960), 2


def drawn_pictures(folder: Path) -> list[Path]:
    """Street scenes as JPEG files of 720x960."""
    paths = [folder / f"scene-{seed}.jpg" for seed in range(_DRAWN)]
    for seed, path in enumerate(paths):
        buffer = BytesIO()
        PIL.Image.fromarray(draw_scene(seed, _DRAWN_SIZE).image).save(buffer, "JPEG", quality=90)
        write_atomically(path, buffer.getvalue())
    return paths


def end_to_end(
    runners: Mapping[Key, Runner],
    pictures: Sequence[Path],
    size: tuple[int, int],
    folder: Path,
    rounds: int,
) -> dict[Key, dict[str, Any]]:
    """How long each runner takes from a picture file to a label file, and where the time goes.

    One picture after another: decode, resize to the network's size, network (with the transfer to
    and from its device), argmax where the network gives logits, write a PNG of the labels. The
    runners take turns.

    Args:
        runners: each takes one picture at a time.
        pictures: files, taken in turn.
        size: (H, W) of the network's input.
        folder: for the label files.
        rounds: timed pictures of each runner.

    Returns:
        For each runner `median_ms`, `p95_ms` and `spread` of the whole, and `stages`: the median
        milliseconds of each of `STAGES`.

    Raises:
        MfpnetError: a picture cannot be read, or the folder cannot be written.
    """
    marks: dict[Key, list[list[float]]] = {name: [] for name in runners}
    for number in range(1 + rounds):
        for name, runner in runners.items():
            picture = pictures[number % len(pictures)]
            taken = _one(runner, picture, size, folder / "labels.png")
            if number:
                marks[name].append(taken)
    return {name: _summary(taken) for name, taken in marks.items()}


def _one(runner: Runner, picture: Path, size: tuple[int, int], out: Path) -> list[float]:
    """Milliseconds of each stage of one picture."""
    marks = [time.perf_counter()]
    image = read_image(picture)
    marks.append(time.perf_counter())
    batch = rgb_view(resize_image(image, size))[None]
    marks.append(time.perf_counter())
    answer = runner.fetch(runner.run(runner.load(batch)))[0]
    marks.append(time.perf_counter())
    labels = answer.argmax(axis=0) if answer.ndim == 3 else answer
    marks.append(time.perf_counter())
    write_png(out, labels.astype("uint8" if labels.max() <= 255 else "uint16"))
    marks.append(time.perf_counter())
    return [1000 * (after - before) for before, after in pairwise(marks)]


def _summary(taken: Sequence[Sequence[float]]) -> dict[str, Any]:
    columns = zip(*taken, strict=True)
    stages = {name: statistics.median(c) for name, c in zip(STAGES, columns, strict=True)}
    return asdict(timing_of([sum(stages) for stages in taken])) | {"stages": stages}
