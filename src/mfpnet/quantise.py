"""int8 files: calibrated and searched on training frames, scored once on others, or refused.

Post-training static quantisation. What is in 8 bits and how is `mfpnet.exporting.qdq`, the ranges
of values `mfpnet.exporting.spans`, what stays in float `mfpnet.exporting.sensitivity`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mfpnet.data.datasets import Dataset, fingerprint, load_checked
from mfpnet.errors import MfpnetError
from mfpnet.evaluate import Evaluation, evaluate, with_scores
from mfpnet.exporting.deployed import Deployed, info_of
from mfpnet.exporting.onnx_graph import without_batch_norms
from mfpnet.exporting.onnx_writer import to_onnx
from mfpnet.exporting.openvino_writer import save_openvino, to_openvino
from mfpnet.exporting.qdq import Plan, quantised, watched_tensors, work_by_weight
from mfpnet.exporting.report import known_threads, report_of, report_path
from mfpnet.exporting.sensitivity import Found, Judge, search
from mfpnet.exporting.spans import METHODS, Array, observe, pixels_of, spans_of
from mfpnet.exporting.verification import as_input, compare
from mfpnet.exporting.writing import check_target
from mfpnet.files import staged_files, write_json
from mfpnet.pixels.pictures import Labels
from mfpnet.pixels.resizing import resize_image, resize_labels
from mfpnet.predict import Predictor
from mfpnet.runtimes.backends import open_backend
from mfpnet.runtimes.manifest import MANIFEST_KEY, Manifest, Output, Pixels
from mfpnet.variants import Network

if TYPE_CHECKING:
    from onnx import ModelProto

FORMATS = ("onnx", "openvino")
FEWEST = 16
# Every fifth frame is kept from calibration, to judge what comes of it.
_JUDGED = 5

Frame = tuple[Array, Labels]
Told = Callable[[str], object]


@dataclass(frozen=True)
class Target:
    """What is written.

    Attributes:
        path: the file.
        format: one of `FORMATS`.
        size: (H, W) that it takes; None for any from 32x32 up.
        output: see `Deployed`.
        pixels: see `Deployed`.
    """

    path: Path
    format: str
    size: tuple[int, int] | None
    output: Output = "logits"
    pixels: Pixels = "uint8"


def quantise(
    model: Network,
    target: Target,
    training: Dataset,
    unseen: Dataset,
    *,
    frames: int = 80,
    max_drop: float = 0.5,
    threads: int | None = None,
    told: Told = lambda text: None,
) -> dict[str, Any]:
    """Write a network as an int8 file, if it is as good as before; else leave no file.

    Args:
        model: a network with `info`; it stays as it is.
        target: what is written.
        training: what the network was trained on: for ranges, and for what stays in float.
        unseen: looked at once, when all is decided: scored before and after, both as a file of
            this format, size and output.
        frames: how many of `training` are used, spread over it.
        max_drop: points of mIoU that int8 may cost.
        threads: of the runtime while it searches, and while the file is timed; its own choice and
            PyTorch's when left out.
        told: called with what is being done.

    Returns:
        The report, which is written beside the file, to `report_path`.

    Raises:
        MfpnetError: another format, too few frames, other classes, a negative `max_drop`, a
            library that is not installed, a file that cannot be written, or a drop above
            `max_drop`, with what was tried.
    """
    _check(target, training, model, frames, max_drop)
    indices = np.linspace(0, len(training) - 1, min(frames, len(training))).round().astype(int)
    _check_apart(training, indices.tolist(), unseen)
    usual = info_of(model).input_size
    chosen = [_as_taken(training, int(index), target, usual) for index in indices]
    manifest = Manifest(info_of(model), target.pixels, target.output, "int8", target.size)
    deployed = Deployed(model, pixels=target.pixels, output=target.output)
    told("tracing the network")
    graph = without_batch_norms(to_onnx(deployed, manifest))
    found = _searched(graph, target, training, chosen, max_drop, threads, told)
    if found.outcome.drop > max_drop:
        raise _refused(target.path, "training frames", found.outcome.drop, max_drop, found)
    small = quantised(graph, found.plan)
    with staged_files(target.path) as staged:
        before, after = _scored(staged, target.format, (graph, small), manifest, unseen, told)
        drop = 100 * (before.scores.miou - after.scores.miou)
        if drop > max_drop:
            raise _refused(target.path, f"{unseen.name} {unseen.split}", drop, max_drop, found)
        _write(
            staged, target.format, small, replace(manifest, info=with_scores(manifest.info, after))
        )
        report = _report(model, target, staged, unseen, threads) | {
            "quantisation": _facts(found, training, len(chosen), max_drop, before, after)
        }
        write_json(report_path(staged), report)
    return report


def _check(target: Target, training: Dataset, model: Network, frames: int, max_drop: float) -> None:
    if not max_drop >= 0:
        raise MfpnetError(f"--max-drop is {max_drop:g}: points of mIoU, 0 or more.")
    if target.format not in FORMATS:
        raise MfpnetError(
            f"--precision int8 is made for --format {' and '.join(FORMATS)}, not for "
            f"{target.format}: choose one of them, or fp32 or fp16."
        )
    check_target(target.path, target.format, target.size, "fp32", 1)
    if min(frames, len(training)) < FEWEST:
        have = f"{training.name} {training.split} has {len(training)}"
        raise MfpnetError(
            f"calibration with {min(frames, len(training))} images is too few for ranges to be "
            f"believed: at least {FEWEST} (--calibrate is {frames}, {have})."
        )
    if info_of(model).classes != training.labels.classes:
        raise MfpnetError(
            f"the weights have other classes than {training.name}: calibrate on the data that they "
            f"were trained on."
        )


def _check_apart(training: Dataset, indices: Sequence[int], unseen: Dataset) -> None:
    """No frame that is calibrated on is scored on, whatever its name."""
    taken = {fingerprint(load_checked(training, index)[0]) for index in indices}
    for index in range(len(unseen)):
        if fingerprint(load_checked(unseen, index)[0]) in taken:
            raise MfpnetError(
                f"{unseen.frame_name(index)} of {unseen.name} {unseen.split} is calibrated on too: "
                f"--split and --calibrate-split have to be apart."
            )


def _as_taken(training: Dataset, index: int, target: Target, usual: tuple[int, int]) -> Frame:
    image, labels = load_checked(training, index)
    size = target.size or usual
    taken = as_input(resize_image(image, size)[None], target.pixels)
    return taken, resize_labels(labels, size)


def _searched(
    graph: ModelProto,
    target: Target,
    training: Dataset,
    frames: Sequence[Frame],
    max_drop: float,
    threads: int | None,
    told: Told,
) -> Found:
    """Ranges from most of the frames, what stays in float by the others."""
    ranged = [image for number, (image, _) in enumerate(frames) if number % _JUDGED]
    told(f"calibrating on {len(ranged)} frames")
    seen = observe(graph, watched_tensors(graph), ranged, threads=threads)
    pixels, labels = pixels_of(seen), training.labels
    plans = {
        method: Plan(spans_of(seen, method), pixels, fused=target.format == "openvino")
        for method in METHODS
    }
    judge = Judge(graph, frames[::_JUDGED], labels.num_classes, labels.ignore_index, threads)
    return search(plans, work_by_weight(graph, pixels), judge, max_drop, told)


def _write(path: Path, format: str, graph: ModelProto, manifest: Manifest) -> None:
    if format == "openvino":
        save_openvino(path, to_openvino(graph.SerializeToString(), manifest))
        return
    del graph.metadata_props[:]
    graph.metadata_props.add(key=MANIFEST_KEY, value=manifest.to_json())
    path.write_bytes(graph.SerializeToString())


def _scored(
    path: Path,
    format: str,
    graphs: tuple[ModelProto, ModelProto],
    manifest: Manifest,
    unseen: Dataset,
    told: Told,
) -> tuple[Evaluation, Evaluation]:
    """Score the float graph and then the int8 one, which stays, as the file at `path`.

    A file of one size sees every picture fitted into it. Beside the network itself, which sees them
    at its usual size, int8 would answer for that size too.
    """

    def scored(graph: ModelProto, precision: str, name: str) -> Evaluation:
        def on_frame(done: int) -> None:
            told(f"{name} on {unseen.name} {unseen.split}: {done}/{len(unseen)}")

        _write(path, format, graph, replace(manifest, precision=precision))
        return evaluate(Predictor(path), unseen, on_frame=on_frame)

    before, after = graphs
    return scored(before, "fp32", "float32"), scored(after, "int8", "int8")


def _report(
    model: Network, target: Target, staged: Path, unseen: Dataset, threads: int | None
) -> dict[str, Any]:
    """What is said of every exported file; what int8 owes is a score, not equal numbers."""
    threads = known_threads(threads)
    backend = open_backend(staged, threads=threads)
    size = target.size or info_of(model).input_size
    indices = (0, len(unseen) // 2, len(unseen) - 1)
    pictures = (resize_image(unseen.load(index)[0], size)[None] for index in indices)
    checks = compare(model, backend, pictures)
    return report_of(target.path, staged, backend, checks, batch=1, threads=threads)


def _facts(
    found: Found,
    training: Dataset,
    frames: int,
    max_drop: float,
    before: Evaluation,
    after: Evaluation,
) -> dict[str, Any]:
    return {
        "calibrated_on": f"{training.name} {training.split}",
        "frames": frames,
        "ranges": found.ranges,
        "kept_in_float": list(found.kept),
        "tried_on_training_frames": [asdict(each) for each in found.tries],
        "labels_changed_by_each_alone": found.losses,
        "scored_on": f"{after.data} {after.split}",
        "scored_frames": after.frames,
        "miou_before": before.scores.miou,
        "miou_after": after.scores.miou,
        "drop": 100 * (before.scores.miou - after.scores.miou),
        "max_drop": max_drop,
        "iou_before": dict(zip(before.classes, before.scores.iou_per_class, strict=True)),
        "iou_after": dict(zip(after.classes, after.scores.iou_per_class, strict=True)),
    }


def _refused(path: Path, where: str, drop: float, max_drop: float, found: Found) -> MfpnetError:
    rows = "\n".join(
        f"  {100 * each.miou:7.2f} {each.drop:+7.2f} {100 * each.agreement:8.2f}  {each.what}"
        for each in found.tries
    )
    return MfpnetError(
        f"'{path}' is not left behind: int8 costs {drop:.2f} points of mIoU on {where}, more than "
        f"--max-drop {max_drop:g}. Tried on training frames:\n"
        f"  mIoU %    drop  equal %  what\n{rows}\n"
        f"Calibrate on more frames, allow a larger drop, or export fp16."
    )
