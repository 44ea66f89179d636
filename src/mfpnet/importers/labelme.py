"""LabelMe's files, one for each picture, as label maps.

What the words of its files mean is as in `labelme/utils/shape.py` and `labelme2voc.py` of the
program: shapes are painted in their order, `__ignore__` is ignored, `_background_` is class 0.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from mfpnet.errors import MfpnetError
from mfpnet.files import read_json
from mfpnet.importers.classes import empty_value, label_set, with_background
from mfpnet.importers.imported import Frame, Import
from mfpnet.importers.labelme_shapes import shape_stamp
from mfpnet.importers.painting import Thing, paint
from mfpnet.importers.source_files import SourcePicture, open_picture, read_lines
from mfpnet.options.importing import ImportOptions
from mfpnet.pixels.pictures import IMAGE_SUFFIXES, Labels

IGNORED = "__ignore__"


@dataclass(frozen=True)
class _File:
    """A LabelMe file without its embedded picture, which is read again when it is needed."""

    path: Path
    shapes: list[dict[str, Any]]
    image_path: str
    size: tuple[object, object]
    embedded: bool


def import_labelme(options: ImportOptions) -> Import:
    """What the LabelMe files of a folder and the folders below it hold.

    Classes are the labels in alphabetical order, or those of `--classes` or of a `labels.txt`
    beside the files in that order; `_background_` goes first.

    Raises:
        MfpnetError: no LabelMe file, or a picture's path that leads out of the folder.
    """
    files, notes = _files(options.source)
    names = _classes(files, options)
    found = Import(label_set("labelme", with_background(names, options.background)), notes=notes)
    for file in files:
        if picture := _picture(file, options, found):
            mask = partial(_mask, file, picture, found, options)
            found.frames.append(Frame(_name(file, options.source), picture, mask))
    return found


def _files(source: Path) -> tuple[list[_File], list[str]]:
    if not source.exists():
        raise MfpnetError(f"there is no file or folder '{source}'. Check the path.")
    paths = [source] if source.is_file() else sorted(source.rglob("*.json"))
    files, others = [], []
    for path in paths:
        values = read_json(path)
        if isinstance(values, dict) and isinstance(values.get("shapes"), list):
            files.append(_file(path, values))
        else:
            others.append(f"passed over: '{path}' is no LabelMe file, it has no list of shapes")
    if not files:
        told = f" {others[0]}." if others else " There is no .json file in it."
        raise MfpnetError(f"'{source}' holds no LabelMe file.{told}")
    return files, others


def _file(path: Path, values: dict[str, Any]) -> _File:
    return _File(
        path,
        [shape if isinstance(shape, dict) else {} for shape in values["shapes"]],
        str(values.get("imagePath") or ""),
        (values.get("imageHeight"), values.get("imageWidth")),
        bool(values.get("imageData")),
    )


def _classes(files: Sequence[_File], options: ImportOptions) -> list[str]:
    beside = options.source / "labels.txt"
    listed = options.classes or (beside if beside.is_file() else None)
    used = {name for file in files for shape in file.shapes if (name := _label(shape))}
    if listed is None:
        return sorted(used - {IGNORED})
    names = [name for name in read_lines(listed) if name != IGNORED]
    if missing := sorted(used - {*names, IGNORED}):
        raise MfpnetError(
            f"'{listed}' lacks {len(missing)} of the labels: {', '.join(missing[:5])}. Add them, "
            f"or give another list with --classes."
        )
    return list(dict.fromkeys(names))


def _name(file: _File, source: Path) -> PurePosixPath:
    """The label file's own place, with the picture's suffix."""
    suffix = PurePosixPath(file.image_path.replace("\\", "/")).suffix
    root = source if source.is_dir() else source.parent
    return PurePosixPath(file.path.relative_to(root).with_suffix(suffix or ".png").as_posix())


def _picture(file: _File, options: ImportOptions, found: Import) -> SourcePicture | None:
    path = _image_file(file, options)
    content = path or _embedded(file)
    if content is None:
        found.absent.add("missing picture", f"{file.path}: {file.image_path or '(no imagePath)'}")
        return None
    try:
        picture = open_picture(content)
    except ValueError as error:
        found.absent.add(str(error), f"{file.path}: {path or 'imageData'}")
        return None
    if all(isinstance(side, int) for side in file.size) and file.size != picture.size:
        told, real = ("x".join(map(str, sides)) for sides in (file.size, picture.size))
        reason = "picture of another height and width than its labels"
        found.absent.add(reason, f"{path or file.path} is {real}, labels {told}")
        return None
    return picture


def _image_file(file: _File, options: ImportOptions) -> Path | None:
    """Where `imagePath` leads, else a picture of that name, or of the label file's, beside it."""
    written = file.image_path.replace("\\", "/")
    folders = [file.path.parent, *([options.images] if options.images else [])]
    root = (options.source if options.source.is_dir() else file.path.parent).resolve()
    for folder in folders:
        led = folder / written
        if written and led.is_file():
            _check_inside(led, [root, *(f.resolve() for f in folders)], file)
            return led
    stems = [PurePosixPath(written).name] if written else []
    stems += [file.path.with_suffix(suffix).name for suffix in sorted(IMAGE_SUFFIXES)]
    beside = (folder / name for folder in folders for name in stems)
    return next((path for path in beside if path.is_file()), None)


def _check_inside(path: Path, roots: Sequence[Path], file: _File) -> None:
    # LabelMe itself writes paths such as ../images/a.jpg: they may lead anywhere below the source.
    resolved = Path(path.parent.resolve() / path.name)
    if not any(resolved.is_relative_to(root) for root in roots):
        raise MfpnetError(
            f"'{file.path}' names the picture '{file.image_path}', which is outside the folder of "
            f"the labels. Give the pictures' folder with --images."
        )


def _embedded(file: _File) -> bytes | None:
    if not file.embedded:
        return None
    try:
        return base64.b64decode(read_json(file.path)["imageData"], validate=False)
    except (binascii.Error, TypeError, ValueError):
        return b""


def _mask(file: _File, picture: SourcePicture, found: Import, options: ImportOptions) -> Labels:
    labels, things = found.labels, []
    for index, shape in enumerate(file.shapes, start=1):
        place = f"{file.path.name} shape {index} ({shape.get('label', 'no label')})"
        stamp = shape_stamp(shape, picture.size, place, found, options.line_width)
        value = _value(shape, found)
        if stamp and value is None:
            found.skipped.add("shape without a label", place)
        elif stamp and value is not None:
            things.append(Thing(stamp, value))
    found.objects += len(things)
    return paint(
        picture.size,
        things,
        empty=empty_value(labels, options.background),
        ignore=labels.ignore_index,
        overlap=options.overlap or "later",
    )


def _label(shape: dict[str, Any]) -> str:
    """Its label, stripped; nothing where it has none."""
    return str(shape.get("label") or "").strip()


def _value(shape: dict[str, Any], found: Import) -> int | None:
    name = _label(shape)
    if name == IGNORED:
        return found.labels.ignore_index
    return found.labels.classes.index(name) if name else None
