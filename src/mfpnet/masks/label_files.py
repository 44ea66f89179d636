"""Names of classes that lie beside masks: what labelling tools write there."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mfpnet.errors import MfpnetError
from mfpnet.labels import Colour

# Label files as tools call them, the ones that say most first.
_COLOURED = ("labelmap.txt", "label_colors.txt", "label_colours.txt", "class_dict.csv")
_PLAIN = ("classes.txt", "class_names.txt", "labels.txt", "codes.txt", "obj.names")
_ROBOFLOW = "_classes.csv"
_VOID = re.compile(r"^_*(void|ignored?|unlabell?ed|don.?t.?care|255)_*$", re.IGNORECASE)


@dataclass(frozen=True)
class NamedLabel:
    """A line of a label file.

    Attributes:
        name: of the class.
        value: in masks; None where the file has colours.
        colour: in masks; None where the file has none.
    """

    name: str
    value: int | None
    colour: Colour | None

    @property
    def is_void(self) -> bool:
        """Whether the name says that it is no class."""
        return _VOID.match(self.name) is not None


@dataclass(frozen=True)
class LabelFile:
    """The labels that a file lists, in its order."""

    path: Path
    labels: tuple[NamedLabel, ...]

    @property
    def coloured(self) -> bool:
        """Whether it tells colours."""
        return self.labels[0].colour is not None


def find_label_file(folders: Iterable[Path]) -> LabelFile | None:
    """The first label file in these folders that can be read as one."""
    for folder in dict.fromkeys(folders):
        there = {path.name.lower(): path for path in sorted(folder.iterdir()) if path.is_file()}
        for name in (*_COLOURED, _ROBOFLOW, *_PLAIN):
            if name in there and (labels := _read(there[name], name)):
                return LabelFile(there[name], labels)
    return None


def read_label_file(path: Path) -> LabelFile:
    """A label file whatever it is called: with colours if it has any, else a name a line.

    Raises:
        MfpnetError: it cannot be read, or holds no labels, or one of them twice.
    """
    if not path.is_file():
        raise MfpnetError(f"there is no file '{path}'. Check the path.")
    for kind in (_COLOURED[0], _ROBOFLOW, _PLAIN[0]):
        if labels := _read(path, kind):
            return LabelFile(path, labels)
    raise MfpnetError(
        f"'{path}' is no list of labels: write one `name,red,green,blue` a line, in UTF-8, each "
        f"name once."
    )


def _read(path: Path, kind: str) -> tuple[NamedLabel, ...]:
    """The labels of a file; none where it holds something else."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return ()
    lines = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if kind == _ROBOFLOW:
        return _rows(lines)
    labels = _coloured(lines) if kind in _COLOURED else _plain(lines)
    names = [label.name for label in labels]
    return labels if len(set(names)) == len(names) else ()


def _coloured(lines: list[str]) -> tuple[NamedLabel, ...]:
    """`name:r,g,b::` (CVAT), `r g b name` (CamVid) or `name,r,g,b` below a heading."""
    found = (_coloured_line(line) for line in lines)
    return tuple(label for label in found if label)


def _coloured_line(line: str) -> NamedLabel | None:
    number = r"(\d{1,3})"
    first = re.fullmatch(rf"{number}[\s,]+{number}[\s,]+{number}[\s,]+(.+)", line)
    last = re.fullmatch(rf"(.+?)[\s,:]+{number}[\s,]+{number}[\s,]+{number}(?:[:,\s].*)?", line)
    if not (found := first or last):
        return None
    parts = found.groups()
    name, numbers = (parts[3], parts[:3]) if first else (parts[0], parts[1:])
    red, green, blue = map(int, numbers)
    return (
        NamedLabel(name.strip(), None, (red, green, blue)) if max(red, green, blue) < 256 else None
    )


def _rows(lines: list[str]) -> tuple[NamedLabel, ...]:
    """Roboflow's `Pixel Value, Class`."""
    rows = list(csv.reader(lines))
    numbered = [row for row in rows if len(row) == 2 and row[0].strip().isdigit()]
    return tuple(NamedLabel(row[1].strip(), int(row[0]), None) for row in numbered)


def _plain(lines: list[str]) -> tuple[NamedLabel, ...]:
    """A name a line, the first for 0; labelme puts `__ignore__` before it."""
    names = [line for line in lines if line != "__ignore__"]
    return tuple(NamedLabel(name.strip("_"), value, None) for value, name in enumerate(names))
