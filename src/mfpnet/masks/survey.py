"""What the masks of a folder hold, and the classes that follow from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mfpnet.data.pairs import Pair
from mfpnet.errors import MfpnetError
from mfpnet.labels import LabelSet, code_colour, colour_code
from mfpnet.masks.class_file import CLASS_FILE, ClassFile, described, usual_palette
from mfpnet.masks.class_names import BACKGROUND, Found, Named, name_classes
from mfpnet.masks.counts import Tally
from mfpnet.masks.files import read_saved_mask
from mfpnet.masks.kinds import Reading, check_areas, read_kind
from mfpnet.masks.label_files import find_label_file
from mfpnet.views.show import counted, progress

_MOST_PLACES = 20
# So many masks tell whether they are masks at all.
_FEW = 20


@dataclass(frozen=True)
class Proposal:
    """Classes that fit the masks.

    Attributes:
        classes: how masks hold classes.
        notes: what was found or decided, a sentence each.
    """

    classes: ClassFile
    notes: tuple[str, ...]


def propose_classes(pairs: Sequence[Pair], root: Path | None = None) -> Proposal:
    """Classes that fit the masks of these pairs; each mask is read once.

    Args:
        pairs: of all splits.
        root: the folder, in which label files are looked for too; where a classes.yaml would be.

    Raises:
        MfpnetError: masks whose classes cannot be told, or that hold one class only or none.
    """
    stamps = tuple(_stamp(pair.mask) for pair in pairs)
    return _proposed(tuple(pairs), root, stamps)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        known = path.stat()
    except OSError:
        return 0, 0
    return known.st_mtime_ns, known.st_size


# A run opens its folder several times, and the masks should be read once.
@lru_cache(maxsize=4)
def _proposed(
    pairs: tuple[Pair, ...], root: Path | None, stamps: tuple[tuple[int, int], ...]
) -> Proposal:
    tally, broken = survey(pairs)
    file = find_label_file(_places(pairs, root))
    listed = [colour_code(label.colour) for label in file.labels if label.colour] if file else []
    found = read_kind(tally, listed)
    _check_several(found, tally)
    named = name_classes(
        Found(found.masks, tuple(found.classes), tuple(found.ignore), _palette(tally)), file
    )
    classes = _class_file(found, named, root)
    notes = (
        *_broken_note(broken),
        *_kind_note(tally, found),
        *found.notes,
        *named.notes,
        *_black_note(tally, named),
    )
    return Proposal(classes, (*notes, *_blend_note(found, tally), *_slip_note(found, classes)))


def survey(pairs: Sequence[Pair]) -> tuple[Tally, list[str]]:
    """The counts of all masks, and what is wrong with those that cannot be read.

    Raises:
        MfpnetError: none can be read, or they look like pictures.
    """
    tally, broken = Tally(), []
    for number, pair in enumerate(pairs, 1):
        progress(f"reading masks: {number} of {len(pairs)}")
        try:
            tally.add(read_saved_mask(pair.mask), pair.mask)
        except MfpnetError as error:
            broken.append(str(error))
        if number == _FEW and tally.pixels:
            check_areas(tally)
    progress("")
    if not tally.pixels:
        raise MfpnetError(f"no mask can be read. {broken[0]}" if broken else "there is no mask.")
    return tally, broken


def _places(pairs: Sequence[Pair], root: Path | None) -> list[Path]:
    """Where a label file may lie: in the folder itself, and where the masks are."""
    parents = dict.fromkeys(pair.mask.parent for pair in pairs)
    return [*([root] if root else []), *parents][:_MOST_PLACES]


def _palette(tally: Tally) -> dict[int, tuple[int, int, int]]:
    if set(tally.forms) != {"palette"}:
        return {}
    return {value: code_colour(code) for value, code in tally.palette.items()}


def _class_file(found: Reading, named: Named, root: Path | None) -> ClassFile:
    count = len(named.names)
    drawn = zip(named.names, usual_palette(count), strict=True)
    palette = tuple(named.colours.get(value, usual) for value, usual in drawn)
    name = root.absolute().name if root else ""
    ignore_index = 255 if count <= 255 else 65535
    return ClassFile(
        labels=LabelSet(name or "own", tuple(named.names.values()), palette, ignore_index),
        values=tuple((value,) for value in named.names),
        masks=found.masks,
        ignore=named.ignore or _usual_void(found),
        unlisted="ignore" if found.blended else "error",
        place=root / CLASS_FILE if root else None,
    )


def _usual_void(found: Reading) -> tuple[int, ...]:
    """What index masks have for void where they have any; there may be some among later masks."""
    top = 65535 if max(found.classes) > 255 else 255
    return (top,) if found.masks == "index" and top not in found.classes else ()


def _check_several(found: Reading, tally: Tally) -> None:
    """There must be two classes to tell apart."""
    if len(found.classes) > 1:
        return
    counts = {value: each.pixels for value, each in (found.classes | found.ignore).items()}
    masks = f"all {counted(tally.masks, 'mask')} hold" if tally.masks > 1 else "the mask holds"
    held = f"{masks} {described(counts, found.masks)} and nothing else"
    if not found.classes:
        raise MfpnetError(f"{held}, which is void: nothing is labelled. Check the masks' export.")
    void = f", of which {min(found.ignore)} is void" if found.ignore else ""
    raise MfpnetError(
        f"{held}{void}: that is one class only, and there is nothing to tell apart. Check the "
        f"masks' export, and that the folder holds all of the masks."
    )


def _broken_note(broken: Sequence[str]) -> tuple[str, ...]:
    if not broken:
        return ()
    return (f"{counted(len(broken), 'mask')} cannot be read: {broken[0]}",)


def _kind_note(tally: Tally, found: Reading) -> tuple[str, ...]:
    forms = {"palette": "palette", "colour": "colour", "equal": "grey, as RGB"}
    shown = [
        f"{forms.get(form, f'{form[4:]}-bit grey' if form[4:] != '1' else 'black and white')} "
        f"({number})"
        for form, number in tally.forms.most_common()
    ]
    see_through = (
        (f"{_share(tally.transparent, tally)} are transparent and count as black.",)
        if tally.transparent
        else ()
    )
    levels = " or ".join(map(str, found.classes))
    kind = {"index": "the value of a class", "colour": "its colour", "binary": levels}
    return (f"masks are {', '.join(shown)}; a pixel is {kind[found.masks]}.", *see_through)


def _black_note(tally: Tally, named: Named) -> tuple[str, ...]:
    """Black may mean unlabelled; whoever knows has named it."""
    if "colour" not in tally.forms or named.notes or named.names.get(0) != BACKGROUND:
        return ()
    share = _share(tally.by_colour()[0].pixels, tally)
    return (
        f"black ({share}) is taken as the class '{BACKGROUND}'; if it means unlabelled, put "
        f"[0, 0, 0] under `ignore` instead.",
    )


def _blend_note(found: Reading, tally: Tally) -> tuple[str, ...]:
    if not found.blended:
        return ()
    pixels = sum(each.pixels for each in found.blended.values()) + tally.rest
    what = "colour" if found.masks == "colour" else "grey value"
    return (
        f"{counted(len(found.blended), what)} between those of the classes occur only in thin "
        f"transitions, as in smoothed (anti-aliased) or resized masks: {_share(pixels, tally)}, "
        f"which are ignored (`unlisted: ignore`).",
    )


def _slip_note(found: Reading, classes: ClassFile) -> tuple[str, ...]:
    if not found.slips:
        return ()
    counts = {value: each.pixels for value, each in found.slips.items()}
    masks = sum(each.masks for each in found.slips.values())
    example = next(iter(found.slips.values())).example
    ignored = classes.unlisted == "ignore"
    fix = "It is ignored (`unlisted: ignore`)." if ignored else classes.fix(counts)
    return (
        f"{described(counts, found.masks)}, in {counted(masks, 'mask')} only ('{example}'), looks "
        f"like a slip and is taken for no class. {fix}",
    )


def _share(pixels: int, tally: Tally) -> str:
    share = 100 * pixels / tally.pixels
    return f"{share:.1f} % of the pixels" if share >= 0.1 else f"{share:.2g} % of the pixels"
