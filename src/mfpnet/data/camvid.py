"""CamVid on disk, in the SegNet tutorial's form."""

from __future__ import annotations

from pathlib import Path

from mfpnet.data.pairs import Pair, PairedFiles
from mfpnet.errors import MfpnetError, unknown_name
from mfpnet.labels import CAMVID


class CamVid(PairedFiles):
    """CamVid in the SegNet tutorial's form: `train`, `trainannot`, and so on below one folder.

    Frames are `.png`, `.webp` or `.jpg`, masks `.png` with 0 to 10 and 11 for void. A frame that
    stands there twice is refused: a choice made in silence could be the one that lost detail.

    Args:
        root: the folder that holds `train`, `trainannot`, ...
        split: `train`, `val`, `test`, or several joined by `+`. `train/0006R0` is one drive of a
            split, `train-0006R0` is the split without it.

    Raises:
        MfpnetError: a folder is missing or empty, a mask is a JPEG file, a frame stands there
            twice, or frames and masks do not pair up.
    """

    def __init__(self, root: Path, split: str = "train") -> None:
        pairs = [pair for part in split.split("+") for pair in _camvid_part(root, part)]
        super().__init__("camvid", split, CAMVID, pairs)


def _camvid_part(root: Path, part: str) -> list[Pair]:
    """The pairs of `train`, of `train/DRIVE`, or of `train-DRIVE`."""
    sign = "/" if "/" in part else "-"
    split, found, drive = part.partition(sign)
    pairs = _camvid_pairs(root, split)
    if not found:
        return pairs
    every = {pair.sequence for pair in pairs}
    if drive not in every:
        raise unknown_name(f"drive in split {split}", drive, every)
    return [pair for pair in pairs if (pair.sequence == drive) == (sign == "/")]


def _camvid_pairs(root: Path, split: str) -> list[Pair]:
    frames = _listing(root / split, (".png", ".webp", ".jpg"))
    masks = _mask_listing(root / f"{split}annot")
    if lonely := sorted(set(frames) ^ set(masks)):
        kind = "mask" if lonely[0] in frames else "frame"
        raise MfpnetError(
            f"{root / split} and {root / f'{split}annot'} do not pair up: {len(lonely)} of "
            f"{len(set(frames) | set(masks))} names stand in one only. '{lonely[0]}' has no "
            f"{kind}: add it or remove the other."
        )
    # The drive is the part before the frame number: 0001TP, 0006R0, 0016E5, Seq05VD.
    return [Pair(frames[stem], masks[stem], stem, stem.split("_")[0]) for stem in sorted(frames)]


def _mask_listing(folder: Path) -> dict[str, Path]:
    for path in sorted(folder.glob("*")):
        if path.suffix.lower() in (".jpg", ".jpeg"):
            raise MfpnetError(
                f"{path} is a JPEG file, which alters class indices: export the masks as PNG."
            )
    return _listing(folder, (".png",))


def _listing(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    if not folder.is_dir():
        raise MfpnetError(
            f"{folder} is not a folder. CamVid is expected as train, trainannot, val, valannot, "
            f"test, testannot below --root."
        )
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes)
    if not found:
        raise MfpnetError(f"{folder} holds no {' or '.join(suffixes)} file.")
    by_stem: dict[str, Path] = {}
    for path in found:
        if twin := by_stem.get(path.stem):
            raise MfpnetError(f"{twin} and {path.name} are the same frame twice. Remove one.")
        by_stem[path.stem] = path
    return by_stem
