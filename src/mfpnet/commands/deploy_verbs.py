"""What each verb of deployment does with its options: call the function of its name, print it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfpnet.commands.exports import fitted_sources, scored_source, taken_pixels, warn_of_left_out
from mfpnet.errors import MfpnetError
from mfpnet.files import write_json
from mfpnet.info import ModelInfo
from mfpnet.options import deploy as given
from mfpnet.options.verbs import check_at_least, parse_size
from mfpnet.training.setups import check_exportable
from mfpnet.views.show import announce, counted, percent, progress, say, show_rows, warn

if TYPE_CHECKING:
    from mfpnet.variants import Network


# Of a benchmark's pictures where neither the user nor a file names one.
_SIZES = ((360, 480),)


def benchmark(options: given.BenchmarkOptions) -> int:
    """`mfpnet benchmark`."""
    smallest = min(options.batch_size, default=None)
    check_at_least(1, batch_size=smallest, rounds=options.rounds, threads=options.threads)
    sizes = [_checked_size(text) for text in options.size]
    if options.json_file == Path("-"):
        with redirect_stdout(sys.stderr):
            record = _measured(options, sizes)
        say(json.dumps(record, ensure_ascii=False))
        return 0
    record = _measured(options, sizes)
    if options.json_file:
        write_json(options.json_file, record)
    return 0


def _measured(options: given.BenchmarkOptions, sizes: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """The record, shown as well."""
    if options.training:
        return _train_in_turn(options, sizes or _SIZES)
    if options.scaling:
        from mfpnet.commands.scaling_steps import scale

        return scale(options, sizes)
    return _run_in_turn(options, sizes)


def _checked_size(text: str) -> tuple[int, int]:
    size = parse_size(text, "--size")
    if min(size) < 32:
        raise MfpnetError(f"--size is '{text}': at least 32x32.")
    return size


def export(options: given.ExportOptions) -> int:
    """`mfpnet export`."""
    check_exportable(options.weights)
    check_at_least(1, batch=options.batch, threads=options.threads)
    from mfpnet.checkpoint import load_model
    from mfpnet.export import SUFFIXES, report_path
    from mfpnet.exporting.deployed import info_of

    network = load_model(options.weights, options.model)
    size = _export_size(options.size, info_of(network))
    warn_of_left_out(info_of(network))
    path = options.out or Path(_file_name(options, size) + SUFFIXES[options.format])
    written = _quantised if options.precision == "int8" else _exported
    report = written(options, network, path, size)
    _show_export(report)
    say(f"{path}: checked in {report['runtime']['name']}; report in {report_path(path)}")
    if options.json_file:
        write_json(options.json_file, report)
    return 0


def _exported(
    options: given.ExportOptions, network: Network, path: Path, size: tuple[int, int] | None
) -> dict[str, Any]:
    """A file whose numbers are the network's."""
    from mfpnet.export import export
    from mfpnet.exporting.deployed import info_of
    from mfpnet.sources import open_dataset

    info = info_of(network)
    source = scored_source(options, info)
    return export(
        network,
        path,
        format=options.format,
        size=size,
        precision=options.precision,
        output=options.output,
        pixels=taken_pixels(options, info),
        batch=options.batch,
        threads=options.threads,
        data=None if options.data.data == "synthetic" else open_dataset(source),
    )


def _quantised(
    options: given.ExportOptions, network: Network, path: Path, size: tuple[int, int] | None
) -> dict[str, Any]:
    """An int8 file, whose score is the network's or nearly so."""
    from mfpnet.exporting.deployed import info_of
    from mfpnet.sources import open_dataset

    info = info_of(network)
    training, unseen = fitted_sources(options, info)
    from mfpnet.quantise import Target, quantise

    if options.batch != 1:
        raise MfpnetError(f"--batch is {options.batch}: int8 files take one picture at a time.")
    report = quantise(
        network,
        Target(path, options.format, size, options.output, taken_pixels(options, info)),
        open_dataset(training),
        open_dataset(unseen),
        frames=options.calibrate,
        max_drop=options.max_drop,
        threads=options.threads,
        told=progress,
    )
    progress("")
    _show_quantisation(report["quantisation"])
    return report


def _show_quantisation(facts: dict[str, Any]) -> None:
    """What was tried, what was kept, and the score before and after."""
    rows = [
        {
            "tried on training frames": each["what"],
            "mIoU %": percent(each["miou"]),
            "drop": f"{each['drop']:+.2f}",
            "equal labels %": f"{100 * each['agreement']:.2f}",
        }
        for each in facts["tried_on_training_frames"]
    ]
    show_rows(rows, tuple(rows[0]))
    say(f"in float32: {', '.join(facts['kept_in_float']) or 'nothing'}; the rest is int8")
    say(
        f"mIoU on {facts['scored_on']}: {percent(facts['miou_before'])} % before, "
        f"{percent(facts['miou_after'])} % after ({facts['drop']:+.2f} points lost, "
        f"{facts['max_drop']:g} allowed)"
    )


def _export_size(text: str | None, info: ModelInfo) -> tuple[int, int] | None:
    if text == "dynamic":
        return None
    if text is None:
        return info.input_size
    if "x" not in text.lower():
        raise MfpnetError(f"--size is '{text}': write height x width, as in 360x480, or dynamic.")
    return _checked_size(text)


def _file_name(options: given.ExportOptions, size: tuple[int, int] | None) -> str:
    """What tells the files of one network apart, the usual left out."""
    weights = Path(options.weights)
    sides = "dynamic" if size is None else f"{size[0]}x{size[1]}"
    unusual = {
        "labels": options.output == "labels",
        "float": options.pixels == "float",
        f"batch{options.batch}": options.batch > 1,
    }
    told = [part for part, found in unusual.items() if found]
    name = weights.name if weights.is_dir() else weights.name.removesuffix(".safetensors")
    return "-".join([name, sides, options.precision, *told])


def _show_export(report: dict[str, Any]) -> None:
    """How near the file is to its network, its size, its latency."""
    rows = [
        {
            "size": check["size"],
            "equal labels %": f"{100 * check['equal_labels']:.3f}",
            "max difference": _difference(check["max_difference"]),
        }
        for check in report["checks"]
    ]
    show_rows(rows, tuple(rows[0]))
    if seen := report.get("on_data"):
        share = f"{100 * seen['equal_labels']:.4f} % of labels equal"
        say(f"on {seen['data']} {seen['split']}, {counted(seen['frames'], 'frame')}: {share}")
    time, sides = report["latency"], "x".join(map(str, report["latency"]["size"]))
    threads = f", {counted(time['threads'], 'thread')}" if time["threads"] else ""
    without = "; the argmax is not in it" if report["output"] == "logits" else ""
    say(
        f"{report['bytes'] / 1e6:.2f} MB; {time['median_ms']:.1f} ms{threads}, for a batch of "
        f"{report['batch']} at {sides} (95 % below {time['p95_ms']:.1f}){without}"
    )


def _difference(value: float | None) -> str:
    return "labels only" if value is None else f"{value:.3g}"


def _run_in_turn(
    options: given.BenchmarkOptions, sizes: Sequence[tuple[int, int]]
) -> dict[str, Any]:
    """Inference, backend by backend."""
    # PyTorch's profiler says when it starts and stops, unless told otherwise before its import.
    os.environ.setdefault("KINETO_LOG_LEVEL", "5")
    from mfpnet.benchmark import benchmark
    from mfpnet.measuring.comparison import Plan
    from mfpnet.measuring.contenders import own_size
    from mfpnet.measuring.subjects import subjects_of
    from mfpnet.pixels.pictures import find_images
    from mfpnet.views.benchmark_view import show_benchmark
    from mfpnet.views.canvas import check_drawable
    from mfpnet.views.latency_chart import latency_bars

    if options.picture:
        check_drawable(options.picture)
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
        pictures=[path for spec in options.end_to_end for path in find_images(spec)],
        model_only=options.model_only,
        layers=options.layers,
        memory=options.memory,
        profile=options.profile,
    )
    record = benchmark(plan, announce)
    progress("")
    show_benchmark(record)
    if options.picture:
        latency_bars(record, options.picture)
    return record


def _train_in_turn(
    options: given.BenchmarkOptions, sizes: Sequence[tuple[int, int]]
) -> dict[str, Any]:
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


def _check_for_training(options: given.BenchmarkOptions) -> None:
    """Refuse what a training has no use for, instead of leaving it out without a word."""
    plain = given.BenchmarkOptions()
    unused = ("against", "output", "precision", "end_to_end", "model_only", "memory", "layers")
    for name in (*unused, "profile", "picture"):
        if getattr(options, name) != getattr(plain, name):
            raise MfpnetError(f"--{name.replace('_', '-')} is not for --training: leave it out.")
    if len(options.size) > 1:
        raise MfpnetError("--training takes one --size.")
