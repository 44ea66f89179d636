"""`mfpnet export`: what is written, and what is told of the check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfpnet.commands.exports import fitted_sources, scored_source, taken_pixels, warn_of_left_out
from mfpnet.errors import MfpnetError
from mfpnet.files import write_json
from mfpnet.info import ModelInfo
from mfpnet.options.deploy import ExportOptions
from mfpnet.options.verbs import check_at_least, parse_picture_size
from mfpnet.training.setups import check_exportable
from mfpnet.views.show import counted, percent, progress, say, show_rows

if TYPE_CHECKING:
    from mfpnet.variants import Network


def export(options: ExportOptions) -> int:
    """`mfpnet export`."""
    check_exportable(options.weights)
    check_at_least(1, batch=options.batch, threads=options.threads)
    _check_precision(options)
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


def _check_precision(options: ExportOptions) -> None:
    """Refuse what other files than int8 have no use for, instead of dropping it without a word."""
    if options.precision == "int8":
        return
    for name in ("max_drop", "calibrate", "calibrate_split"):
        if getattr(options, name) != getattr(ExportOptions, name):
            raise MfpnetError(
                f"--{name.replace('_', '-')} is of --precision int8, and the file is "
                f"{options.precision}: leave it out."
            )


def _exported(
    options: ExportOptions, network: Network, path: Path, size: tuple[int, int] | None
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
    options: ExportOptions, network: Network, path: Path, size: tuple[int, int] | None
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
    return parse_picture_size(text)


def _file_name(options: ExportOptions, size: tuple[int, int] | None) -> str:
    """What tells the files of one network apart, the usual left out."""
    weights = Path(options.weights)
    sides = "dynamic" if size is None else f"{size[0]}x{size[1]}"
    unusual = {
        "labels": options.output == "labels",
        "float": options.pixels == "float",
        f"batch{options.batch}": options.batch > 1,
    }
    told = [part for part, found in unusual.items() if found]
    # A run's folder can be named `.`, which has no name before it is looked up.
    name = weights.resolve().name if weights.is_dir() else weights.name.removesuffix(".safetensors")
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
