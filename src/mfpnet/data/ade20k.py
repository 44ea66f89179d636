"""ADE20K's scene parsing benchmark on disk (ADEChallengeData2016: 150 classes)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mfpnet.data.ade20k_labels import ADE20K
from mfpnet.data.pairs import Pair, PairedFiles
from mfpnet.errors import MfpnetError, unknown_name
from mfpnet.pixels.pictures import Labels, read_labels

FOLDERS = {"train": "training", "val": "validation"}


class Ade20k(PairedFiles):
    """`images/training/*.jpg` beside `annotations/training/*.png`, and so for validation.

    A mask holds 1 to 150 for the classes and 0 for whatever is none of them: targets are 0 to 149,
    and 255 where a mask has 0.

    Args:
        root: the folder that holds `images` and `annotations`.
        split: `train`, `val`, or `train+val`; the labels of test are not public.

    Raises:
        MfpnetError: another split, or pictures and masks that are missing or do not pair up.
    """

    def __init__(self, root: Path, split: str = "train") -> None:
        pairs = [pair for part in split.split("+") for pair in _part(root, part)]
        super().__init__("ade20k", split, ADE20K, pairs, read_mask)


def read_mask(path: Path) -> Labels:
    """An annotation's file as targets (H, W): 0 becomes 255, 1 to 150 become 0 to 149.

    Raises:
        MfpnetError: it cannot be read, or holds more than 150.
    """
    raw = read_labels(path)
    if raw.max(initial=0) > ADE20K.num_classes:
        strange = np.unique(raw[raw > ADE20K.num_classes]).tolist()
        raise MfpnetError(
            f"{path}: a mask of ADEChallengeData2016 holds 0 to 150, this one has {strange[:5]}. "
            f"If its zero was taken away before (0 to 149, 255 ignored), put the original back."
        )
    # In 8 bits 0 - 1 is 255, which is the ignored label.
    reduced: Labels = raw.astype(np.uint8) - np.uint8(1)
    return reduced


def _part(root: Path, split: str) -> list[Pair]:
    if split not in FOLDERS:
        raise unknown_name("split of ade20k", split, FOLDERS)
    pictures, masks = (_listing(root / what / FOLDERS[split]) for what in ("images", "annotations"))
    if lonely := sorted(set(pictures) ^ set(masks)):
        kind = "mask" if lonely[0] in pictures else "picture"
        raise MfpnetError(
            f"{len(lonely)} of {len(set(pictures) | set(masks))} names of ade20k {split} below "
            f"{root} stand in images or in annotations only: '{lonely[0]}' has no {kind}. Unpack "
            f"ADEChallengeData2016.zip again."
        )
    return [Pair(pictures[name], masks[name], name, name) for name in sorted(pictures)]


def _listing(folder: Path) -> dict[str, Path]:
    suffixes = (".jpg", ".png", ".webp") if folder.parent.name == "images" else (".png",)
    found = {
        path.stem: path
        for path in folder.glob("*")
        if path.suffix.lower() in suffixes and not path.name.startswith(".")
    }
    if not found:
        raise MfpnetError(
            f"{folder} has no {' or '.join(suffixes)} file. ADE20K is expected as images/training, "
            f"annotations/training, ... below --root: that of ADEChallengeData2016.zip."
        )
    return found
