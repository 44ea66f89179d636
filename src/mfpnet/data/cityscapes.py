"""Cityscapes (Cordts et al., CVPR 2016) on disk, as its archives unpack."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mfpnet.data.cityscapes_labels import CITYSCAPES, label_ids_of_colours, train_ids_of
from mfpnet.data.pairs import Pair, PairedFiles
from mfpnet.errors import MfpnetError, unknown_name
from mfpnet.pixels.format import Raster
from mfpnet.pixels.pictures import Image, Labels, read_image, read_labels

# Where the labels of each split lie; those of test are not public.
LABELS_IN = {"train": "gtFine", "val": "gtFine", "test": "gtFine", "train_extra": "gtCoarse"}
UNSCORED = "test"

_FRAME = re.compile(r"(?P<sequence>.+_\d+)_\d+$")
_FRAME_END = "_leftImg8bit"
_SUFFIXES = (".png", ".webp", ".jpg")
# What a mask holds, by how its name ends; the first that is there is taken.
_MASKS = ("labelIds", "labelTrainIds", "color")
_MASK_NAME = re.compile(rf"(?P<frame>.+)_gt(?:Fine|Coarse)_(?P<kind>{'|'.join(_MASKS)})\.png$")


class Cityscapes(PairedFiles):
    """`leftImg8bit/SPLIT/CITY/*_leftImg8bit.png` beside `gtFine/SPLIT/CITY/*_gtFine_labelIds.png`.

    Where a frame has no `_labelIds.png`, its `_labelTrainIds.png` or its `_color.png` is read.
    Targets are train ids, 0 to 18, and 255 for whatever the official evaluator leaves out.

    Args:
        root: the folder that holds `leftImg8bit` and `gtFine`.
        split: `train`, `val`, `test`, `train_extra` (its labels in `gtCoarse`), or several joined
            by `+`. `train/aachen` is one city of a split, `train-aachen` the split without it.

    Raises:
        MfpnetError: a folder, or the labels of some frames, are missing; names cities and counts.
    """

    def __init__(self, root: Path, split: str = "train") -> None:
        parts = split.split("+")
        pairs = [pair for part in parts for pair in _part(root, part)]
        self.scored = not any(_split_of(part) == UNSCORED for part in parts)
        super().__init__("cityscapes", split, CITYSCAPES, pairs, read_mask)

    def load(self, index: int) -> tuple[Raster, Labels]:
        """The frame (H, W, 3) and its train ids (H, W).

        Raises:
            MfpnetError: a frame of test, whose public masks are dummies with everything ignored.
        """
        if not self.scored:
            raise MfpnetError(
                f"cityscapes {self.split} has no public labels, so nothing can be scored or "
                f"trained on it. For the official server: mfpnet evaluate WEIGHTS --data "
                f"cityscapes --split test --submit out.zip. To score here, use --split val."
            )
        return super().load(index)

    def image(self, index: int) -> Image:
        """The frame alone, (H, W, 3), of test too."""
        return read_image(self.pairs[index].image)


def read_mask(path: Path) -> Labels:
    """One of the official masks as train ids (H, W), by what its name says that it holds.

    Raises:
        MfpnetError: the file cannot be read, or holds an id or a colour that is not Cityscapes'.
    """
    try:
        if path.stem.endswith("_color"):
            return train_ids_of(label_ids_of_colours(read_image(path)))
        labels = read_labels(path)
        # Train ids go through the same check as label ids; they stay what they are.
        return (
            _checked_train_ids(labels) if path.stem.endswith("TrainIds") else train_ids_of(labels)
        )
    except MfpnetError as error:
        raise error if str(path) in str(error) else MfpnetError(f"{path}: {error}") from error


def _checked_train_ids(labels: Labels) -> Labels:
    strange = (labels >= CITYSCAPES.num_classes) & (labels != CITYSCAPES.ignore_index)
    if strange.any():
        raise MfpnetError(
            f"{int(labels[strange][0])} is no train id: 0 to 18, and 255. If the file holds label "
            f"ids, call it _labelIds.png."
        )
    return labels.astype("uint8")


def _split_of(part: str) -> str:
    return re.split("[/-]", part, maxsplit=1)[0]


def _part(root: Path, part: str) -> list[Pair]:
    """The pairs of `train`, of `train/CITY`, or of `train-CITY`."""
    split = _split_of(part)
    if split not in LABELS_IN:
        raise unknown_name("split of cityscapes", split, LABELS_IN)
    frames = _frames(root, split)
    if part != split:
        city, inside = part[len(split) + 1 :], part[len(split)] == "/"
        cities = {frame.parent.name for frame in frames}
        if city not in cities:
            raise unknown_name(f"city in split {split}", city, cities)
        frames = [frame for frame in frames if (frame.parent.name == city) == inside]
    return _with_masks(root, split, frames)


def _frames(root: Path, split: str) -> list[Path]:
    folder = root / "leftImg8bit" / split
    frames = sorted(
        path
        for path in folder.glob(f"*/*{_FRAME_END}.*")
        if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")
    )
    if not frames:
        raise MfpnetError(
            f"{folder} has no */*{_FRAME_END}.png. Cityscapes is expected as leftImg8bit and "
            f"gtFine below --root: unpack leftImg8bit_trainvaltest.zip there."
        )
    for frame, twin in itertools.pairwise(frames):
        if frame.with_suffix("") == twin.with_suffix(""):
            raise MfpnetError(f"{frame} and {twin.name} are the same frame twice. Remove one.")
    return frames


def _with_masks(root: Path, split: str, frames: Sequence[Path]) -> list[Pair]:
    labels = root / LABELS_IN[split] / split
    masks = _masks(labels) if split != UNSCORED else {}
    pairs, missing = [], Counter[str]()
    for frame in frames:
        name = frame.stem.removesuffix(_FRAME_END)
        mask = masks.get(name)
        if mask is None and split != UNSCORED:
            missing[frame.parent.name] += 1
        # A frame of test stands for its own mask: nobody reads it, see `Cityscapes.load`.
        pairs.append(Pair(frame, mask or frame, name, _sequence(frame, name)))
    if missing:
        raise _without_masks(labels, split, frames, missing)
    return pairs


def _masks(folder: Path) -> dict[str, Path]:
    """The best mask of each frame by the frame's name."""
    best: dict[str, tuple[int, Path]] = {}
    for path in folder.glob("*/*.png"):
        found = _MASK_NAME.match(path.name)
        if found and not path.name.startswith("."):
            rank = _MASKS.index(found["kind"])
            best[found["frame"]] = min(best.get(found["frame"], (rank, path)), (rank, path))
    return {name: path for name, (_, path) in best.items()}


def _sequence(frame: Path, name: str) -> str:
    found = _FRAME.match(name)
    if not found:
        raise MfpnetError(
            f"{frame} is not named as Cityscapes names its frames, CITY_000000_000019{_FRAME_END}: "
            f"rename it or move it away."
        )
    return found["sequence"]


def _without_masks(
    labels: Path, split: str, frames: Sequence[Path], missing: Counter[str]
) -> MfpnetError:
    every = Counter(frame.parent.name for frame in frames)
    cities = ", ".join(
        f"{city} {count} of {every[city]}" for city, count in sorted(missing.items())
    )
    kinds = f"*_{labels.parent.name}_labelIds.png, _labelTrainIds.png or _color.png"
    archive = "gtFine_trainvaltest.zip" if labels.parent.name == "gtFine" else "gtCoarse.zip"
    whole = [city for city in sorted(missing) if missing[city] == every[city]]
    fix = f"unpack {archive} again"
    if len(missing) < len(every):
        fix += f", or leave a city out: --split {split}-{(whole or sorted(missing))[0]}"
    return MfpnetError(
        f"{missing.total()} of {len(frames)} frames of cityscapes {split} have no mask below "
        f"{labels} ({kinds}): {cities}. Fix: {fix}."
    )
