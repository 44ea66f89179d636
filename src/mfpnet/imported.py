"""A folder that `mfpnet train --data` takes, written from labels of any other format."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import PIL.Image

from mfpnet.class_file import CLASS_FILE, ClassFile, usual_palette, write_classes
from mfpnet.errors import MfpnetError
from mfpnet.files import staged_folder
from mfpnet.findings import Findings
from mfpnet.import_options import Background
from mfpnet.labels import Colour, LabelSet
from mfpnet.layouts import find_layout
from mfpnet.pairs import Pair
from mfpnet.pictures import IMAGE_SUFFIXES, Labels
from mfpnet.source_files import SourcePicture
from mfpnet.splits import write_splits

BACKGROUND = "background"
# Labels of 8-bit masks go to 254, and 255 is what is ignored.
_MOST_IN_8_BITS = 255


@dataclass(frozen=True)
class Frame:
    """One picture with its labels.

    Attributes:
        name: of the picture's file in the source, with its folders.
        picture: its file.
        mask: paints the (H, W) labels.
        split: what it is for; None where the source does not say.
    """

    name: PurePosixPath
    picture: SourcePicture
    mask: Callable[[], Labels]
    split: str | None = None


@dataclass
class Import:
    """What an importer read.

    Attributes:
        labels: what the values of its masks mean; they are 0 .. classes - 1, and `ignore_index`.
        frames: the pictures.
        objects: how many objects were painted; complete when all masks are.
        skipped: objects that were left out, and why; complete when all masks are painted.
        changed: objects that are not quite as in the source: clipped at the picture's border.
        absent: pictures that were left out, and why.
        notes: what was decided, a sentence each.
    """

    labels: LabelSet
    frames: list[Frame] = field(default_factory=list)
    objects: int = 0
    skipped: Findings = field(default_factory=Findings)
    changed: Findings = field(default_factory=Findings)
    absent: Findings = field(default_factory=Findings)
    notes: list[str] = field(default_factory=list)


def label_set(
    name: str, classes: Sequence[str], palette: Sequence[Colour] | None = None
) -> LabelSet:
    """Classes with colours, and the ignored label that fits their number.

    Raises:
        MfpnetError: there are fewer than two.
    """
    if len(classes) < 2:
        held = f"one class only, '{classes[0]}'" if classes else "no class at all"
        raise MfpnetError(
            f"the {name} labels hold {held}: there is nothing to tell apart. Without "
            f"--background ignore, the background is a class too."
        )
    black = ((0, 0, 0),) if is_background(classes[0]) else ()
    colours = palette or (*black, *usual_palette(len(classes) - len(black)))
    ignore = 255 if len(classes) <= _MOST_IN_8_BITS else 65535
    return LabelSet(name, tuple(classes), tuple(colours), ignore)


def is_background(name: str) -> bool:
    """Whether a class is called background, in whatever way."""
    return name.strip("_ ").lower() == BACKGROUND


def empty_value(labels: LabelSet, background: Background) -> int:
    """The label of what no object covers."""
    own = [index for index, name in enumerate(labels.classes) if is_background(name)]
    return own[0] if own and background == "class" else labels.ignore_index


def with_background(names: Sequence[str], background: Background) -> list[str]:
    """The classes, the background first where it is to be one of them."""
    if background == "ignore":
        return list(names)
    own = [name for name in names if is_background(name)] or [BACKGROUND]
    return [own[0], *(name for name in names if name != own[0])]


def check_pictures(found: Import, *, skip_missing: bool) -> None:
    """Refuse an import without some of its pictures, unless that is wanted, or without any.

    Raises:
        MfpnetError: which pictures, and what to do.
    """
    lost = "".join(f"\n  {line}" for line in found.absent.lines())
    if not found.frames:
        raise MfpnetError(f"there is no picture to import.{lost}\nCheck the paths, or --images.")
    if lost and not skip_missing:
        total = len(found.absent)
        raise MfpnetError(
            f"{total} of {total + len(found.frames)} pictures cannot be imported:{lost}\n"
            f"Put them right, say where they are with --images, or go on without them with "
            f"--skip-missing."
        )


def write_import(found: Import, out: Path, *, link: bool = False) -> dict[str, Any]:
    """Write the folder, or nothing at all, and say what is in it.

    `images` and `masks` keep the folders of the source's pictures below them; the pictures
    themselves are copied byte by byte, or hard-linked.

    Returns:
        `pictures`, `objects`, `classes`, `splits` (pictures of each), `skipped`, `changed` and
        `absent` (lists of reasons with their places), `notes`.

    Raises:
        MfpnetError: `out` is there and not an empty folder, or cannot be written.
    """
    with staged_folder(out) as folder:
        names = _target_names(found.frames)
        for frame, name in zip(found.frames, names, strict=True):
            _write_frame(frame, name, folder, found.labels, link=link)
        values = tuple((index,) for index in range(found.labels.num_classes))
        ignored = (found.labels.ignore_index,)
        write_classes(folder / CLASS_FILE, ClassFile(found.labels, values, ignore=ignored))
        splits = _write_splits(found.frames, names, folder)
    return {
        "pictures": len(found.frames),
        "objects": found.objects,
        "classes": list(found.labels.classes),
        "splits": splits,
        "skipped": found.skipped.as_list(),
        "changed": found.changed.as_list(),
        "absent": found.absent.as_list(),
        "notes": found.notes,
    }


def _target_names(frames: Sequence[Frame]) -> list[PurePosixPath]:
    """Names below `images` whose stems all differ, also where a and A are the same file."""
    names = [_with_known_suffix(frame) for frame in frames]
    if _repeated(names):
        names = [PurePosixPath(f.split or "") / n for f, n in zip(frames, names, strict=True)]
    twice = _repeated(names)
    names = [_spelt_out(name) if _key(name) in twice else name for name in names]
    if twice := _repeated(names):
        raise MfpnetError(f"two pictures are called '{min(twice)}'. Rename one of them.")
    return names


def _with_known_suffix(frame: Frame) -> PurePosixPath:
    if frame.name.suffix.lower() in IMAGE_SUFFIXES:
        return frame.name
    return frame.name.with_name(f"{frame.name.name}.{frame.picture.format.lower()}")


def _spelt_out(name: PurePosixPath) -> PurePosixPath:
    """`a.jpg` as `a_jpg.jpg`, beside `a.png` as `a_png.png`."""
    return name.with_name(f"{name.stem}_{name.suffix[1:]}{name.suffix}")


def _repeated(names: Sequence[PurePosixPath]) -> set[str]:
    return {key for key, times in Counter(map(_key, names)).items() if times > 1}


def _key(name: PurePosixPath) -> str:
    return str(name.with_suffix("")).casefold()


def _write_frame(
    frame: Frame, name: PurePosixPath, folder: Path, labels: LabelSet, *, link: bool
) -> None:
    image = folder / "images" / name
    mask = (folder / "masks" / name).with_suffix(".png")
    for path in (image, mask):
        path.parent.mkdir(parents=True, exist_ok=True)
    _copy(frame.picture.content, image, link=link)
    wide = "uint8" if labels.ignore_index < 256 else "uint16"
    PIL.Image.fromarray(frame.mask().astype(wide)).save(mask)


def _copy(content: Path | bytes, target: Path, *, link: bool) -> None:
    if isinstance(content, bytes):
        target.write_bytes(content)
        return
    if link:
        try:
            os.link(content.resolve(), target)
        except OSError:  # another disk, or one without hard links
            pass
        else:
            return
    shutil.copyfile(content, target)


def _write_splits(
    frames: Sequence[Frame], names: Sequence[PurePosixPath], folder: Path
) -> dict[str, int]:
    if all(frame.split is None for frame in frames):
        return {}
    layout = find_layout(folder)
    by_image = {pair.image: pair for part in layout.parts.values() for pair in part}
    parts: dict[str, list[Pair]] = {}
    for frame, name in zip(frames, names, strict=True):
        parts.setdefault(frame.split or "train", []).append(by_image[folder / "images" / name])
    write_splits(folder, parts)
    return {split: len(pairs) for split, pairs in parts.items()}
