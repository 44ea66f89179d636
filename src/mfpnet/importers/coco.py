"""COCO's annotations as label maps: polygons, run lengths, crowds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mfpnet.importers.classes import empty_value, label_set, with_background
from mfpnet.importers.coco_file import CocoFile, find_coco_files
from mfpnet.importers.imported import Frame, Import
from mfpnet.importers.label_shapes import read_polygon, read_rle
from mfpnet.importers.painting import Thing, paint
from mfpnet.importers.polygons import Stamp, unite
from mfpnet.importers.source_files import (
    SourcePicture,
    existing,
    find_below,
    open_picture,
    safe_path,
)
from mfpnet.options.importing import ImportOptions
from mfpnet.pixels.pictures import Labels


def import_coco(options: ImportOptions) -> Import:
    """What a COCO file or a folder of them holds.

    Classes are the categories in order of their id, after the background where that is one. Each
    file is a split where one of several is called train.

    Raises:
        MfpnetError: no COCO file, or one whose pictures are outside its folder.
    """
    files, notes = find_coco_files(options.source)
    classes = _classes(files, options)
    found = Import(label_set("coco", classes), notes=notes)
    splits = len(files) > 1 and any(file.split == "train" for file in files)
    for file in files:
        reader = _Reader(file, found, options)
        for annotation in file.orphans:
            found.skipped.add("object of a picture that is not listed", reader.place(annotation))
        found.frames.extend(reader.frames(file.split if splits else None))
    return found


def _classes(files: Sequence[CocoFile], options: ImportOptions) -> list[str]:
    names = dict.fromkeys(name for file in files for name in file.names.values())
    return with_background(list(names), options.background)


def _folders(file: CocoFile, options: ImportOptions) -> list[Path]:
    """Where a file's pictures may be: beside it, in `images`, in a folder of its split's name."""
    root = options.source if options.source.is_dir() else file.path.parent
    own = file.path.stem.split("_")[-1]
    bases = (
        [options.images] if options.images else [file.path.parent, root, file.path.parent.parent]
    )
    below = ("", "images", own, f"images/{own}", file.split, f"images/{file.split}", "data")
    return existing([base / name for base in bases for name in below])


@dataclass(frozen=True)
class _Reader:
    """Makes frames of one file's pictures."""

    file: CocoFile
    found: Import
    options: ImportOptions

    def place(self, annotation: dict[str, Any]) -> str:
        return f"{self.file.path.name} annotation {annotation.get('id', '(no id)')}"

    def frames(self, split: str | None) -> Iterator[Frame]:
        folders, seen = _folders(self.file, self.options), set()
        for image in self.file.images:
            place = f"{self.file.path.name} image {image['id']}"
            name = safe_path(image.get("file_name"), f"'{self.file.path}' image {image['id']}")
            objects = self.file.objects.get(image["id"], [])
            path = find_below(name, folders)
            if name in seen:
                self.found.absent.add("picture listed twice", f"{place}: {name}")
            elif path is None:
                self.found.absent.add("missing picture", f"{place}: {name}")
            elif picture := self._picture(path, image, f"{place}: {path}"):
                size = _told_size(image) or picture.size
                mask = partial(self._mask, picture, size, objects)
                yield Frame(name, picture, mask, split)
            seen.add(name)

    def _picture(self, path: Path, image: dict[str, Any], place: str) -> SourcePicture | None:
        try:
            picture = open_picture(path)
        except ValueError as error:
            self.found.absent.add(str(error), place)
            return None
        size = _told_size(image)
        if size and size not in (picture.size, picture.stored):
            told, real = ("x".join(map(str, sides)) for sides in (size, picture.size))
            reason = "picture of another height and width than its labels"
            self.found.absent.add(reason, f"{place} is {real}, labels {told}")
            return None
        return picture

    def _mask(
        self, picture: SourcePicture, size: tuple[int, int], objects: list[dict[str, Any]]
    ) -> Labels:
        things = [thing for each in objects if (thing := self._thing(each, size))]
        labels = self.found.labels
        painted = paint(
            size,
            things,
            empty=empty_value(labels, self.options.background),
            ignore=labels.ignore_index,
            overlap=self.options.overlap or "smaller",
        )
        self.found.objects += len(things)
        return picture.upright(painted)

    def _thing(self, annotation: dict[str, Any], size: tuple[int, int]) -> Thing | None:
        place = self.place(annotation)
        category = annotation.get("category_id")
        if not isinstance(category, int) or category not in self.file.names:
            self.found.skipped.add(f"object of an unknown category, {category}", place)
            return None
        stamp = self._stamp(annotation.get("segmentation"), size, place)
        if stamp is None:
            return None
        crowd = annotation.get("iscrowd") and self.options.crowd == "ignore"
        return Thing(stamp, self.found.labels.ignore_index if crowd else self._value(category))

    def _value(self, category: int) -> int:
        return self.found.labels.classes.index(self.file.names[category])

    def _stamp(self, value: Any, size: tuple[int, int], place: str) -> Stamp | None:
        if isinstance(value, dict):
            return read_rle(value, size, place, self.found)
        if not value or not isinstance(value, list):
            self.found.skipped.add("object without a segmentation", place)
            return None
        parts = [value] if isinstance(value[0], int | float) else value
        stamps = [stamp for part in parts if (stamp := read_polygon(part, size, place, self.found))]
        return unite(stamps) if stamps else None


def _told_size(image: dict[str, Any]) -> tuple[int, int] | None:
    height, width = image.get("height"), image.get("width")
    if not isinstance(height, int) or not isinstance(width, int) or min(height, width) < 1:
        return None
    return height, width
