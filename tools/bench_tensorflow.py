"""The same weights in TensorFlow and LiteRT beside PyTorch, ONNX Runtime and OpenVINO.

    make bench-tensorflow WEIGHTS=mfpnet_fast_camvid
    .venv/bin/python tools/bench_tensorflow.py WEIGHTS [--root CAMVID] [--json FILE]

TensorFlow has its own environment and runs in its own process, which runs one picture when it is
told to: so all take turns, and what else the machine does hits all alike. Nothing is measured
unless each gives at least 99.9 % of the labels that the network gives in eager PyTorch.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro

from mfpnet.data.camvid import CamVid
from mfpnet.errors import MfpnetError
from mfpnet.exporting.writing import write_exported
from mfpnet.files import write_json
from mfpnet.measuring.contenders import contender
from mfpnet.measuring.runners import REFERENCE, Array, Job, Runner
from mfpnet.measuring.subjects import Subject, subjects_of
from mfpnet.options.verbs import check_at_least, parse_size
from mfpnet.pixels.pictures import Image
from mfpnet.pixels.rgb_view import rgb_view
from mfpnet.records import environment
from mfpnet.runtimes.latency import interleaved_times, timing_of
from mfpnet.synthetic.scenes import draw_scene
from mfpnet.views.benchmark_view import NOISY
from mfpnet.views.show import say, show_rows, warn
from obedient import Obedient

ROOT = Path(__file__).resolve().parents[1]
HERE = ("eager", "inference", "inference-channels-last", "onnxruntime", "openvino")
EQUAL = 0.999
DRAWN = 3
PING = "ping"


@dataclass(frozen=True)
class Options:
    """Latency of a network in TensorFlow and LiteRT beside the other runtimes, batch 1."""

    weights: tyro.conf.Positional[str] = "mfpnet_fast_camvid"
    """Bundled name, file, run folder, or a variant with random weights."""
    python: Path = ROOT / ".venv-tensorflow" / "bin" / "python"
    """Of the environment with TensorFlow: `make bench-tensorflow` makes it."""
    size: str = "360x480"
    """Height and width of the pictures."""
    threads: int = 2
    """Of each runtime."""
    rounds: int = 40
    """Timed runs of each."""
    root: Path | None = None
    """Folder of CamVid: labels are compared on its test frames too, which must have that size."""
    frames: int | None = None
    """So many of them, evenly spread; all when left out."""
    json: Path | None = None
    """Write the record as JSON."""


def main(options: Options) -> int:
    """Compare the labels, measure, print and write the record."""
    try:
        record = measure(options)
    except MfpnetError as error:
        warn(str(error))
        return error.exit_status
    show(record)
    if options.json:
        write_json(options.json, record)
    return 0


def measure(options: Options) -> dict[str, Any]:
    """The record.

    Raises:
        MfpnetError: an option is off, TensorFlow is not there, or labels differ.
    """
    check_at_least(1, threads=options.threads, rounds=options.rounds, frames=options.frames)
    job = Job(parse_size(options.size, "--size"), 1, "labels", torch.device("cpu"), options.threads)
    torch.set_num_threads(options.threads)
    subject = subject_with_weights(options.weights)
    pictures, shown = pictures_for(options, job.size)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with tensorflow(options, subject, job, folder) as child:
            started = child.ask("start")
            here = {name: contender(subject, name, job, folder) for name in HERE}
            there = list(started["operations"])
            equal = equal_labels(here, there, child, pictures, folder)
            refuse_different(equal)
            say(f"{len(equal)} in turn, {options.rounds} times ...")
            times = interleaved_times(
                turns(here, there, child, pictures), rounds=options.rounds, warmup=3, again=True
            )
    rows = [
        {"backend": name, **asdict(timing_of(times[name])), "equal_labels": equal[name]}
        for name in equal
    ]
    return {
        "network": subject.name,
        "size": list(job.size),
        "batch_size": 1,
        "threads": job.threads,
        "rounds": options.rounds,
        "pictures": shown,
        "rows": rows,
        "noisy": sum(row["spread"] > NOISY for row in rows),
        "round_trip_ms": timing_of(times[PING]).median_ms,
        "failed": started["failed"],
        "operations": started["operations"],
        "environment": environment("onnxruntime", "openvino"),
        "environment_tensorflow": started["environment"],
    }


def subject_with_weights(name: str) -> Subject:
    """The network of this name.

    Raises:
        MfpnetError: there is none, or it is an exported file.
    """
    (subject,) = subjects_of([name])
    if subject.network is None:
        raise MfpnetError(f"'{name}' is no network that can be exported: give weights.")
    return subject


def pictures_for(options: Options, size: tuple[int, int]) -> tuple[Image, dict[str, int]]:
    """What the labels are compared on, (N, H, W, 3), and how many are of which kind.

    Raises:
        MfpnetError: CamVid is not there, or its frames have another size.
    """
    pictures = [draw_scene(seed, size).image for seed in range(DRAWN)]
    if options.root is None:
        return np.stack(pictures), {"drawn": DRAWN}
    frames = CamVid(options.root, "test")
    count = min(options.frames or len(frames), len(frames))
    chosen = np.linspace(0, len(frames) - 1, count).round().astype(int).tolist()
    pictures += [rgb_view(frames.load(number)[0]) for number in chosen]
    for picture in pictures:
        if picture.shape[:2] != size:
            found = "x".join(map(str, picture.shape[:2]))
            raise MfpnetError(f"--root has frames of {found}: give that as --size.")
    return np.stack(pictures), {"drawn": DRAWN, "camvid_test": count}


def tensorflow(options: Options, subject: Subject, job: Job, folder: Path) -> Obedient:
    """The process that has TensorFlow and the network.

    Raises:
        MfpnetError: its environment is not there.
    """
    if not options.python.exists():
        raise MfpnetError(f"'{options.python}' is not there: `make bench-tensorflow` makes it.")
    path = folder / "network.onnx"
    assert subject.network is not None
    write_exported(subject.network, path, format="onnx", size=job.size, output="logits")
    program = Path(__file__).with_name("tensorflow_child.py")
    command = [str(options.python), str(program), str(path), str(job.threads)]
    return Obedient(command, {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": ""})


def equal_labels(
    here: Mapping[str, Runner], there: list[str], child: Obedient, pictures: Image, folder: Path
) -> dict[str, float]:
    """The share of pixels to which each backend gives the label that eager PyTorch gives."""
    say(f"labels of {len(pictures)} pictures ...")
    given, answer = folder / "pictures.npy", folder / "labels.npy"
    np.save(given, pictures)
    child.ask("load", path=str(given))
    reference = labels_of(here[REFERENCE], pictures)
    equal = {name: agreement(labels_of(run, pictures), reference) for name, run in here.items()}
    for name in there:
        child.ask("labels", runner=name, path=str(answer))
        equal[name] = agreement(np.load(answer), reference)
    return equal


def labels_of(runner: Runner, pictures: Image) -> Array:
    """(N, H, W) labels, one picture at a time."""
    each = [pictures[number : number + 1] for number in range(len(pictures))]
    return np.concatenate([np.array(runner.fetch(runner.run(runner.load(one)))) for one in each])


def agreement(found: Array, reference: Array) -> float:
    """The share of equal labels; 0 where there are too many or too few."""
    return float((found == reference).mean()) if found.shape == reference.shape else 0.0


def refuse_different(equal: Mapping[str, float]) -> None:
    """Let nothing pass that computes something else.

    Raises:
        MfpnetError: a backend has less than 99.9 % of the labels of eager PyTorch.
    """
    wrong = {name: share for name, share in equal.items() if share < EQUAL}
    if wrong:
        told = ", ".join(f"{100 * share:.2f} % in {name}" for name, share in wrong.items())
        raise MfpnetError(
            f"nothing was measured: {told} of the labels are those of eager PyTorch, and "
            f"{100 * EQUAL:g} % are wanted."
        )


def turns(
    here: Mapping[str, Runner], there: list[str], child: Obedient, pictures: Image
) -> dict[str, Callable[[], object]]:
    """One run of each, and of nothing but the way to the other process and back."""
    first = pictures[:1]
    return {
        **{name: partial(runner.run, runner.load(first)) for name, runner in here.items()},
        **{name: partial(child.ask, "run", runner=name) for name in there},
        PING: partial(child.ask, PING),
    }


def show(record: Mapping[str, Any]) -> None:
    """The table, and what one should know about it."""
    size, packages = "x".join(map(str, record["size"])), record["environment_tensorflow"]
    say(f"{record['network']}, {size}, batch 1, {record['threads']} threads")
    show_rows([cells(row) for row in record["rows"]], ("backend", "ms", "p95", "spread", "same"))
    for name, reason in record["failed"].items():
        say(f"not measured: {name}: {reason}")
    version = packages["packages"]["tensorflow-cpu"] or packages["packages"]["tensorflow"]
    say("spread: interquartile range over the median, in %; same: labels as in eager, in %")
    way = f"{record['round_trip_ms']:.2f} ms of it and of LiteRT are the way to their process"
    say(f"TensorFlow {version}: {way}")
    if record["noisy"]:
        warn(f"{record['noisy']} of {len(record['rows'])} spread widely: the machine was busy.")


def cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as it is printed."""
    return {
        "backend": row["backend"],
        "ms": f"{row['median_ms']:.1f}",
        "p95": f"{row['p95_ms']:.1f}",
        "spread": f"{100 * row['spread']:.0f}",
        "same": f"{100 * row['equal_labels']:.3f}",
    }


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options, description=__doc__)))
