"""What labelled images are worth: mIoU against their number, from scratch and from other weights.

    python tools/label_curve.py --data idd_lite --root IDD_LITE --picture FILE --json FILE

Every network sees as many batches, in whole epochs. Kill it and start it again: nothing is trained
twice.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.conf import OmitArgPrefixes, arg

from mfpnet.checkpoint import CHECKPOINT_FILE
from mfpnet.data.source import DataSource
from mfpnet.errors import MfpnetError
from mfpnet.files import write_json
from mfpnet.known_recipes import get_recipe
from mfpnet.options.data import DataChoice
from mfpnet.recipes import Recipe
from mfpnet.records import environment
from mfpnet.sources import open_dataset
from mfpnet.train import RESULT_FILE, train
from mfpnet.training.runs import (
    CONFIG_FILE,
    RunConfig,
    changed_recipe,
    read_config,
    without_places,
)
from mfpnet.training.setups import data_source
from mfpnet.views.canvas import INK, SERIES, new_figure, save_figure, tidy

SCRATCH = "scratch"


@dataclass(frozen=True)
class CurveOptions:
    """Train on a few, some and all labelled images, and score each network."""

    data: OmitArgPrefixes[DataChoice] = field(default_factory=DataChoice)
    variant: str = "mfpnet_fast"
    """Network."""
    init: str = "mfpnet_fast_camvid"
    """Weights to start from, beside random ones."""
    images: tuple[int, ...] = (5, 10, 25, 50, 100)
    """How many labelled images; all of them come on top."""
    frozen: tuple[int, ...] = (5, 10, 25)
    """Of which numbers the encoder is also frozen."""
    steps: int = 400
    """Batches that each network sees, in whole epochs."""
    set: Annotated[tuple[str, ...], arg(metavar="NAME=VALUE ...", help_behavior_hint="")] = ()
    """Any value of the data's recipe."""
    evaluate_split: str = "val"
    """What decides."""
    seed: int = 0
    """Of weights, order and augmentation."""
    threads: int = 1
    """CPU threads."""
    out: Path = Path("runs/labels")
    """Holds the run folders; start again to resume."""
    picture: Annotated[Path | None, arg(metavar="FILE")] = None
    """Draw mIoU against the number of images."""
    json_file: Annotated[Path | None, arg(name="json", metavar="FILE")] = None
    """Write the record."""


@dataclass(frozen=True)
class Point:
    """One training: so many images, and what its weights start as."""

    images: int
    start: str
    config: RunConfig

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.start.replace(', ', '-').replace(' ', '-')}-{self.images}"


def points(options: CurveOptions, every: int) -> Iterator[Point]:
    """All trainings, the fewest images first."""
    recipe = changed_recipe(get_recipe(options.data.data), options.set, "--set")
    plain = RunConfig(
        options.variant,
        options.data.data,
        recipe,
        data_source(options.data, "train"),
        evaluate_on=data_source(options.data, options.evaluate_split),
        seed=options.seed,
        threads=options.threads,
    )
    for count in (*options.images, every):
        data: DataSource = replace(plain.data, frames=count)
        config = replace(plain, data=data, recipe=short(recipe, count, options.steps))
        yield Point(count, SCRATCH, config)
        started = replace(config, init=options.init)
        yield Point(count, options.init, started)
        if count in options.frozen:
            yield Point(count, f"{options.init}, frozen", replace(started, freeze="encoder"))


def short(recipe: Recipe, images: int, steps: int) -> Recipe:
    """The recipe for so many batches of so many images."""
    epochs = max(round(steps / max(images // recipe.batch_size, 1)), 1)
    return replace(recipe, epochs=epochs, full_frame_epochs=0, warmup_epochs=epochs / 20, ema=0.98)


def trained(point: Point, folder: Path) -> dict[str, Any]:
    """The record of one training, which is done, gone on with, or there already."""
    known = folder / CONFIG_FILE
    if known.is_file() and without_places(read_config(known)) != without_places(point.config):
        raise MfpnetError(f"'{folder}' is of another set-up: give another --out.")
    if not (folder / RESULT_FILE).is_file():
        train(point.config, folder, resume=(folder / CHECKPOINT_FILE).is_file())
    result: dict[str, Any] = json.loads((folder / RESULT_FILE).read_text())
    scores = result["evaluation"]
    return {
        "images": point.images,
        "start": point.start,
        "epochs": point.config.recipe.epochs,
        "miou": scores["miou"],
        "miou_interval_95": scores["miou_interval_95"],
        "iou_per_class": scores["iou_per_class"],
        "seconds": result["seconds"],
    }


def draw(rows: list[dict[str, Any]], every: int, path: Path) -> None:
    """The mIoU in percent against the number of images, one line for each start."""
    figure = new_figure(7, 4.2)
    axes = figure.add_subplot()
    for start, colour in zip(dict.fromkeys(row["start"] for row in rows), SERIES, strict=False):
        own = [row for row in rows if row["start"] == start]
        counts, scores = zip(*((row["images"], 100 * row["miou"]) for row in own), strict=True)
        axes.plot(counts, scores, "o-", color=colour, label=f"from {start}")
    ticks = sorted({row["images"] for row in rows})
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"all {n}" if n == every else str(n) for n in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("labelled images", color=INK)
    axes.set_ylabel("mIoU in %", color=INK)
    axes.legend(frameon=False)
    tidy(axes, "What labelled images are worth", grid="both")
    save_figure(figure, path)


def main(options: CurveOptions) -> None:
    """Train what is missing; what is written and drawn grows with every network."""
    every = len(open_dataset(data_source(options.data, "train")))
    rows: list[dict[str, Any]] = []
    for point in points(options, every):
        rows.append(trained(point, options.out / point.name))
        last = rows[-1]
        print(f"{last['images']:5d} images, from {last['start']}: {100 * last['miou']:.1f} %")
        if options.json_file:
            write_json(options.json_file, record_of(options, rows, point.config))
        if options.picture:
            draw(rows, every, options.picture)


def record_of(
    options: CurveOptions, rows: list[dict[str, Any]], config: RunConfig
) -> dict[str, Any]:
    """The rows, and how they came about."""
    return {
        "data": options.data.data,
        "evaluated_on": options.evaluate_split,
        "init": options.init,
        "steps": options.steps,
        "config": asdict(without_places(config)),
        "rows": rows,
        "environment": environment(),
    }


if __name__ == "__main__":
    try:
        main(tyro.cli(CurveOptions, description=__doc__, config=(OmitArgPrefixes,)))
    except MfpnetError as error:
        print(f"label_curve: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
