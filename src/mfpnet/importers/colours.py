"""Colour masks, and masks of any other kind, as label maps with names: Pascal VOC, CamVid, ..."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

from mfpnet.data.camvid_labels import CAMVID_ALL, COLOURS, GROUPS, VOID
from mfpnet.data.pairs import Pair
from mfpnet.data.voc import VOC
from mfpnet.errors import MfpnetError
from mfpnet.folders.layouts import Layout, find_layout
from mfpnet.importers.imported import Frame, Import
from mfpnet.importers.source_files import SourcePicture, open_picture, split_of
from mfpnet.labels import CAMVID, LabelSet, colour_code
from mfpnet.masks.class_file import (
    CLASS_FILE,
    ClassFile,
    UnlistedValuesError,
    described,
    read_classes,
)
from mfpnet.masks.kinds import read_kind
from mfpnet.masks.label_files import LabelFile, read_label_file
from mfpnet.masks.survey import propose_classes, survey
from mfpnet.options.importing import ImportOptions
from mfpnet.pixels.pictures import IMAGE_SUFFIXES, Labels

_CAMVID_MARK = "_L"
_VOC_BORDER = (224, 224, 192)
# More of a mask in colours that CamVid does not have means that it is of something else.
_MOST_FOREIGN = 0.05


def import_colours(options: ImportOptions) -> Import:
    """What masks of any kind hold, in the classes of a list, or in those that they show.

    Raises:
        MfpnetError: nothing pairs up, no list where one is named, or colours that it lacks.
    """
    layout = find_layout(options.source)
    pairs = [pair for part in layout.parts.values() for pair in part]
    classes, notes = _classes(pairs, options)
    found = Import(classes.labels, notes=[*layout.notes, *notes])
    _add_frames(found, layout, classes)
    return found


def import_camvid32(options: ImportOptions) -> Import:
    """What CamVid's own masks hold, in 11 classes or all; `Void` and foreign colours are ignored.

    Raises:
        MfpnetError: nothing pairs up.
    """
    classes = camvid_classes(keep_all=options.keep_all)
    found = Import(classes.labels)
    masks = sorted(options.source.rglob(f"*{_CAMVID_MARK}.png"))
    layout = _camvid_layout(options.source, masks, found) if masks else find_layout(options.source)
    found.notes.extend(layout.notes)
    _add_frames(found, layout, classes)
    return found


def _camvid_layout(source: Path, masks: Sequence[Path], found: Import) -> Layout:
    """`NAME_L.png` goes with NAME wherever that is; folders such as `train_labels` are splits."""
    others = (path for path in sorted(source.rglob("*")) if path not in set(masks))
    frames = {path.stem: path for path in others if path.suffix.lower() in IMAGE_SUFFIXES}
    parts: dict[str, list[Pair]] = {}
    for mask in masks:
        name = mask.stem.removesuffix(_CAMVID_MARK)
        if frame := frames.get(name):
            split = split_of(mask.parent.name) or "train"
            parts.setdefault(split, []).append(Pair(frame, mask, name, name.split("_")[0]))
        else:
            found.absent.add("missing picture of a mask", str(mask))
    return Layout("CamVid's own", {split: tuple(pairs) for split, pairs in parts.items()})


def camvid_classes(*, keep_all: bool) -> ClassFile:
    """How CamVid's own masks hold the 11 classes of the SegNet form, or all but `Void`."""
    groups = {name: (name,) for name in CAMVID_ALL.classes} if keep_all else GROUPS
    return ClassFile(
        CAMVID_ALL if keep_all else CAMVID,
        tuple(tuple(colour_code(COLOURS[name]) for name in names) for names in groups.values()),
        "colour",
        (colour_code(COLOURS[VOID]),),
    )


def _add_frames(found: Import, layout: Layout, classes: ClassFile) -> None:
    splits = len(layout.parts) > 1
    for split, pairs in layout.parts.items():
        for pair in pairs:
            if picture := _picture(pair, found):
                mask = partial(_mask, classes, pair.mask, found)
                name = PurePosixPath(pair.name + pair.image.suffix)
                found.frames.append(Frame(name, picture, mask, split if splits else None))


def _picture(pair: Pair, found: Import) -> SourcePicture | None:
    try:
        picture, mask = open_picture(pair.image), open_picture(pair.mask)
    except ValueError as error:
        found.absent.add(str(error), f"{pair.image} or {pair.mask.name}")
        return None
    if picture.size != mask.size:
        real, other = ("x".join(map(str, each.size)) for each in (picture, mask))
        reason = "picture of another height and width than its mask"
        found.absent.add(reason, f"{pair.image} is {real}, mask {other}")
        return None
    return picture


def _mask(classes: ClassFile, path: Path, found: Import) -> Labels:
    """The labels of a mask; a few pixels of foreign colours are ignored and noted."""
    try:
        return classes.read_mask(path)
    except UnlistedValuesError as error:
        labels = replace(classes, unlisted="ignore").read_mask(path)
        pixels = sum(error.counts.values())
        if pixels > _MOST_FOREIGN * labels.size or classes.place:
            raise
        reason = "mask with colours of no class, ignored there"
        found.changed.add(reason, f"{path.name} ({100 * pixels / labels.size:.2g} % of it)")
        return labels


def _classes(pairs: Sequence[Pair], options: ImportOptions) -> tuple[ClassFile, tuple[str, ...]]:
    own = options.source / CLASS_FILE
    given = options.classes or (own if own.is_file() else None)
    if given is None:
        proposed = propose_classes(pairs, options.source)
        return proposed.classes, proposed.notes
    if given.suffix.lower() in (".yaml", ".yml"):
        return read_classes(given), ()
    known = _voc() if str(given) == "voc" else _listed(read_label_file(given))
    return _checked(known, pairs, given)


def _voc() -> ClassFile:
    values = tuple((colour_code(colour),) for colour in VOC.palette)
    return ClassFile(VOC, values, "colour", (colour_code(_VOC_BORDER),))


def _listed(file: LabelFile) -> ClassFile:
    """The classes of a list of colours, those called void left out."""
    if not file.coloured:
        raise MfpnetError(
            f"'{file.path}' lists names without colours. Write one `name,red,green,blue` a line."
        )
    labels = [label for label in file.labels if not label.is_void]
    colours = tuple(label.colour for label in labels if label.colour)
    void = tuple(
        colour_code(label.colour) for label in file.labels if label.is_void and label.colour
    )
    known = LabelSet(
        file.path.parent.absolute().name or "colours",
        tuple(label.name for label in labels),
        colours,
        255 if len(labels) <= 255 else 65535,
    )
    return ClassFile(known, tuple((colour_code(colour),) for colour in colours), "colour", void)


def _checked(
    classes: ClassFile, pairs: Sequence[Pair], given: Path
) -> tuple[ClassFile, tuple[str, ...]]:
    """The classes, with blended borders ignored; colours that fill areas must be listed."""
    tally, broken = survey(pairs)
    listed = {code for codes in classes.values for code in codes} | set(classes.ignore)
    seen = tally.by_colour()
    blended = read_kind(tally, listed).blended if len(seen) > len(listed & set(seen)) else {}
    lost = {code: each.pixels for code, each in seen.items() if code not in {*listed, *blended}}
    if lost:
        raise MfpnetError(
            f"the masks hold {described(lost, 'colour')}, which '{given}' does not list. Add them "
            f"to it; call what is no class 'void'."
        )
    if not blended:
        return classes, tuple(broken)
    share = 100 * (sum(each.pixels for each in blended.values()) + tally.rest) / tally.pixels
    note = (
        f"{len(blended)} colours occur only in thin transitions, as in smoothed (anti-aliased) "
        f"masks: {share:.2g} % of the pixels, which are ignored."
    )
    return replace(classes, unlisted="ignore"), (*broken, note)
