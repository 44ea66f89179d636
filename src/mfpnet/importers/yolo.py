"""YOLO's segmentation labels as label maps: a text file of polygons for each picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mfpnet.errors import MfpnetError
from mfpnet.folders.names import counted
from mfpnet.importers.classes import empty_value, label_set, with_background
from mfpnet.importers.imported import Frame, Import
from mfpnet.importers.label_shapes import read_polygon
from mfpnet.importers.painting import Thing, paint
from mfpnet.importers.source_files import open_picture, read_text
from mfpnet.importers.yolo_source import YoloSource, open_yolo, orphans
from mfpnet.options.importing import ImportOptions
from mfpnet.pixels.pictures import Labels

# A class and a box: its centre, its width and its height.
_BOX = 5


@dataclass(frozen=True)
class _Line:
    """One object: its class, x1, y1, x2, y2, ... from 0 to 1, and where it stands."""

    category: int
    values: list[float]
    place: str


def import_yolo(options: ImportOptions) -> Import:
    """What a YOLO data set holds; a picture without a label file is background only.

    Raises:
        MfpnetError: no names or pictures, or lines that are boxes, without `boxes`.
    """
    source = open_yolo(options)
    found = Import(label_set("yolo", with_background(source.names, options.background)))
    boxes: list[str] = []
    unlabelled = {each.name for each in source.pictures if not each.labels.is_file()}
    for each in source.pictures:
        try:
            picture = open_picture(each.path)
        except ValueError as error:
            reason = str(error) if each.path.is_file() else "missing picture"
            found.absent.add(reason, str(each.path))
            continue
        lines = _lines(each.labels, source, found, boxes)
        mask = partial(_mask, lines, picture.size, source.names, found, options)
        found.frames.append(Frame(each.name, picture, mask, each.split))
    bare = [str(frame.name) for frame in found.frames if frame.name in unlabelled]
    if bare:
        found.notes.append(counted(bare, "picture", "without a label file, background only"))
    for path in orphans(source.pictures):
        found.absent.add("missing picture of a label file", str(path))
    _check_boxes(boxes, options)
    return found


def _check_boxes(boxes: Sequence[str], options: ImportOptions) -> None:
    if boxes and not options.boxes:
        raise MfpnetError(
            f"{len(boxes)} objects are boxes (class, centre, width, height), the first at "
            f"{boxes[0]}: a box does not say which pixels are the object's. Take a data set with "
            f"polygons, or fill the boxes with --boxes."
        )


def _lines(path: Path, source: YoloSource, found: Import, boxes: list[str]) -> list[_Line]:
    """The objects of a label file; what is wrong with one is noted, boxes are collected."""
    if not path.is_file():
        return []
    shown = path.relative_to(source.root) if path.is_relative_to(source.root) else path
    lines = []
    for number, text in enumerate(read_text(path).splitlines(), start=1):
        place = f"{shown}:{number}"
        words = text.split()
        if words and (line := _line(words, source, place, found)):
            lines.append(line)
            if len(words) == _BOX:
                boxes.append(place)
    return lines


def _line(words: list[str], source: YoloSource, place: str, found: Import) -> _Line | None:
    try:
        category, values = int(words[0]), [float(word) for word in words[1:]]
    except ValueError:
        found.skipped.add("a line that is not a class and numbers", place)
        return None
    if not 0 <= category < len(source.names):
        found.skipped.add(f"object of an unknown class, {category}", place)
        return None
    return _Line(category, _corners(values) if len(words) == _BOX else values, place)


def _corners(box: list[float]) -> list[float]:
    x, y, width, height = box
    left, right, top, bottom = x - width / 2, x + width / 2, y - height / 2, y + height / 2
    return [left, top, right, top, right, bottom, left, bottom]


def _mask(
    lines: Sequence[_Line],
    size: tuple[int, int],
    names: Sequence[str],
    found: Import,
    options: ImportOptions,
) -> Labels:
    labels, things = found.labels, []
    for line in lines:
        scaled = [value * size[1 - index % 2] for index, value in enumerate(line.values)]
        if stamp := read_polygon(scaled, size, line.place, found):
            things.append(Thing(stamp, labels.classes.index(names[line.category])))
    found.objects += len(things)
    return paint(
        size,
        things,
        empty=empty_value(labels, options.background),
        ignore=labels.ignore_index,
        overlap=options.overlap or "smaller",
    )
