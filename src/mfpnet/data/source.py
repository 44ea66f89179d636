"""Which data, as data: what the command line and a run's config say of it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mfpnet.errors import MfpnetError
from mfpnet.pixels.format import PixelFormat

ON_DISK = ("ade20k", "camvid", "cityscapes", "idd_lite", "voc")
DRAWN = ("synthetic", "shapes60")
DATASETS = (*ON_DISK, *DRAWN)
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
        classes: a classes.yaml in place of a folder's own.
        mapping: name or file of a map into another label set, which the targets are then in.
        frames: only so many of them, spread evenly.
        channels: of the frames of a folder of the user's own; None for what its first one has.
        bits: 8 or 16, of their values; None likewise.
    """

    name: str = "synthetic"
    split: str = "train"
    root: str | None = None
    count: int = 320
    size: tuple[int, int] = (180, 240)
    plan: str | None = None
    classes: str | None = None
    mapping: str | None = None
    frames: int | None = None
    channels: int | None = None
    bits: int | None = None

    def read_as(self, frames: PixelFormat) -> DataSource:
        """The same, its frames as a network takes them where it does not say itself."""
        channels, bits = self.channels or frames.channels, self.bits or frames.bits
        return replace(self, channels=channels, bits=bits)

    @property
    def title(self) -> str:
        """What the data is called: a folder of one's own by its name.

        One that is called as a data set is told apart from it, whose licence and limits it lacks.
        """
        if self.name != FOLDER or not self.root:
            return self.name
        name = Path(self.root).name
        return f"folder {name}" if name in DATASETS else name


def folder_options(root: Path | str, channels: int | None) -> str:
    """What a command of `mfpnet` is given to read a folder of one's own in the same way."""
    asked = f" --channels {channels}" if channels else ""
    return f"--data {shlex.quote(str(root))}{asked}"


@contextmanager
def naming_the_check(source: DataSource) -> Iterator[None]:
    """Where a folder's files turn out to be unusable, say what lists them all with their fixes.

    Raises:
        MfpnetError: the same, with one more sentence.
    """
    try:
        yield
    except MfpnetError as error:
        if source.name != FOLDER or not source.root:
            raise
        command = f"mfpnet data check {folder_options(source.root, source.channels)}"
        raise MfpnetError(f"{error} For every problem and its fix, run: {command}") from error
