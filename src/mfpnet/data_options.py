"""The options about data, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import OmitArgPrefixes, Positional, arg

from mfpnet.option_types import File, Folder, Json, Size


@dataclass(frozen=True)
class DataChoice:
    """What the frames are taken from."""

    data: Annotated[str, arg(metavar="DIR|NAME")] = "synthetic"
    """A folder of your own with images and masks; ade20k, camvid, cityscapes, idd_lite or voc (on
    disk, see --root); or synthetic (streets drawn by mfpnet, no download)."""
    root: Folder = None
    """Where the data of that name lies: for camvid, the folder of train, trainannot, ..."""
    classes: File = None
    """Of a folder: a classes.yaml in place of the one in it, or of proposed ones."""
    scenes: Annotated[int, arg(metavar="N")] = 320
    """How many scenes, for synthetic; what is evaluated during training has a fifth as many."""
    scene_size: Size = "180x240"
    """Height and width of a drawn scene."""


@dataclass(frozen=True)
class DataOptions:
    """Check that data can be trained on, or draw synthetic scenes."""

    action: Positional[Literal["check", "draw"]]
    """check reads every frame with its target; draw writes scenes, labels and overlays to --out."""
    data: OmitArgPrefixes[DataChoice] = field(default_factory=DataChoice)
    split: str = "train"
    """Which part of the data."""
    out: Annotated[Path, arg(metavar="DIR")] = Path("scenes")
    """Folder for draw."""
    json_file: Json = None
    """Write what is printed as JSON."""
