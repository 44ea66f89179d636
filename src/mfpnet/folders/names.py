"""What the names of folders and files say: frames or masks, which split, which number."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Role = Literal["frame", "mask"]

SPLIT_OF = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
_FRAME_WORDS = re.compile(
    r"images?|imgs?|frames?|jpegimages|leftimg8bit|rgb|inputs?|photos?|pictures?|pics"
)
_MASK_WORDS = re.compile(
    r"masks?|labels?|labelmaps?|annotations?|annots?|anns?|gts?|gtfine|gtcoarse|ground_?truth|"
    r"segs?|segm|segmentations?|segmentationclass(?:png|aug|raw)?|semantics?|sem_seg|targets?|"
    r"trimaps?"
)
_SEPARATOR = r"[_\-. ]"
_MASK_MARKS = (
    r"(?:gt(?:Fine|Coarse)_)?(?:labelTrainIds|labelIds|color|colour)|(?-i:L)|lab|labels?|masks?|seg|segm|"
    r"segmentation|semantic|gt|groundtruth|ground_truth|annot|annotation|ann|trimap|target"
)
_FRAME_MARKS = r"leftImg8bit|images?|img|rgb|photo|frame|sat|input"
# A lone L marks CamVid's masks; a lone l would be "left".
_MASK_END = re.compile(rf"(?P<core>.+?)(?P<mark>{_SEPARATOR}(?:{_MASK_MARKS}))$", re.I)
_FRAME_END = re.compile(rf"(?P<core>.+?)(?P<mark>{_SEPARATOR}(?:{_FRAME_MARKS}))$", re.I)
_MASK_START = re.compile(rf"(?P<mark>(?:masks?|labels?|gt|seg){_SEPARATOR})(?P<core>.+)$", re.I)
_FRAME_START = re.compile(rf"(?P<mark>(?:{_FRAME_MARKS}){_SEPARATOR})(?P<core>.+)$", re.I)
# a.jpg.png: the mask of a.jpg, saved under its whole name.
_WHOLE_NAME = re.compile(r"(?P<core>.+?)(?P<mark>\.(?:jpe?g|png|tiff?|bmp|webp))$", re.I)
_COUNTED_SPLIT = re.compile(r"(train|val|test)[_-]?\d{4}$")
_COUNTER = re.compile(rf"(?:{_SEPARATOR}+f)?{_SEPARATOR}*[0-9]+$")


@dataclass(frozen=True)
class FolderName:
    """What the name of one folder says.

    Attributes:
        role: what lies below it; None where the name does not say.
        split: `train`, `val`, `test`, or None.
        kind: the name in lower case without the split; empty where it is nothing but a split.
    """

    role: Role | None
    split: str | None
    kind: str


def read_folder_name(name: str) -> FolderName:
    """`images`, `train`, `train_masks`, `trainannot`, `images_prepped_train`, `imagesTr`..."""
    low = name.lower()
    counted = _COUNTED_SPLIT.match(low)
    if split := SPLIT_OF.get(counted[1] if counted else low):
        return FolderName(None, split, "")
    if role := _role(low):
        return FolderName(role, None, low)
    words = re.split(r"[_\-. ]+", low)
    splits = [SPLIT_OF[word] for word in words if word in SPLIT_OF]
    kind = "_".join(word for word in words if word not in SPLIT_OF)
    roles = [role for word in (kind, *kind.split("_")) if (role := _role(word))]
    if roles and len(splits) < 2:
        return FolderName("mask" if "mask" in roles else "frame", next(iter(splits), None), kind)
    return _joined(low) or FolderName(None, None, low)


def _role(word: str) -> Role | None:
    if _FRAME_WORDS.fullmatch(word):
        return "frame"
    return "mask" if _MASK_WORDS.fullmatch(word) else None


def _joined(low: str) -> FolderName | None:
    """`trainannot` and `imagestr`: words without anything between them."""
    for word, split in (*SPLIT_OF.items(), ("tr", "train"), ("ts", "test")):
        if low.startswith(word) and len(word) > 2 and (role := _role(low[len(word) :])):
            return FolderName(role, split, low[len(word) :])
        if low.endswith(word) and (role := _role(low[: -len(word)])):
            return FolderName(role, split, low[: -len(word)])
    return None


def marks(stem: str, role: Role) -> list[tuple[str, str]]:
    """How the stem of a frame or a mask can be read: (what marks it, what is left), plainly first.

    `a_mask` of a mask is ("", "a_mask") or ("_mask", "a").
    """
    shapes = (_MASK_END, _MASK_START) if role == "mask" else (_FRAME_END, _FRAME_START)
    found = [shape.match(stem) for shape in (*shapes, _WHOLE_NAME)]
    return [("", stem), *((match["mark"], match["core"]) for match in found if match)]


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """A key by which frame2 comes before frame10."""
    pieces = re.findall(r"[0-9]+|[^0-9]+", name)
    return tuple((0, int(p), p) if p[0] in "0123456789" else (1, 0, p) for p in pieces)


def sequence_of(name: str) -> str:
    """The clip that a frame comes from: its folder, else its stem without the frame's number.

    A split is no folder: `train/0001TP_006690` is of `0001TP`, `a/b/7` of `a/b`.
    """
    *folders, stem = name.split("/")
    folders = folders[1:] if folders and folders[0] in SPLIT_OF.values() else folders
    return "/".join(folders) or _COUNTER.sub("", stem) or "numbered"


def shown(path: Path | str) -> str:
    r"""A path that can be printed: bytes that are not UTF-8 as in `\xff`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def plural(number: int, thing: str) -> str:
    """`1 frame`, `2 frames`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def counted(paths: Sequence[str], thing: str, what: str) -> str:
    """How many, what, and the first: `2 masks without a frame (first: train/a.png).` and so on."""
    return f"{plural(len(paths), thing)} {what} (first: {shown(paths[0])})."
