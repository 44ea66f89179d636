"""A folder that `mfpnet train --data` takes, written from labels of any other format."""

from __future__ import annotations

import os
import shutil
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import PIL.Image

from mfpnet.data.pairs import Pair
from mfpnet.errors import MfpnetError
from mfpnet.files import staged_folder
from mfpnet.folders.layouts import find_layout
from mfpnet.folders.splits import write_splits
from mfpnet.importers.source_files import SourcePicture
from mfpnet.labels import LabelSet
from mfpnet.masks.class_file import CLASS_FILE, ClassFile, write_classes
from mfpnet.pixels.pictures import IMAGE_SUFFIXES, Labels
from mfpnet.views.findings import Findings


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
        written = [
            (frame, name)
            for frame, name in zip(found.frames, names, strict=True)
            if _write_frame(frame, name, folder, found, link=link)
        ]
        if not written:
            raise MfpnetError("no picture has a single labelled pixel: there is nothing to learn.")
        values = tuple((index,) for index in range(found.labels.num_classes))
        ignored = (found.labels.ignore_index,)
        write_classes(folder / CLASS_FILE, ClassFile(found.labels, values, ignore=ignored))
        splits = _write_splits(written, _pairs(written, folder), folder)
    return {
        "pictures": len(written),
        "objects": found.objects,
        "classes": list(found.labels.classes),
        "splits": splits,
        "skipped": found.skipped.as_list(),
        "changed": found.changed.as_list(),
        "absent": found.absent.as_list(),
        "notes": found.notes,
    }


def _target_names(frames: Sequence[Frame]) -> list[PurePosixPath]:
    """Names below `images` whose stems all differ, also where a and A are the same file.

    Accents in one piece or in two make no difference either.
    """
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
    return unicodedata.normalize("NFC", str(name.with_suffix(""))).casefold()


def _write_frame(
    frame: Frame, name: PurePosixPath, folder: Path, found: Import, *, link: bool
) -> bool:
    """Whether it was written: a picture without a labelled pixel is left out."""
    labels = frame.mask()
    if (labels == found.labels.ignore_index).all():
        found.skipped.add("picture without a labelled pixel", str(frame.name))
        return False
    image = folder / "images" / name
    mask = (folder / "masks" / name).with_suffix(".png")
    for path in (image, mask):
        path.parent.mkdir(parents=True, exist_ok=True)
    _copy(frame.picture.content, image, link=link)
    wide = "uint8" if found.labels.ignore_index < 256 else "uint16"
    PIL.Image.fromarray(labels.astype(wide)).save(mask)
    return True


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


def _pairs(written: Sequence[tuple[Frame, PurePosixPath]], folder: Path) -> list[Pair]:
    """The pairs as training will find them, which must be those that were written."""
    layout = find_layout(folder)
    found = {pair.image: pair for part in layout.parts.values() for pair in part}
    for _, name in written:
        pair = found.get(folder / "images" / name)
        if pair is None or pair.mask != (folder / "masks" / name).with_suffix(".png"):
            raise MfpnetError(
                f"the picture '{name}' would not be found beside its mask because of its name. "
                f"Rename it in the source."
            )
    return [found[folder / "images" / name] for _, name in written]


def _write_splits(
    written: Sequence[tuple[Frame, PurePosixPath]], pairs: Sequence[Pair], folder: Path
) -> dict[str, int]:
    if all(frame.split is None for frame, _ in written):
        return {}
    parts: dict[str, list[Pair]] = {}
    for (frame, _), pair in zip(written, pairs, strict=True):
        parts.setdefault(frame.split or "train", []).append(pair)
    write_splits(folder, parts)
    return {split: len(inside) for split, inside in parts.items()}
