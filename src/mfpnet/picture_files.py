"""Picture files in, label maps, overlays and class fractions out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mfpnet.draw import overlay
from mfpnet.errors import MfpnetError
from mfpnet.files import write_json
from mfpnet.info import ModelInfo
from mfpnet.pictures import Image, read_image, write_png
from mfpnet.predict import Prediction, Predictor


@dataclass(frozen=True)
class PictureReport:
    """What became of one picture: its class fractions, or why it was skipped."""

    picture: str
    fractions: dict[str, float]
    error: str | None = None


def predict_files(
    predictor: Predictor,
    pictures: Sequence[Path],
    out: Path,
    *,
    on_picture: Callable[[PictureReport], None] | None = None,
) -> list[PictureReport]:
    """Predict picture files; a broken one is reported and skipped.

    For `photo.jpg` the folder gets `photo_labels.png` (class indices at the picture's own size),
    `photo_overlay.png` (with a legend) and `photo.json` (share of each class).

    Raises:
        MfpnetError: the folder cannot be written.
    """
    reports = []
    for picture, stem in zip(pictures, _stems(pictures), strict=True):
        try:
            image = read_image(picture)
        except MfpnetError as error:
            report = PictureReport(str(picture), {}, str(error))
        else:
            prediction = predictor.predict(image)
            _write_prediction(predictor.info, image, prediction, out / stem)
            report = PictureReport(str(picture), prediction.fractions)
        reports.append(report)
        if on_picture:
            on_picture(report)
    return reports


def _stems(pictures: Sequence[Path]) -> list[str]:
    """Names for the results, with the suffix where two pictures differ in nothing else."""
    often = Counter(picture.stem for picture in pictures)
    names = [p.stem if often[p.stem] == 1 else p.name.replace(".", "_") for p in pictures]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise MfpnetError(f"two pictures are called '{twice[0]}': predict their folders apart.")
    return names


def _write_prediction(info: ModelInfo, image: Image, prediction: Prediction, stem: Path) -> None:
    labels = prediction.labels
    write_png(stem.with_name(f"{stem.name}_labels.png"), labels)
    drawn = overlay(image, labels, info.palette, info.classes)
    write_png(stem.with_name(f"{stem.name}_overlay.png"), drawn)
    size = {"height": labels.shape[0], "width": labels.shape[1]}
    write_json(stem.with_name(f"{stem.name}.json"), {**size, "fractions": prediction.fractions})
