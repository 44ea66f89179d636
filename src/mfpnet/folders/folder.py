"""A folder of the user's own as a data set."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from mfpnet.data.pairs import PairedFiles
from mfpnet.data.source import FOLDER, DataSource, naming_the_check
from mfpnet.folders.plans import plan_of
from mfpnet.pixels.bands import read_bands, read_header
from mfpnet.pixels.format import PixelFormat

# Where a run's folder keeps the plan of the data that it is trained on.
PLAN = "data"


class Folder(PairedFiles):
    """A folder with frames and masks in one of the usual layouts.

    Args:
        root: the folder.
        split: one of the folder's own, or of the automatic split; several joined by `+`; `all`.
        plan: where its classes.yaml and split lists are; None for those in the folder itself, or
            for proposed ones.
        classes: a classes.yaml that goes before all others.
        channels: of the frames; None for as many as the first has, 3 where that is a photo.
        bits: 8 or 16, of their values; None likewise.

    Raises:
        MfpnetError: no pairs, no such split, masks that cannot be read as classes, or a first frame
            that is no picture.
    """

    def __init__(
        self,
        root: Path,
        split: str = "train",
        plan: Path | None = None,
        classes: Path | None = None,
        channels: int | None = None,
        bits: int | None = None,
    ) -> None:
        found = plan_of(root, plan, classes)
        with naming_the_check(DataSource(FOLDER, root=str(root), channels=channels)):
            natural = read_header(found.pairs("all")[0].image).natural
        wanted = PixelFormat(channels or natural.channels, bits or natural.bits)
        super().__init__(
            root.name,
            split,
            found.labels,
            found.pairs(split),
            found.read_mask,
            partial(read_bands, wanted=wanted),
        )
