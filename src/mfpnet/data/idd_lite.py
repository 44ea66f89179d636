"""IDD-Lite, the small form of the India Driving Dataset (Varma et al., WACV 2019)."""

from __future__ import annotations

from pathlib import Path

from mfpnet.data.pairs import Pair, PairedFiles
from mfpnet.errors import MfpnetError, unknown_name
from mfpnet.labels import LabelSet

# The seven groups of the data's first level, in its order; the colours are Cityscapes' nearest.
IDD_LITE = LabelSet(
    name="idd_lite",
    classes=(
        "drivable",
        "non-drivable",
        "living things",
        "vehicles",
        "roadside objects",
        "far objects",
        "sky",
    ),
    palette=(
        (128, 64, 128),
        (244, 35, 232),
        (220, 20, 60),
        (0, 0, 142),
        (220, 220, 0),
        (70, 70, 70),
        (70, 130, 180),
    ),
    ignore_index=255,
)
SPLITS = ("train", "val")


class IddLite(PairedFiles):
    """IDD-Lite as it is unpacked: `leftImg8bit/SPLIT/DRIVE/N_image.jpg` beside `gtFine`.

    Args:
        root: the folder that holds `leftImg8bit` and `gtFine`.
        split: `train`, `val`, or `train+val`; the test set's labels are not public.

    Raises:
        MfpnetError: another split, or frames and masks that are missing or do not pair up.
    """

    def __init__(self, root: Path, split: str = "train") -> None:
        pairs = [pair for part in split.split("+") for pair in _part(root, part)]
        super().__init__("idd_lite", split, IDD_LITE, pairs)


def _part(root: Path, split: str) -> list[Pair]:
    if split not in SPLITS:
        raise unknown_name("split of idd_lite", split, SPLITS)
    frames = sorted((root / "leftImg8bit" / split).glob("*/*_image.jpg"))
    if not frames:
        raise MfpnetError(
            f"{root / 'leftImg8bit' / split} has no */*_image.jpg. IDD-Lite is expected as "
            f"leftImg8bit and gtFine below --root."
        )
    return [_pair(root, split, frame) for frame in frames]


def _pair(root: Path, split: str, frame: Path) -> Pair:
    drive, number = frame.parent.name, frame.name.removesuffix("_image.jpg")
    mask = root / "gtFine" / split / drive / f"{number}_label.png"
    if not mask.is_file():
        raise MfpnetError(f"{frame} has no mask: {mask} is missing. Unpack gtFine again.")
    return Pair(frame, mask, f"{drive}/{number}", drive)
