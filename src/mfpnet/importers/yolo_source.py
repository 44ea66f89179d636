"""What a YOLO data set consists of: its data.yaml, the pictures of each split, their labels."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from mfpnet.errors import MfpnetError
from mfpnet.folders.names import SPLIT_OF, plural
from mfpnet.importers.source_files import existing, read_lines, read_text, split_of
from mfpnet.options.importing import ImportOptions
from mfpnet.pixels.pictures import IMAGE_SUFFIXES

_SPLITS = ("train", "val", "test")
_NAMES_ADVICE = (
    "Write a data.yaml with `names: [person, car]` beside images and labels, or give a file with "
    "one name a line as --classes"
)


@dataclass(frozen=True)
class YoloPicture:
    """A picture and where its labels would be.

    Attributes:
        path: of the picture.
        name: its own, without the folders that only say images or the split.
        labels: the .txt file, which need not be there.
        split: that it is for, if any.
    """

    path: Path
    name: PurePosixPath
    labels: Path
    split: str | None


@dataclass(frozen=True)
class YoloSource:
    """A data set.

    Attributes:
        root: its folder.
        names: of the classes.
        pictures: of all splits; they may be missing.
    """

    root: Path
    names: tuple[str, ...]
    pictures: tuple[YoloPicture, ...]


def open_yolo(options: ImportOptions) -> YoloSource:
    """Find everything that a data set consists of.

    Raises:
        MfpnetError: no names, no pictures, not one label file, or a path that leads out of the
            folder.
    """
    source = options.source
    if not source.exists():
        raise MfpnetError(f"there is no file or folder '{source}'. Check the path.")
    root = source if source.is_dir() else source.parent
    path = source if source.is_file() else _find_yaml(source)
    values = _read_yaml(path) if path else {}
    names = _names(values, root, path or root, options.classes)
    pictures = tuple(_pictures(values, root, path or root))
    if not pictures:
        raise MfpnetError(
            f"'{root}' holds no picture. YOLO's are in images, with labels of the same names in "
            f"labels, or where data.yaml says."
        )
    _check_labels(pictures, root)
    return YoloSource(root, names, pictures)


def _check_labels(pictures: Sequence[YoloPicture], root: Path) -> None:
    """Without any labels every mask would be background, and nothing would say so."""
    if any(picture.labels.is_file() for picture in pictures):
        return
    first = pictures[0]
    folders = list(dict.fromkeys(picture.labels.parent for picture in pictures))
    more = f" and {plural(len(folders) - 1, 'more folder')}" if len(folders) > 1 else ""
    raise MfpnetError(
        f"'{root}' holds {plural(len(pictures), 'picture')} and not one label file: looked for "
        f"'{first.labels.name}' of '{first.path.name}' in '{folders[0]}'{more}. Labels are in a "
        f"folder called labels where the pictures are in one called images, or else beside the "
        f"pictures: rename the folders so."
    )


def _find_yaml(folder: Path) -> Path | None:
    usual = [folder / "data.yaml", folder / "dataset.yaml", *sorted(folder.glob("*.y*ml"))]
    return next((path for path in usual if path.is_file()), None)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise MfpnetError(f"'{path}' is not valid YAML: {error}.") from error
    if not isinstance(values, dict):
        raise MfpnetError(f"'{path}' is no YOLO data.yaml: it holds no `names: ...`.")
    return values


def _names(values: dict[str, Any], root: Path, place: Path, listed: Path | None) -> tuple[str, ...]:
    beside = existing_file(root / "classes.txt", root / "labels" / "classes.txt")
    listed = listed or (None if "names" in values else beside)
    names = read_lines(listed) if listed else values.get("names")
    if isinstance(names, dict) and sorted(names) == list(range(len(names))):
        names = [names[index] for index in range(len(names))]
    texts = [str(name).strip() for name in names] if isinstance(names, list) else []
    if not texts or not all(texts) or len(set(texts)) != len(texts):
        raise MfpnetError(
            f"'{listed or place}' names no classes, or not each by another name (found {names!r})."
            f" {_NAMES_ADVICE}."
        )
    return tuple(texts)


def existing_file(*paths: Path) -> Path | None:
    """The first of the files that is there."""
    return next((path for path in paths if path.is_file()), None)


def _pictures(values: dict[str, Any], root: Path, place: Path) -> Iterator[YoloPicture]:
    listed = {split: values[split] for split in _SPLITS if values.get(split)}
    if not listed:
        yield from (_picture(path, root, None) for path in _below(_images_folder(root)))
        return
    base = root / str(values.get("path") or "")
    for split, given in listed.items():
        for text in given if isinstance(given, list) else [given]:
            found = _place(str(text), [base, root], place)
            yield from (_picture(path, root, split) for path in _listed(found, root))


def _images_folder(root: Path) -> Path:
    return root / "images" if (root / "images").is_dir() else root


def _place(text: str, bases: Sequence[Path], place: Path) -> Path:
    """Where `train:` leads; Roboflow writes `../train/images` for `train/images`."""
    written = PurePosixPath(text.replace("\\", "/"))
    inner = PurePosixPath(*(part for part in written.parts if part not in ("..", ".")))
    root = bases[-1]
    for path in (*(base / written for base in bases), root / inner):
        if path.exists() and _parts(path, root) is not None:
            return path
    raise MfpnetError(
        f"'{place}' names '{text}', which is not below '{root}'. Correct that entry, or give "
        f"the folder that holds everything as IN."
    )


def _listed(place: Path, root: Path) -> list[Path]:
    """The pictures of a folder, or those that a text file lists."""
    if place.is_dir():
        return _below(place)
    paths = []
    for line in read_lines(place):
        path = place.parent / line
        if _parts(path, root) is None:
            raise MfpnetError(
                f"'{place}' lists '{line}', which is outside of '{root}'. Correct that line."
            )
        paths.append(path)
    return paths


def _below(folder: Path) -> list[Path]:
    files = (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in IMAGE_SUFFIXES)
    return [path for path in files if path.is_file() and not path.name.startswith(".")]


def _parts(path: Path, root: Path) -> tuple[str, ...] | None:
    """Where a path lies below the folder; None where it does not.

    As it is written, since labels lie beside a link to a picture and not beside its target; else
    by what is really there, for a folder that has several names.
    """
    for spelt in (os.path.abspath, os.path.realpath):
        inner, outer = Path(spelt(path)), Path(spelt(root))
        if inner.is_relative_to(outer):
            return inner.relative_to(outer).parts
    return None


def _picture(path: Path, root: Path, split: str | None) -> YoloPicture:
    parts = _parts(path, root) or (path.name,)
    at = max((index for index, part in enumerate(parts[:-1]) if part == "images"), default=None)
    kept = [part for index, part in enumerate(parts[:-1]) if index != at]
    if split is None and kept:
        split = SPLIT_OF.get(kept[0].lower())
    kept = [part for part in kept if split_of(part) != split or split is None]
    labels = root.joinpath(*parts)
    if at is not None:
        labels = root.joinpath(*parts[:at], "labels", *parts[at + 1 :])
    return YoloPicture(path, PurePosixPath(*kept, parts[-1]), labels.with_suffix(".txt"), split)


def orphans(pictures: Sequence[YoloPicture]) -> list[Path]:
    """Label files that no picture goes with."""
    used = {picture.labels for picture in pictures}
    folders = existing(sorted({labels.parent for labels in used}))
    files = [path for folder in folders for path in sorted(folder.glob("*.txt"))]
    lists = ("classes.txt", "train.txt", "val.txt", "test.txt", "notes.txt")
    return [path for path in files if path not in used and path.name not in lists]
