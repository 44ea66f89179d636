"""What the values of masks stand for: classes, void, blended borders, slips; or no masks at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from mfpnet.errors import MfpnetError
from mfpnet.labels import code_colour
from mfpnet.masks.class_rows import Masks
from mfpnet.masks.counts import Seen, Tally

Counted = Mapping[int, Seen]

# A line, or a blended border, has next to no pixel with four neighbours of its own kind.
_THIN = 0.02
# Areas fill masks; in photographs hardly a pixel equals its four neighbours.
_LEAST_INNER = 0.15
# Void that outlines things has less; a class has more.
_AREA = 0.1
_MANY_VALUES = 64
_MOST_CLASSES = 4096
# Blends need room between two classes; indices 0, 1, 2 have none.
_LEAST_GAP = 8
# What is blended is thin, so much of it means that something else is going on.
_MOST_BLENDED = 0.4
_BLEND_COLOURS = 3
# Odd values beside blended ones had up to 1.8 times as many pixels (after Lanczos, and as JPEG);
# thin classes in masks of 12x16 pixels, which look odd too, from 13 times on.
_MOST_ODD = 4
# Black and white in 8 bits and in 16.
_TWO_LEVELS = ({0, 255}, {0, 65535})
_SLIP_LEAST_MASKS, _SLIP_MASKS, _SLIP_SHARE = 8, 0.05, 1e-3
# How much rarer a near miss of a colour is: a slip of the hand, or ringing beside a border.
_SLIP, _RINGING, _NEAR = 200, 5, 16


@dataclass(frozen=True)
class Reading:
    """How the values of masks are understood.

    Attributes:
        masks: what they hold, as in a classes.yaml.
        classes: values, or colours as `labels.colour_code` writes them, that are classes.
        ignore: those that are void.
        blended: those of blended borders.
        slips: those that look like mistakes, left to the user.
        notes: what was found or decided, a sentence each.
    """

    masks: Masks
    classes: dict[int, Seen]
    ignore: dict[int, Seen]
    blended: dict[int, Seen]
    slips: dict[int, Seen]
    notes: tuple[str, ...]


def read_kind(tally: Tally, listed: Iterable[int] = ()) -> Reading:
    """Tell classes from void, blended borders and slips.

    Args:
        tally: of all masks.
        listed: colours that a label file names; they are classes whatever they look like.

    Raises:
        MfpnetError: the files are pictures rather than masks, or have more values than 8 bits tell
            apart.
    """
    if "colour" in tally.forms or tally.palettes_differ:
        return _colours(tally, set(listed))
    seen = tally.by_value()
    if set(seen) in _TWO_LEVELS:
        return _binary(seen)
    if "grey1" in tally.forms:
        levels = {code & 255: seen for code, seen in tally.by_colour().items()}
        if set(levels) <= {0, 255}:
            return _binary(levels)
    return _values(tally)


def check_areas(tally: Tally) -> None:
    """Look, after a few masks, whether they are masks at all: pictures take long to count.

    Raises:
        MfpnetError: they look like pictures.
    """
    if "colour" in tally.forms:
        _check_areas(tally, tally.by_colour(), "colours")
    else:
        _check_areas(tally, tally.by_value(), "values")


def _binary(
    levels: dict[int, Seen],
    blended: dict[int, Seen] | None = None,
    slips: dict[int, Seen] | None = None,
) -> Reading:
    return Reading("binary", levels, {}, blended or {}, slips or {}, ())


def _values(tally: Tally) -> Reading:
    seen = tally.by_value()
    _check_areas(tally, seen, "values")
    sharp, blended = _without_blends(seen, tally.pixels, tally.forms["grey16"] > 0)
    strays = _strays(sharp, tally)
    levels = {value: each for value, each in sharp.items() if value not in strays}
    if set(levels) == {0, 255}:
        return _binary(levels, blended, strays)
    _check_eight_bits(tally, sharp)
    ignore, notes = _void(sharp, tally.pixels)
    classes = {value: each for value, each in sharp.items() if value not in ignore}
    slips = _lonely(classes, tally)
    classes = {value: each for value, each in classes.items() if value not in slips}
    return Reading("index", classes, ignore, blended, slips, notes)


def _check_areas(tally: Tally, seen: Counted, what: str) -> None:
    inner = sum(each.inner for each in seen.values()) / tally.pixels
    sharp = [each for each in seen.values() if each.inner > _THIN * each.pixels]
    if (len(seen) > _MANY_VALUES and inner < _LEAST_INNER) or len(sharp) > _MOST_CLASSES:
        example = max(seen.values(), key=lambda each: each.pixels).example
        many = f"{len(seen)}{' or more' if tally.rest else ''} {what}"
        raise MfpnetError(
            f"the masks look like pictures, '{example}' for one: together they have {many}, and "
            f"only {100 * inner:.0f} % of the pixels lie within an area of one. A mask has one "
            f"value or colour for each class: check that images and masks are not exchanged, and "
            f"export the masks anew as PNG, of 16 bits for more than 255 classes."
        )


def _without_blends(
    seen: dict[int, Seen], pixels: int, wide: bool
) -> tuple[dict[int, Seen], dict[int, Seen]]:
    """Grey values apart from those that occur as thin transitions between others."""
    if wide:
        return seen, {}
    blended = _with_odd_ones(_blends(seen), seen)
    sharp = {value: each for value, each in seen.items() if value not in blended}
    gaps = [b - a for a, b in pairwise(sorted(sharp))]
    share = _pixels(blended) / pixels
    if not blended or not gaps or min(gaps) < _LEAST_GAP or share > _MOST_BLENDED:
        return seen, {}
    return sharp, blended


def _blends(seen: Counted) -> dict[int, Seen]:
    """Values, or colours, that occur only as thin transitions."""
    return {
        v: s for v, s in seen.items() if s.inner <= _THIN * s.pixels and 2 * s.between >= s.pixels
    }


def _with_odd_ones(blends: Counted, seen: Counted) -> dict[int, Seen]:
    """Blended values, or colours, and the odd ones beside them, where many are blended.

    Odd are those where three classes meet, and those just beyond a class's (ringing). A grey value
    is compared as a colour of one channel.
    """
    if len(blends) < _BLEND_COLOURS:
        return dict(blends)
    usual = max(20.0, 10 * median(each.pixels for each in blends.values()))
    # What fills areas is a class, however near its colour is to another's.
    narrow = {v: s for v, s in seen.items() if v not in blends and 4 * s.inner <= s.pixels}
    odd = {v: s for v, s in narrow.items() if s.pixels < usual or _near_twin(v, seen, _RINGING)}
    few = _pixels(odd) <= _MOST_ODD * _pixels(blends)
    return {**blends, **(odd if few else {})}


def _pixels(seen: Counted) -> int:
    return sum(each.pixels for each in seen.values())


def _check_eight_bits(tally: Tally, sharp: Counted) -> None:
    if len(sharp) < 256 or max(sharp) > 255:
        return
    raise MfpnetError(
        f"the {tally.masks} masks use all 256 values of 8 bits. With more than 255 classes the "
        f"values wrap around (class 256 is saved as 0): save the masks as 16-bit PNG. If there are "
        f"256 classes and no void, write a classes.yaml with the line `classes: 256`; if 255 is "
        f"void, one with `classes: 255`."
    )


def _void(seen: Counted, pixels: int) -> tuple[dict[int, Seen], tuple[str, ...]]:
    """255, or 65535 where values are larger than that, if it is no class; and why."""
    top = 65535 if max(seen) > 255 else 255
    others = sorted(set(seen) - {top})
    if top not in seen:
        return {}, _wrap_note(others)
    share = f"{top} ({_percent(seen[top].pixels / pixels)} of the pixels)"
    if not others:
        return {top: seen[top]}, ()
    gap = max((b - a for a, b in pairwise(others)), default=0)
    spread = gap >= _LEAST_GAP and top - others[-1] <= 2 * gap
    if spread and seen[top].inner > _AREA * seen[top].pixels:
        shown = ", ".join(map(str, (*others, top))) if len(others) < 12 else f"0 to {top}"
        why = f"the values {shown} are spread over all grey levels and it fills areas"
        return {}, (f"{share} is taken as a class: {why}. If it is void, put it under `ignore`.",)
    why = f"the other values are {others[0]} to {others[-1]}"
    return {top: seen[top]}, (f"{share} is ignored, as void: {why}.", *_wrap_note(others))


def _wrap_note(values: list[int]) -> tuple[str, ...]:
    if len(values) < 200 or values[-1] > 255:
        return ()
    return (
        f"{len(values)} of the 256 values of 8 bits are used: with more than 255 classes values "
        f"would have wrapped around unseen, and 16-bit PNG would be needed.",
    )


def _lonely(classes: Counted, tally: Tally) -> dict[int, Seen]:
    """One or two values far above otherwise compact ones, in next to no mask: slips."""
    rare = _rare(classes, tally)
    usual = sorted(set(classes) - rare)
    compact = len(usual) >= 2 and usual[-1] < 2 * len(usual) + 2
    far = sorted(v for v in rare if compact and v >= 2 * usual[-1] + 4)
    return {v: classes[v] for v in far} if len(far) <= 2 else {}


def _strays(sharp: Counted, tally: Tally) -> dict[int, Seen]:
    """The few pixels, if any, beside an otherwise complete pair of 0 and 255 that fill areas."""
    strays = {v: s for v, s in sharp.items() if v not in (0, 255)}
    paired = len(sharp) == len(strays) + 2 and sharp[255].inner > _AREA * sharp[255].pixels
    narrow = all(4 * each.inner <= each.pixels for each in strays.values())
    few = strays.keys() <= _rare(sharp, tally) and _pixels(strays) <= _SLIP_SHARE * tally.pixels
    return strays if paired and narrow and few else {}


def _rare(seen: Counted, tally: Tally) -> set[int]:
    """Values of next to no pixels in next to no mask, where there are enough masks to tell."""
    if tally.masks < _SLIP_LEAST_MASKS:
        return set()
    few = max(1, int(_SLIP_MASKS * tally.masks))
    return {v for v, s in seen.items() if s.masks <= few and s.pixels <= _SLIP_SHARE * tally.pixels}


def _colours(tally: Tally, listed: set[int]) -> Reading:
    seen = tally.by_colour()
    _check_areas(tally, seen, "colours")
    blended = _blended_colours(seen, listed)
    share = (_pixels(blended) + tally.rest) / tally.pixels
    if share > _MOST_BLENDED:
        raise MfpnetError(
            f"{100 * share:.0f} % of the masks' pixels have colours that occur only as thin "
            f"transitions ({len(blended)} colours): no areas of one colour are left. "
            f"Export the masks without smoothing, at the images' size."
        )
    sharp = {code: each for code, each in seen.items() if code not in blended}
    slips = {c: s for c, s in sharp.items() if c not in listed and _near_twin(c, sharp, _SLIP)}
    sharp = {code: each for code, each in sharp.items() if code not in slips}
    ignore = _outlines(sharp, listed)
    ranked = sorted(sharp.items(), key=lambda item: (item[0] != 0, -item[1].pixels, item[0]))
    classes = {code: each for code, each in ranked if code not in ignore}
    notes = ("black is ignored, as void: it only outlines the classes.",) if ignore else ()
    return Reading("colour", classes, ignore, blended, slips, notes)


def _blended_colours(seen: dict[int, Seen], listed: set[int]) -> dict[int, Seen]:
    """Colours that occur only as thin transitions, and the odd ones beside them."""
    unlisted = {code: each for code, each in seen.items() if code not in listed}
    blends = _blends(unlisted)
    thick = sum(each.inner > _THIN * each.pixels or c in listed for c, each in seen.items())
    if len(blends) < _BLEND_COLOURS or thick < 2:
        return {}
    odd = _with_odd_ones(blends, seen)
    return {code: each for code, each in odd.items() if code not in listed}


def _near_twin(code: int, sharp: Counted, factor: int) -> bool:
    """Whether a colour is a near miss of one that is so many times as frequent."""
    few = sharp[code].pixels
    return any(
        each.pixels > factor * few
        and max(abs(a - b) for a, b in zip(code_colour(code), code_colour(other), strict=True))
        <= _NEAR
        for other, each in sharp.items()
    )


def _outlines(sharp: Counted, listed: set[int]) -> dict[int, Seen]:
    """Black where it only outlines things."""
    if 0 not in sharp or 0 in listed or len(sharp) < 3 or sharp[0].inner > _AREA * sharp[0].pixels:
        return {}
    return {0: sharp[0]}


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share >= 0.001 else f"{100 * share:.2g} %"
