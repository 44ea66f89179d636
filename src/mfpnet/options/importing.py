"""The options of `mfpnet data import`, as data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from mfpnet.options.types import Count, File, Flag, Folder, Json

Format = Literal["coco", "labelme", "yolo", "colours", "camvid32"]
Background = Literal["class", "ignore"]
Overlap = Literal["smaller", "later", "ignore"]


@dataclass(frozen=True)
class ImportOptions:
    """Make a folder for `mfpnet train --data` from labels of another format."""

    format: Annotated[Positional[Format], arg(metavar="FORMAT")]
    """coco (polygons and RLE), labelme, yolo (polygons), colours (colour masks, as of Pascal VOC)
    or camvid32 (CamVid's 32 colours)."""
    source: Annotated[Positional[Path], arg(metavar="IN")]
    """Folder of the labels, or the .json of coco, or the .yaml of yolo; it is only read."""
    out: Annotated[Positional[Path], arg(metavar="OUT")]
    """Folder to make: images, masks, classes.yaml, and split lists where the source has splits."""
    images: Folder = None
    """Where the pictures are, if not beside the labels."""
    classes: File = None
    """Their list: for colours labelmap.txt, class_dict.csv, label_colors.txt or classes.yaml, or
    the word voc for Pascal VOC's; for labelme and yolo one name a line."""
    background: Background = "class"
    """What no object covers: a class of that name, or ignored."""
    overlap: Annotated[
        Overlap | None,
        arg(
            metavar="{smaller,later,ignore}",
            help_behavior_hint="(default: smaller; labelme: later)",
        ),
    ] = None
    """Which of two objects has the pixels that both cover: the smaller one, the later one in the
    file, or neither where their classes differ."""
    crowd: Background = "class"
    """What COCO's crowds (iscrowd) become: their class, or ignored."""
    boxes: Flag = False
    """Fill the boxes of yolo lines that hold no polygon."""
    line_width: Count = None
    """Draw labelme's lines this many pixels wide; they are skipped otherwise."""
    keep_all: Flag = False
    """Keep every label of camvid32 but Void instead of the usual 11 classes."""
    skip_missing: Flag = False
    """Go on without pictures that are missing, unreadable or of another size than their labels."""
    link: Flag = False
    """Hard links instead of copies of the pictures: they are then the same files."""
    json_file: Json = None
    """Write what is printed as JSON, every skipped object with it."""
