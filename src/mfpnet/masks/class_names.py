"""Names for what masks hold: from a label file, from a set known by its colours, or made up."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from mfpnet.data.camvid_labels import CAMVID_ALL
from mfpnet.data.cityscapes_labels import LABELS
from mfpnet.data.voc import VOC
from mfpnet.labels import CAMVID, Colour, LabelSet, code_colour, colour_code
from mfpnet.masks.class_rows import Masks
from mfpnet.masks.label_files import LabelFile, NamedLabel

BACKGROUND = "background"
_COLOUR_NAMES = {
    0x000000: BACKGROUND,
    0xFFFFFF: "white",
    0x808080: "grey",
    0xFF0000: "red",
    0x00FF00: "green",
    0x0000FF: "blue",
    0xFFFF00: "yellow",
    0xFF00FF: "magenta",
    0x00FFFF: "cyan",
}


@dataclass(frozen=True)
class Found:
    """The values, or colour codes, of masks.

    Attributes:
        masks: what they hold.
        classes: the values of classes, in order.
        ignore: those that are void.
        palette: colours of values, from palette files.
    """

    masks: Masks
    classes: tuple[int, ...]
    ignore: tuple[int, ...]
    palette: Mapping[int, Colour]


@dataclass(frozen=True)
class Named:
    """Classes with names.

    Attributes:
        names: of each value, in the order of the classes.
        colours: of those that have one.
        ignore: values that are void.
        notes: where the names are from, a sentence each.
    """

    names: dict[int, str]
    colours: dict[int, Colour]
    ignore: tuple[int, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class KnownColours:
    """A label set in colour masks.

    Attributes:
        title: what people call it.
        names: colour code -> class.
        void: colours that are ignored.
        least: how many of its classes must occur before it is believed to be that set.
    """

    title: str
    names: dict[int, str]
    void: tuple[int, ...]
    least: int


def name_classes(found: Found, file: LabelFile | None) -> Named:
    """Names, and colours where there are any, for the classes of masks."""
    if file and (named := _from_file(found, file)):
        return named
    notes = (f"{file.path} is not used: it does not fit the masks' values.",) if file else ()
    if found.masks == "colour":
        known = known_colours({*found.classes, *found.ignore})
        return _from_known(found, known) if known else _from_colours(found, notes)
    if found.masks == "binary":
        names = {0: BACKGROUND, max(found.classes): "foreground"}
        return Named(names, {0: (0, 0, 0)}, found.ignore, notes)
    names = {value: f"class {value}" for value in found.classes}
    colours = {value: found.palette[value] for value in names if value in found.palette}
    distinct = len(set(colours.values())) == len(names)
    return Named(names, colours if distinct else {}, found.ignore, notes)


def _from_colours(found: Found, notes: tuple[str, ...]) -> Named:
    colours = {code: code_colour(code) for code in found.classes}
    made_up = {code: "rgb {} {} {}".format(*colour) for code, colour in colours.items()}
    return Named({**made_up, **_common(made_up)}, colours, found.ignore, notes)


def _common(codes: Collection[int]) -> dict[int, str]:
    return {code: _COLOUR_NAMES[code] for code in codes if code in _COLOUR_NAMES}


def known_colours(found: Collection[int]) -> KnownColours | None:
    """The label set that has all these colours, as `colour_code` writes them, and enough of them.

    The set with the fewest colours is taken where several have them.
    """
    for known in sorted(_known_sets(), key=lambda known: len(known.names)):
        common = known.names.keys() & set(found)
        if len(common) >= known.least and set(found) <= {*known.names, *known.void}:
            return known
    return None


def _known_sets() -> tuple[KnownColours, ...]:
    # VOC's colour map is also many a tool's default, so most of its classes must be there.
    return (
        _known("CamVid with 11 classes", CAMVID, (0, 0, 0), 5),
        _known("CamVid with 32 classes", CAMVID_ALL, (0, 0, 0), 8),
        _cityscapes(),
        _known("Pascal VOC", VOC, (224, 224, 192), 14),
    )


def _known(title: str, labels: LabelSet, void: Colour, least: int) -> KnownColours:
    names = {colour_code(c): n for c, n in zip(labels.palette, labels.classes, strict=True)}
    return KnownColours(title, names, (colour_code(void),), least)


def _cityscapes() -> KnownColours:
    scored = [label for label in LABELS if not label.ignored]
    names = {colour_code(label.colour): label.name for label in scored}
    void = {colour_code(label.colour) for label in LABELS} - set(names)
    return KnownColours("Cityscapes", names, tuple(sorted(void)), 6)


def _from_known(found: Found, known: KnownColours) -> Named:
    """The whole set, in its own order, so that other data of it has the same classes."""
    colours = {code: code_colour(code) for code in known.names}
    note = (
        f"names and void are those of {known.title}, which has these colours. Change the names if "
        f"these are other classes."
    )
    return Named(known.names, colours, known.void, (note,))


def _from_file(found: Found, file: LabelFile) -> Named | None:
    """Names as a label file has them; None where it does not fit."""
    labels = _by_value(found, file)
    if not labels or len(labels.keys() & set(found.classes)) < min(2, len(found.classes)):
        return None
    kept = {value: label.name for value, label in labels.items() if not label.is_void}
    void = [value for value, label in labels.items() if label.is_void]
    ignore = tuple(dict.fromkeys([*(v for v in found.ignore if v not in kept), *void]))
    colours = {value: label.colour for value, label in labels.items() if label.colour}
    drawn = {value: colour for value, colour in colours.items() if value in kept}
    return Named(kept, drawn, ignore, (f"names are from {file.path}.", *_unnamed(found, labels)))


def _by_value(found: Found, file: LabelFile) -> dict[int, NamedLabel]:
    """The file's labels by what they are in masks; none where its lines say nothing of them."""
    if found.masks == "colour":
        return {colour_code(label.colour): label for label in file.labels if label.colour}
    numbered = {label.value: label for label in file.labels if label.value is not None}
    labels = numbered or dict(enumerate(file.labels))
    if found.masks == "index" and set(found.classes) <= set(labels):
        return labels
    # As many names as grey levels: 0, 85, 170, 255, say.
    return _in_order(found, file)


def _in_order(found: Found, file: LabelFile) -> dict[int, NamedLabel]:
    if len(file.labels) != len(found.classes):
        return {}
    return dict(zip(sorted(found.classes), file.labels, strict=True))


def _unnamed(found: Found, labels: Mapping[int, NamedLabel]) -> tuple[str, ...]:
    missing = sum(value not in labels for value in found.classes)
    absent = [
        each.name for v, each in labels.items() if v not in found.classes and not each.is_void
    ]
    notes = []
    if missing:
        notes.append(f"{missing} of the masks' {len(found.classes)} values have no name in it.")
    if absent:
        notes.append(f"Of its classes the masks lack {', '.join(absent[:8])}.")
    return tuple(notes)
