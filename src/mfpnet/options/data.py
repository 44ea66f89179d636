"""The options about data, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from tyro.conf import OmitArgPrefixes, arg

from mfpnet.errors import MfpnetError
from mfpnet.options.types import File, Flag, Folder, Json, Size

AUTO = "auto"


def parse_channels(text: str) -> int | None:
    """How many channels `--channels` names, None where the frames are to say.

    Raises:
        MfpnetError: neither a number from 1 up nor `auto`.
    """
    if text == AUTO:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise MfpnetError(f"--channels is '{text}': write a number from 1 up, or auto.")
    return int(text)


@dataclass(frozen=True)
class DataChoice:
    """What the frames are taken from."""

    data: Annotated[str, arg(metavar="DIR|NAME")] = "synthetic"
    """A folder of your own with images and masks, or a name:
    ade20k, camvid, cityscapes, idd_lite and voc lie at --root,
    synthetic (streets) and shapes60 (sixty classes) are drawn."""
    root: Folder = None
    """Where the data of that name lies: for camvid, the folder of train, trainannot, ..."""
    classes: File = None
    """Of a folder: a classes.yaml in place of the one in it, or of proposed ones."""
    channels: Annotated[str, arg(metavar="N|auto")] = AUTO
    """Of the frames of a folder; auto: what the first one has, 3 where that is a photo."""
    scenes: Annotated[int, arg(metavar="N")] = 320
    """How many scenes, of drawn data; what is evaluated during training has a fifth as many."""
    scene_size: Size = "180x240"
    """Height and width of a drawn scene."""


@dataclass(frozen=True)
class InspectOptions:
    """Read a folder of your own: classes, split, weights, and how to train on it."""

    data: OmitArgPrefixes[DataChoice] = field(default_factory=DataChoice)
    write: Flag = False
    """Write classes.yaml and the split lists into the folder, where all verbs find them."""
    out: Folder = None
    """Write them into this folder instead."""
    ignore: Annotated[tuple[str, ...], arg(metavar="VALUE [VALUE ...]", help_behavior_hint="")] = ()
    """Values of masks, or colours such as #804080, that are no class."""
    only_usable: Flag = False
    """Leave out pairs with errors, and masks that are all void."""
    new_split: Flag = False
    """Split anew in place of the folder's own splits."""
    json_file: Json = None
    """Write what is printed as JSON."""


@dataclass(frozen=True)
class CheckOptions:
    """Read every frame with its target, and tell each problem and its fix."""

    data: OmitArgPrefixes[DataChoice] = field(default_factory=DataChoice)
    split: Annotated[
        str | None, arg(metavar="STR", help_behavior_hint="(default: train; for a folder all)")
    ] = None
    """Which part of the data."""
    plan: Folder = None
    """Folder that `data inspect --out` has written."""
    json_file: Json = None
    """Write what is printed as JSON."""


@dataclass(frozen=True)
class DrawOptions:
    """Write synthetic scenes with their labels and overlays."""

    data: OmitArgPrefixes[DataChoice] = field(default_factory=DataChoice)
    split: str = "train"
    """Which of them."""
    out: Annotated[Path, arg(metavar="DIR")] = Path("scenes")
    """Folder for them."""
    json_file: Json = None
    """Write what is printed as JSON."""
