"""Pascal VOC 2012 on disk (Everingham et al.): 20 things and the background."""

from __future__ import annotations

from pathlib import Path

from mfpnet.data.pairs import Pair, PairedFiles
from mfpnet.errors import MfpnetError, unknown_name
from mfpnet.labels import LabelSet, voc_colour

CLASSES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat"),
    *("chair", "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant"),
    *("sheep", "sofa", "train", "tvmonitor"),
)


VOC = LabelSet(
    name="voc",
    classes=CLASSES,
    palette=tuple(map(voc_colour, range(len(CLASSES)))),
    ignore_index=255,
)


class PascalVoc(PairedFiles):
    """`JPEGImages/NAME.jpg` beside `SegmentationClass/NAME.png`, by the names in a list.

    Args:
        root: the folder of these two and of `ImageSets` (VOCdevkit/VOC2012), or VOCdevkit itself.
        split: a list in `ImageSets/Segmentation`: `train`, `val`, `trainval`, or one that was put
            there, such as `trainaug`, whose masks may lie in `SegmentationClassAug`; several
            joined by `+`.

    Raises:
        MfpnetError: no such list, or a picture or a mask that it names is missing.
    """

    def __init__(self, root: Path, split: str = "train") -> None:
        inner = root / "VOC2012"
        place = inner if inner.is_dir() else root
        pairs = [pair for part in split.split("+") for pair in _part(place, part)]
        super().__init__("voc", split, VOC, pairs)


def _part(root: Path, split: str) -> list[Pair]:
    folder = root / "ImageSets" / "Segmentation"
    lists = {path.stem: path for path in folder.glob("*.txt")}
    if not lists:
        raise MfpnetError(
            f"{folder} has no list of names. Pascal VOC is expected as JPEGImages, "
            f"SegmentationClass and ImageSets/Segmentation below --root (VOCdevkit/VOC2012)."
        )
    if split not in lists:
        raise unknown_name("split of voc", split, lists)
    # The lists of the augmented data name both paths, "/JPEGImages/NAME.jpg /...": the stem counts.
    lines = lists[split].read_text(encoding="utf-8").splitlines()
    names = [Path(line.split()[0]).stem for line in lines if line.strip()]
    return _pairs(root, lists[split], names)


def _pairs(root: Path, listed_in: Path, names: list[str]) -> list[Pair]:
    pairs, missing = [], []
    for name in names:
        image = _first(root / "JPEGImages", name, (".jpg", ".png", ".webp"))
        mask = _first(root / "SegmentationClass", name, (".png",))
        mask = mask or _first(root / "SegmentationClassAug", name, (".png",))
        if image and mask:
            pairs.append(Pair(image, mask, name, name))
        else:
            missing.append(f"'{name}' has no {'mask' if image else 'picture'}")
    if missing or not pairs:
        raise MfpnetError(
            f"{listed_in} names {len(names)} pictures, and {len(missing)} are not complete below "
            f"{root}: {missing[0] if missing else 'it is empty'}. The labels of test are not "
            f"public; for the others unpack VOCtrainval_11-May-2012.tar again (trainaug needs "
            f"SegmentationClassAug too)."
        )
    return pairs


def _first(folder: Path, name: str, suffixes: tuple[str, ...]) -> Path | None:
    paths = (folder / f"{name}{suffix}" for suffix in suffixes)
    return next((path for path in paths if path.is_file()), None)
