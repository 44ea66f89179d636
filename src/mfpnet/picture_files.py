"""Picture files in, label maps, overlays and class fractions out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mfpnet.errors import MfpnetError
from mfpnet.files import write_json
from mfpnet.info import ModelInfo
from mfpnet.instances.drawing import instance_overlay
from mfpnet.pixels.bands import read_bands
from mfpnet.pixels.draw import overlay
from mfpnet.pixels.format import Raster
from mfpnet.pixels.pictures import write_png
from mfpnet.pixels.rgb_view import rgb_view
from mfpnet.predict import MIN_SIDE, Predictor
from mfpnet.prediction import Prediction

# An exported file of one size should not spend more of its time on padding than this.
MOST_PADDING = 0.1
# Sizes that are advised are multiples of this: every network's first stride divides it.
_ADVISED_MULTIPLE = 8


@dataclass(frozen=True)
class PictureReport:
    """What became of one picture: its class fractions, or why it was skipped.

    Attributes:
        picture: its path.
        fractions: share of each class, 0 to 1.
        error: why it was skipped, None if it was not.
        instances: how many objects of each class, None where they are not told apart.
    """

    picture: str
    fractions: dict[str, float]
    error: str | None = None
    instances: dict[str, int] | None = None


def predict_files(
    predictor: Predictor,
    pictures: Sequence[Path],
    out: Path,
    *,
    on_picture: Callable[[PictureReport], None] | None = None,
    on_note: Callable[[str], None] | None = None,
) -> list[PictureReport]:
    """Predict picture files; a broken one is reported and skipped.

    For `photo.jpg` the folder gets `photo_labels.png` (class indices at the picture's own size),
    `photo_overlay.png` (with a legend) and `photo.json` (share of each class). Of a network that
    tells objects apart it gets `photo_instances.png` too (16 bits, 0 for none, else the number of
    the object), the overlay has the objects, and the JSON the class of object 1, 2, ...

    Args:
        predictor: the network.
        pictures: what it looks at.
        out: the folder.
        on_picture: called after each picture.
        on_note: called with `padding_note` of the first picture that has one.

    Raises:
        MfpnetError: the folder cannot be written, or a picture lies in it: files of other programs
            that belong to pictures are called like results (`photo.json`).
    """
    _check_apart(pictures, out)
    reports, noted = [], False
    for picture, stem in zip(pictures, _stems(pictures), strict=True):
        try:
            image = read_bands(picture, predictor.info.format)
        except MfpnetError as error:
            report = PictureReport(str(picture), {}, str(error))
        else:
            note = padding_note(predictor, (image.shape[0], image.shape[1]))
            if note and on_note and not noted:
                noted = True
                on_note(note)
            prediction = predictor.predict(image)
            _write_prediction(predictor.info, image, prediction, out / stem)
            report = PictureReport(str(picture), prediction.fractions, None, prediction.counts)
        reports.append(report)
        if on_picture:
            on_picture(report)
    return reports


def padding_note(predictor: Predictor, size: tuple[int, int]) -> str | None:
    """What to export for a picture (H, W) that leaves more than a tenth of a file's frame empty."""
    frame = predictor.engine.size
    if frame is None or predictor.tiling:
        return None
    filled = predictor.network_size(size)
    share = filled[0] * filled[1] / (frame[0] * frame[1])
    if 1 - share <= MOST_PADDING:
        return None
    fitting = [max(_ADVISED_MULTIPLE * round(s / _ADVISED_MULTIPLE), MIN_SIDE) for s in filled]
    given, has, wanted = ("x".join(map(str, sides)) for sides in (size, frame, fitting))
    return (
        f"note: a picture of {given} fills {100 * share:.0f} % of the {has} of this file, and the "
        f"rest is padding: for this camera export one with --size {wanted}, or --size dynamic."
    )


def _check_apart(pictures: Sequence[Path], out: Path) -> None:
    """Refuse a folder of results in which a picture lies."""
    folder = out.resolve()
    for picture in pictures:
        if picture.parent.resolve() == folder:
            raise MfpnetError(
                f"the results would lie in '{out}' among the pictures, as '{picture}', and could "
                f"take the place of files that belong to them: give another folder as --out."
            )


def _stems(pictures: Sequence[Path]) -> list[str]:
    """Names for the results, with the suffix where two pictures differ in nothing else."""
    often = Counter(picture.stem for picture in pictures)
    names = [p.stem if often[p.stem] == 1 else p.name.replace(".", "_") for p in pictures]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise MfpnetError(f"two pictures are called '{twice[0]}': predict their folders apart.")
    return names


def _write_prediction(info: ModelInfo, image: Raster, prediction: Prediction, stem: Path) -> None:
    labels = prediction.labels
    write_png(stem.with_name(f"{stem.name}_labels.png"), labels)
    told: dict[str, object] = {"height": labels.shape[0], "width": labels.shape[1]}
    told["fractions"] = prediction.fractions
    if objects := prediction.objects:
        write_png(stem.with_name(f"{stem.name}_instances.png"), objects.instances)
        drawn = instance_overlay(rgb_view(image), labels, objects, info.palette, info.classes)
        told["instances"] = [info.classes[label] for label in objects.classes]
    else:
        drawn = overlay(rgb_view(image), labels, info.palette, info.classes)
    write_png(stem.with_name(f"{stem.name}_overlay.png"), drawn)
    write_json(stem.with_name(f"{stem.name}.json"), told)
