"""The whole way in two minutes: train on drawn streets, score and draw unseen ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from mfpnet.data.datasets import Dataset
from mfpnet.data.source import DataSource
from mfpnet.known_recipes import get_recipe
from mfpnet.picture_files import predict_files
from mfpnet.pixels.draw import blend, colour_labels, side_by_side
from mfpnet.pixels.pictures import write_png
from mfpnet.pixels.rgb_view import rgb_view
from mfpnet.predict import Predictor
from mfpnet.sources import open_dataset
from mfpnet.train import train
from mfpnet.training.runs import RunConfig

VARIANT = "mfpnet_fast"
TRAIN = DataSource("synthetic", "train", count=300, size=(144, 192))
TEST = DataSource("synthetic", "test", count=60, size=(144, 192))
SHOWN = DataSource("synthetic", "val", count=6, size=(360, 480))


@dataclass(frozen=True)
class DemoResult:
    """Where the pictures are and what the network is worth.

    Attributes:
        folder: of the run; `overlays` and `demo.png` are in it.
        sheet: picture, target and prediction of each scene shown.
        result: the record of the training run.
    """

    folder: Path
    sheet: Path
    result: dict[str, Any]


def run_demo(folder: Path, *, seed: int = 0, console: Console | None = None) -> DemoResult:
    """Train `mfpnet_fast` on synthetic streets, evaluate, and predict scenes it has never seen.

    Args:
        folder: a new folder for the run.
        seed: of the training.
        console: for progress.
    """
    config = RunConfig(
        VARIANT, "synthetic", get_recipe("synthetic"), TRAIN, evaluate_on=TEST, seed=seed
    )
    result = train(config, folder, console=console)
    predictor = Predictor(folder)
    scenes = open_dataset(SHOWN)
    files = _write_scenes(scenes, folder / "scenes")
    predict_files(predictor, files, folder / "overlays")
    sheet = folder / "demo.png"
    write_png(sheet, _sheet(predictor, scenes))
    return DemoResult(folder, sheet, result)


def _write_scenes(scenes: Dataset, folder: Path) -> list[Path]:
    files = []
    for index in range(len(scenes)):
        files.append(folder / f"{scenes.frame_name(index)}.png")
        write_png(files[-1], scenes.load(index)[0])
    return files


def _sheet(predictor: Predictor, scenes: Dataset) -> Any:
    cells, titles = [], []
    palette = scenes.labels.palette
    for index in range(len(scenes)):
        frame, target = scenes.load(index)
        image, labels = rgb_view(frame), predictor.predict(frame).labels
        cells += [image, colour_labels(target, palette), blend(image, labels, palette, 0.6)]
        titles += [scenes.frame_name(index), "target", "prediction"]
    return side_by_side(cells, titles, columns=3)
