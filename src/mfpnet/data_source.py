"""Which data, as data: what the command line and a run's config say of it."""

from __future__ import annotations

from dataclasses import dataclass

ON_DISK = ("ade20k", "camvid", "cityscapes", "idd_lite", "voc")
DATASETS = (*ON_DISK, "synthetic")
# The name of a source that is a folder of the user's own.
FOLDER = "folder"


@dataclass(frozen=True)
class DataSource:
    """What the command line says about data.

    Attributes:
        name: one of `DATASETS`, or `FOLDER` for a folder of the user's own.
        split: see the data set.
        root: folder of the data on disk.
        count: how many scenes, for drawn data.
        size: (H, W) of drawn scenes.
        plan: folder with the classes.yaml and the split lists that a folder of the user's own has
            been given; None for those that stand in it, or for proposed ones.
        mapping: name or file of a map into another label set, which the targets are then in.
    """

    name: str = "synthetic"
    split: str = "train"
    root: str | None = None
    count: int = 320
    size: tuple[int, int] = (180, 240)
    plan: str | None = None
    mapping: str | None = None
