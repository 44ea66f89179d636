"""`mfpnet benchmark`: inference, training or scaling; measured, shown, recorded, drawn."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from mfpnet.errors import MfpnetError
from mfpnet.files import write_json
from mfpnet.options.deploy import BenchmarkOptions
from mfpnet.options.verbs import check_at_least, parse_picture_size
from mfpnet.views.canvas import check_drawable
from mfpnet.views.latency_chart import latency_bars
from mfpnet.views.scaling_chart import scaling_picture
from mfpnet.views.show import announce, progress, say, show_rows, warn

Sizes = Sequence[tuple[int, int]]
# Of a benchmark's pictures where neither the user nor a file names one.
_SIZES = ((360, 480),)


def benchmark(options: BenchmarkOptions) -> int:
    """`mfpnet benchmark`."""
    smallest = min(options.batch_size, default=None)
    check_at_least(1, batch_size=smallest, rounds=options.rounds, threads=options.threads)
    if options.training and options.scaling:
        raise MfpnetError("--training and --scaling measure different things: give one of them.")
    sizes = [parse_picture_size(text) for text in options.size]
    if options.picture:
        check_drawable(options.picture)
    record, draw = _measured(options, sizes)
    if options.json_file:
        write_json(options.json_file, record)  # first: nothing that was measured is lost
    if options.picture:
        draw(record, options.picture)
        say(f"picture: {options.picture}")
    return 0


def _measured(
    options: BenchmarkOptions, sizes: Sizes
) -> tuple[dict[str, Any], Callable[[Mapping[str, Any], Path], None]]:
    """The record, shown as well, and what draws it."""
    if options.scaling:
        from mfpnet.commands.scaling_steps import scale

        return scale(options, sizes), scaling_picture
    if options.training:
        return _train_in_turn(options, sizes or _SIZES), latency_bars  # it refuses --picture
    return _run_in_turn(options, sizes), latency_bars


def _run_in_turn(options: BenchmarkOptions, sizes: Sizes) -> dict[str, Any]:
    """Inference, backend by backend."""
    # PyTorch's profiler says when it starts and stops, unless told otherwise before its import.
    os.environ.setdefault("KINETO_LOG_LEVEL", "5")
    from mfpnet.benchmark import benchmark
    from mfpnet.measuring.comparison import Plan
    from mfpnet.measuring.contenders import own_size
    from mfpnet.measuring.subjects import subjects_of
    from mfpnet.pixels.pictures import find_images, read_image
    from mfpnet.views.benchmark_view import show_benchmark

    if options.model_only and options.end_to_end:
        raise MfpnetError(
            "--model-only leaves out the way that --end-to-end names pictures for: give one of "
            "them."
        )
    pictures = [path for spec in options.end_to_end for path in find_images(spec)]
    for path in pictures:
        read_image(path)  # one that is no picture is known before minutes are spent
    subjects = subjects_of(options.networks, options.against)
    plan = Plan(
        subjects=subjects,
        sizes=sizes or [own_size(subjects) or _SIZES[0]],
        batch_sizes=options.batch_size or (1,),
        output=options.output,
        device=options.device,
        threads=options.threads,
        rounds=options.rounds or 20,
        only=options.only,
        precisions=options.precision,
        compiled=options.compiled,
        pictures=pictures,
        model_only=options.model_only,
        layers=options.layers,
        memory=options.memory,
        profile=options.profile,
    )
    record = benchmark(plan, announce)
    progress("")
    show_benchmark(record)
    return record


def _train_in_turn(options: BenchmarkOptions, sizes: Sizes) -> dict[str, Any]:
    """Training, setting by setting."""
    from mfpnet.measuring.throughput import EPOCH_FRAMES, EPOCHS, training_throughput
    from mfpnet.views.benchmark_view import throughput_cells

    _check_for_training(options)
    record = training_throughput(
        size=sizes[0],
        batch_sizes=options.batch_size or (8,),
        device=options.device,
        threads=options.threads,
        rounds=options.rounds or 5,
        compiled=options.compiled,
        only=(*options.networks, *options.only),
    )
    for (variant, batch_size), rows in groupby(record["rows"], itemgetter("variant", "batch_size")):
        say(f"{variant}, batch {batch_size}")
        cells = [throughput_cells(row) for row in rows]
        show_rows(cells, tuple(cells[0]))
    for fault in record["failed"]:
        warn("{variant}, batch {batch_size}, {setting}: {reason}".format(**fault))
    say(f"minutes: estimated for {EPOCHS} epochs of {EPOCH_FRAMES} frames")
    return record


def _check_for_training(options: BenchmarkOptions) -> None:
    """Refuse what a training has no use for, instead of leaving it out without a word."""
    plain = BenchmarkOptions()
    unused = ("against", "output", "precision", "end_to_end", "model_only", "memory", "layers")
    for name in (*unused, "profile", "picture"):
        if getattr(options, name) != getattr(plain, name):
            raise MfpnetError(f"--{name.replace('_', '-')} is not for --training: leave it out.")
    if len(options.size) > 1:
        raise MfpnetError("--training takes one --size.")
