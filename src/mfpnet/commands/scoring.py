"""`mfpnet evaluate`, step by step: what is scored, what is written of it, and what is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mfpnet.commands.scored_files import check_files
from mfpnet.data.cityscapes import Cityscapes
from mfpnet.data.datasets import Dataset
from mfpnet.data.map_file import find_map
from mfpnet.data.mapping import LabelMap
from mfpnet.data.source import DataSource
from mfpnet.errors import MfpnetError
from mfpnet.evaluate import Evaluation, check_classes, evaluate, with_scores
from mfpnet.evaluating.grouped import Sides, sides_of
from mfpnet.evaluating.maps import error_maps, label_maps
from mfpnet.evaluating.reliability import calibrate, network_runs
from mfpnet.evaluating.submission import OFFICIAL_SIZE, AddLabels, submission, submittable
from mfpnet.evaluating.tile_agreement import tile_agreement
from mfpnet.options.evaluate import EvaluateOptions
from mfpnet.options.verbs import parse_tile
from mfpnet.pixels.pictures import write_png
from mfpnet.predict import Predictor, open_predictor
from mfpnet.records import environment
from mfpnet.runtimes.backends import is_exported
from mfpnet.sources import open_dataset
from mfpnet.training.settled import evaluated_source
from mfpnet.views.reliability_chart import reliability_picture
from mfpnet.views.run_charts import confusion_picture, iou_bars
from mfpnet.views.runlog import progress_bar
from mfpnet.views.show import ERR, counted, percent, say, warn

# What is of no use where nothing can be scored.
NEEDS_TARGETS = ("save", "picture", "bars", "maps", "worst", "calibration", "reliability")


@dataclass(frozen=True)
class Scored:
    """What was asked and what came of it.

    Attributes:
        options: of the command line.
        predictor: the network, as it was scored.
        dataset: what it was scored on.
        evaluation: its scores.
        record: all of it as data, ready for JSON.
    """

    options: EvaluateOptions
    predictor: Predictor
    dataset: Dataset
    evaluation: Evaluation
    record: dict[str, Any]


def score(options: EvaluateOptions) -> Scored:
    """Score the weights, and calibrate them where that is asked for.

    Raises:
        MfpnetError: options that exclude each other, unusable weights, or unusable data.
    """
    predictor, sides, label_map = open_sides(options)
    dataset = sides.dataset
    name = f"{dataset.name} {dataset.split}"
    with (
        progress_bar(ERR, f"evaluating {name}", len(dataset)) as bar,
        _submitting(options.submit, dataset) as add,
    ):
        evaluation = evaluate(
            sides.predictor,
            dataset,
            on_frame=lambda _: bar.advance(),
            on_labels=add,
            scored=sides.scored,
        )
    record = origin(options, predictor, label_map) | evaluation.as_dict()
    if options.calibration or options.reliability:
        with progress_bar(ERR, f"calibrating {name}", network_runs(dataset)) as bar:
            record["calibration"] = calibrate(predictor, dataset, on_frame=bar.advance).as_dict()
    if options.tile:
        with progress_bar(ERR, f"comparing with whole frames of {name}", len(dataset)) as bar:
            found = tile_agreement(sides.predictor, dataset, on_frame=bar.advance)
        record["tiles"] = found.as_dict() if found else None
    record |= whence(predictor)
    return Scored(options, sides.predictor, dataset, evaluation, record)


def open_sides(options: EvaluateOptions) -> tuple[Predictor, Sides, LabelMap | None]:
    """The network, what is compared with what, and the map that brings them together.

    Raises:
        MfpnetError: as `score`.
    """
    check_files(options)
    predictor = _open_predictor(options)
    label_map = find_map(options.map) if options.map else None
    source = _source(options).read_as(predictor.info.format)
    return predictor, sides_of(predictor, open_dataset(source), label_map), label_map


def origin(
    options: EvaluateOptions, predictor: Predictor, label_map: LabelMap | None
) -> dict[str, Any]:
    """What a record says of what was scored."""
    return {
        "weights": predictor.info.as_dict() | _runtime(predictor),
        "half": options.half,
        "map": label_map.as_dict() if label_map else None,
    }


def whence(predictor: Predictor) -> dict[str, Any]:
    """What a record says of where it comes from."""
    engine = predictor.engine
    where = environment(engine.package) | engine.where() | _runtime(predictor)
    return {"environment": where}


def submit_unscored(options: EvaluateOptions) -> dict[str, Any] | None:
    """Write the submission of a split whose targets are not public; None where they are.

    Raises:
        MfpnetError: options that need targets stand beside it, or as in `score`.
    """
    if options.submit is None:
        return None
    check_files(options)
    dataset = submittable(open_dataset(_source(options)))
    if dataset.scored:
        return None
    for name in NEEDS_TARGETS:
        if getattr(options, name):
            raise MfpnetError(
                f"--{name} needs targets, and those of {dataset.name} {dataset.split} are not "
                f"public: leave it out, or evaluate --split val."
            )
    predictor = _open_predictor(options)
    check_classes(predictor, dataset)
    name = f"{dataset.name} {dataset.split}"
    with (
        progress_bar(ERR, f"predicting {name}", len(dataset)) as bar,
        submission(options.submit, dataset) as add,
    ):
        for index in range(len(dataset)):
            add(index, predictor.predict(dataset.image(index)).labels)
            bar.advance()
    _tell_of_submission(options.submit, dataset)
    say(f"{name} has no public labels, so nothing was scored: the server does that")
    return {
        "weights": predictor.info.as_dict() | _runtime(predictor),
        "half": options.half,
        "data": dataset.name,
        "split": dataset.split,
        "frames": len(dataset),
        "submission": str(options.submit),
    }


@contextmanager
def _submitting(path: Path | None, dataset: Dataset) -> Iterator[AddLabels | None]:
    """Within it, each frame's labels go into the submission that was asked for."""
    if path is None:
        yield None
        return
    frames = submittable(dataset)
    with submission(path, frames) as add:
        yield add
    _tell_of_submission(path, frames)


def _tell_of_submission(path: Path, dataset: Cityscapes) -> None:
    size = dataset.image(0).shape[:2]
    if size != OFFICIAL_SIZE:
        warn("note: frames of {}x{}; the server takes {}x{}".format(*size, *OFFICIAL_SIZE))
    say(f"submission: {path}, {counted(len(dataset), 'frame')}")


def save(scored: Scored) -> None:
    """Write the weights with these scores in their card, where `--save` asks for it."""
    options, predictor = scored.options, scored.predictor
    if options.save:
        from mfpnet.checkpoint import save_weights

        info = with_scores(predictor.info, scored.evaluation)
        save_weights(options.save, predictor.network, info, half=options.half)
        say(f"weights: {options.save}")


def draw(scored: Scored) -> None:
    """Draw every picture that was asked for."""
    options, evaluation = scored.options, scored.evaluation
    if options.maps:
        write_png(options.maps, label_maps(scored.predictor, scored.dataset))
        say(f"label maps: {options.maps}")
    if options.worst:
        write_png(options.worst, error_maps(scored.predictor, scored.dataset, evaluation.worst))
        say(f"worst frames: {options.worst}")
    if options.bars:
        series = {scored.predictor.info.variant: evaluation.scores.iou_per_class}
        iou_bars(evaluation.classes, series, options.bars)
        say(f"IoU of each class: {options.bars}")
    if options.picture:
        confusion_picture(evaluation.counts, evaluation.names, options.picture)
        say(f"confusion matrix: {options.picture}")
    if options.reliability:
        found = scored.record["calibration"]
        curves = {
            f"{name}: error {percent(found[f'ece_{when}'])} %": found[f"reliability_{when}"]
            for when, name in (("before", "as it comes"), ("after", "with a temperature"))
        }
        reliability_picture(curves, options.reliability)
        say(f"reliability: {options.reliability}")


def _source(options: EvaluateOptions) -> DataSource:
    source = evaluated_source(options.data, options.split, options.weights)
    return replace(source, frames=options.frames) if options.frames is not None else source


def _open_predictor(options: EvaluateOptions) -> Predictor:
    if options.save and is_exported(options.weights):
        raise MfpnetError(
            f"--save writes weights, and '{options.weights}' is an exported file: evaluate the "
            f"weights it was made from, or leave out --save."
        )
    predictor = open_predictor(
        options.weights,
        model=options.model,
        device=options.device,
        flip=options.flip,
        scales=options.scales,
        half=options.half,
        tile=parse_tile(options.tile, options.overlap),
        overlap=options.overlap,
    )
    if (options.calibration or options.reliability) and not predictor.engine.gives_logits:
        raise MfpnetError(
            f"a calibration needs to know how sure the network is, and '{options.weights}' gives "
            f"labels only: export it again with --output logits."
        )
    return predictor


def _runtime(predictor: Predictor) -> dict[str, object]:
    return {"backend": predictor.engine.backend, "precision": predictor.engine.precision}
