"""What a classes.yaml says, with every value checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from mfpnet.errors import MfpnetError, unknown_name
from mfpnet.labels import Colour, colour_code

Masks = Literal["index", "colour", "binary"]
Unlisted = Literal["error", "ignore"]

MOST_CLASSES = 65535
_KEYS = ("name", "masks", "ignore_index", "ignore", "unlisted", "classes")
_ROW_KEYS = ("name", "id", "colour")


@dataclass(frozen=True)
class ClassRow:
    """A class.

    Attributes:
        name: its own.
        values: what it is in masks: ids, or colours as `colour_code` writes them.
        colour: that it is drawn in; None where none is given.
    """

    name: str
    values: tuple[int, ...]
    colour: Colour | None


@dataclass(frozen=True)
class ClassRows:
    """A checked classes.yaml.

    Attributes:
        name: of the label set.
        masks: what its masks hold; binary ones hold 0 and 255, or 65535.
        rows: class i is the i-th.
        ignore_index: the ignored label in targets.
        ignore: values of masks, as in `ClassRow`, that become it.
        unlisted: what becomes of values that are neither a class's nor ignored.
    """

    name: str
    masks: Masks
    rows: tuple[ClassRow, ...]
    ignore_index: int
    ignore: tuple[int, ...]
    unlisted: Unlisted


def check_rows(given: object, name: str) -> ClassRows:
    """What a loaded classes.yaml says.

    Args:
        given: of the yaml loader.
        name: of the label set where the file gives none.

    Raises:
        MfpnetError: missing or unknown keys, other kinds of values, or a name, an id or a colour
            that stands there twice.
    """
    values = _mapping(given, "the file", _KEYS)
    if "classes" not in values:
        raise MfpnetError("it has no `classes`. Write at least `classes: [road, sky]`.")
    listed = _listed(values["classes"])
    masks = _choice(values.get("masks") or _likely_masks(listed), "masks", get_args(Masks))
    rows = tuple(_row(row, index, masks) for index, row in enumerate(listed))
    _check_count(rows)
    ignore_index = _ignore_index(values.get("ignore_index"), len(rows))
    taken = {value for row in rows for value in row.values}
    usual = [] if ignore_index in taken or masks != "index" else [ignore_index]
    ignore = _ignored(values.get("ignore", usual), masks)
    _check_twice(rows, ignore, masks)
    return ClassRows(
        name=_text(values.get("name", name), "name"),
        masks=cast(Masks, masks),
        rows=rows,
        ignore_index=ignore_index,
        ignore=ignore,
        unlisted=cast(
            Unlisted, _choice(values.get("unlisted", "error"), "unlisted", get_args(Unlisted))
        ),
    )


def parse_value(given: object, masks: str, where: str) -> int:
    """An id, or a colour, of a mask, as one number.

    Raises:
        MfpnetError: it is neither.
    """
    if masks == "colour":
        return colour_code(_colour(given, where))
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= 65535:
        raise MfpnetError(f"{where} is {given!r}: give a whole number from 0 to 65535.")
    return given


def shown_value(value: int, masks: str) -> str:
    """A value as a classes.yaml has it."""
    return (
        f"[{value >> 16 & 255}, {value >> 8 & 255}, {value & 255}]"
        if masks == "colour"
        else str(value)
    )


def _listed(classes: object) -> Sequence[object]:
    if isinstance(classes, int) and not isinstance(classes, bool) and 1 < classes <= MOST_CLASSES:
        return [f"class {index}" for index in range(classes)]
    if not isinstance(classes, list) or not classes:
        raise MfpnetError(
            f"`classes` is {classes!r}: give a list, `classes: [road, sky]`, how many there are, "
            f"or one row for each, `- {{name: road, id: 0}}`."
        )
    return classes


def _likely_masks(listed: Sequence[object]) -> str:
    coloured = all(isinstance(row, dict) and "colour" in row and "id" not in row for row in listed)
    return "colour" if coloured else "index"


def _row(given: object, index: int, masks: str) -> ClassRow:
    where = f"class number {index + 1}"
    if not isinstance(given, dict):
        return ClassRow(_text(given, where), (_plain_value(index, masks, where),), None)
    values = _mapping(given, where, _ROW_KEYS)
    if "name" not in values:
        raise MfpnetError(f"{where} ({given}) has no `name`.")
    name = _text(values["name"], f"the name of {where}")
    key = "colour" if masks == "colour" else "id"
    if key not in values:
        raise MfpnetError(f"class '{name}' has no `{key}`, and `masks` is {masks}.")
    several = _several(values[key], masks)
    found = tuple(parse_value(value, masks, f"`{key}` of class '{name}'") for value in several)
    return ClassRow(name, found, _drawn(values.get("colour"), name))


def _plain_value(index: int, masks: str, where: str) -> int:
    if masks == "index":
        return index
    if masks == "binary" and index < 2:
        return 255 * index
    raise MfpnetError(f"{where} is a name alone, and `masks` is {masks}: write {{name: ..., ...}}.")


def _several(given: object, masks: str) -> Sequence[object]:
    """One value or a list of them, as a list; one colour is a list itself."""
    if isinstance(given, list) and given:
        one_colour = masks == "colour" and not isinstance(given[0], list | str)
        return [given] if one_colour else given
    return [given]


def _drawn(given: object, name: str) -> Colour | None:
    if given is None:
        return None
    return _colour(_several(given, "colour")[0], f"`colour` of class '{name}'")


def _colour(given: object, where: str) -> Colour:
    if isinstance(given, str) and len(given) == 7 and given.startswith("#"):
        with suppress(ValueError):
            given = list(bytes.fromhex(given[1:]))
    parts = given if isinstance(given, list) else []
    if len(parts) != 3 or not all(type(part) is int and 0 <= part <= 255 for part in parts):
        raise MfpnetError(
            f"{where} is {given!r}: give red, green and blue from 0 to 255, as in [128, 64, 128], "
            f"or '#804080' in quotes."
        )
    return parts[0], parts[1], parts[2]


def _ignored(given: object, masks: str) -> tuple[int, ...]:
    if given is None or given == []:
        return ()
    listed = _several(given, masks)
    return tuple(dict.fromkeys(parse_value(value, masks, "`ignore`") for value in listed))


def _ignore_index(given: object, classes: int) -> int:
    if given is None:
        return 255 if classes <= 255 else 65535
    if type(given) is not int or not classes <= given <= 65535:
        raise MfpnetError(
            f"`ignore_index` is {given!r}: with {classes} classes, 0 to {classes - 1} in targets, "
            f"it is a whole number from {classes} to 65535; leave it out for the usual one."
        )
    return given


def _check_count(rows: Sequence[ClassRow]) -> None:
    if len(rows) < 2:
        raise MfpnetError(
            f"it lists one class only, '{rows[0].name}': there is nothing to tell apart. List a "
            f"second one, such as the background."
        )
    if len(rows) > MOST_CLASSES:
        raise MfpnetError(f"it lists {len(rows)} classes: {MOST_CLASSES} is the most.")


def _check_twice(rows: Sequence[ClassRow], ignore: Iterable[int], masks: str) -> None:
    names: dict[str, int] = {}
    owners: dict[int, str] = {}
    for number, row in enumerate(rows, 1):
        if row.name in names:
            raise MfpnetError(
                f"classes number {names[row.name]} and {number} are both called '{row.name}': "
                f"rename one, or list the values of both in one row, as in `id: [7, 8]`."
            )
        names[row.name] = number
        for value in row.values:
            if value in owners:
                what = "colour" if masks == "colour" else "id"
                raise MfpnetError(
                    f"{what} {shown_value(value, masks)} stands in '{owners[value]}' and in "
                    f"'{row.name}': a value belongs to one class."
                )
            owners[value] = row.name
    for value in ignore:
        if value in owners:
            raise MfpnetError(
                f"{shown_value(value, masks)} is ignored and also of class '{owners[value]}': take "
                f"it out of one of them."
            )


def _mapping(given: object, what: str, known: Iterable[str]) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise MfpnetError(
            f"{what} is {given!r}, not `key: value` lines. Known: {', '.join(known)}."
        )
    for key in given:
        if key not in known:
            raise unknown_name(f"key in {what}", str(key), known)
    return given


def _choice(given: object, key: str, known: Sequence[str]) -> str:
    if given not in known:
        raise unknown_name(f"value of `{key}`", str(given), known)
    return str(given)


def _text(given: object, where: str) -> str:
    if not isinstance(given, str) or not given.strip():
        raise MfpnetError(f"{where} is {given!r}, which is no text: write it in quotes, '{given}'.")
    return given
