"""Reading a map between label sets, and refusing one that leaves a class out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from mfpnet.data.mapping import VOID, Group, LabelMap, packaged_maps
from mfpnet.errors import MfpnetError, unknown_name
from mfpnet.labels import Colour, LabelSet

_KEYS = {
    "a map": ("name", "from", "to", "groups", "ignore"),
    "from": ("name", "classes"),
    "to": ("name", "ignore_index", "classes"),
    "a group": ("name", "from", "to", "colour"),
    "ignore": ("from", "to"),
}


def find_map(name: str) -> LabelMap:
    """A map that comes with the package, or a file of one's own.

    Raises:
        MfpnetError: there is none, or it cannot be used; see `read_map`.
    """
    packaged = packaged_maps()
    if name in packaged:
        return read_map(packaged[name])
    if Path(name).is_file():
        return read_map(Path(name))
    if Path(name).suffix or "/" in name:
        raise MfpnetError(f"the map '{name}' does not exist. Give a .yaml file or a packaged name.")
    raise unknown_name("map", name, packaged)


def fitting_maps(classes: Sequence[str], target: Sequence[str]) -> list[str]:
    """Names of the packaged maps from the one list of classes to the other."""
    maps = [(name, read_map(path)) for name, path in packaged_maps().items()]
    wanted = (tuple(classes), tuple(target))
    return [name for name, found in maps if (found.classes, found.target.classes) == wanted]


def identity_map(labels: LabelSet) -> LabelMap:
    """Every class as a group of its own."""
    pairs = zip(labels.classes, labels.palette, strict=True)
    groups = tuple(Group(name, colour, (name,), (name,)) for name, colour in pairs)
    return LabelMap(f"{labels.name}-{labels.name}", labels.name, labels.classes, labels, groups)


def read_map(path: Path) -> LabelMap:
    """A map from its YAML; `label_maps/` of the package shows the form.

    Raises:
        MfpnetError: not YAML, a key that is missing or unknown, a class that is misspelt, or one
            that is named not at all or more than once.
    """
    try:
        values = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise MfpnetError(f"'{path}' cannot be read as a map: {error}") from error
    _check_keys(path, "a map", values, without=("ignore",))
    _check_keys(path, "from", values["from"])
    _check_keys(path, "to", values["to"])
    target = _target(path, values["to"])
    classes = _names(path, "classes of from", values["from"]["classes"])
    groups = _groups(path, values["groups"], dict(zip(target.classes, target.palette, strict=True)))
    ignore = values.get("ignore") or {}
    _check_keys(path, "ignore", ignore, without=("from", "to"))
    ignored = (
        _names(path, "ignore", ignore.get("from") or []),
        _names(path, "ignore", ignore.get("to") or []),
    )
    found = LabelMap(
        str(values["name"]), str(values["from"]["name"]), classes, target, groups, ignored
    )
    for side, wanted, named in (
        ("from", classes, [(group.name, group.sources) for group in groups]),
        ("to", target.classes, [(group.name, group.targets) for group in groups]),
    ):
        _check_named_once(path, side, wanted, [*named, ("ignore", ignored[side == "to"])])
    return found


def _check_keys(path: Path, what: str, values: Any, without: Sequence[str] = ()) -> None:
    known = _KEYS[what]
    if not isinstance(values, dict):
        raise MfpnetError(
            f"'{path}': {what} is {values!r}, a mapping with {', '.join(known)} belongs there."
        )
    for key in values:
        if key not in known:
            raise MfpnetError(f"'{path}': {unknown_name(f'key of {what}', str(key), known)}")
    if missing := [key for key in known if key not in values and key not in without]:
        raise MfpnetError(
            f"'{path}': {what} lacks '{missing[0]}': write all of {', '.join(known)}."
        )


def _names(path: Path, what: str, values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise MfpnetError(f"'{path}': {what} is {values!r}, a list of class names belongs there.")
    return tuple(values)


def _target(path: Path, values: Mapping[str, Any]) -> LabelSet:
    classes, ignore_index = values["classes"], values["ignore_index"]
    if not isinstance(classes, dict) or not classes:
        raise MfpnetError(
            f"'{path}': classes of to is {classes!r}: write them in their order, each with its "
            f"colour, as in 'road: [128, 64, 128]'."
        )
    if not isinstance(ignore_index, int) or ignore_index < len(classes):
        raise MfpnetError(
            f"'{path}': ignore_index is {ignore_index!r}: a whole number that is no class belongs "
            f"there, {len(classes)} or more."
        )
    colours = tuple(_colour(path, name, value) for name, value in classes.items())
    return LabelSet(str(values["name"]), tuple(map(str, classes)), colours, ignore_index)


def _colour(path: Path, name: str, value: Any) -> Colour:
    channels = value if isinstance(value, list) else []
    whole = [each for each in channels if isinstance(each, int) and 0 <= each <= 255]
    if not len(whole) == len(channels) == 3:
        raise MfpnetError(
            f"'{path}': the colour of '{name}' is {value!r}: write [red, green, blue], 0 to 255."
        )
    return whole[0], whole[1], whole[2]


def _groups(path: Path, values: Any, colours: Mapping[str, Colour]) -> tuple[Group, ...]:
    if not isinstance(values, list) or not 0 < len(values) < VOID:
        raise MfpnetError(f"'{path}': groups is a list of 1 to {VOID - 1} groups.")
    groups = []
    for row in values:
        _check_keys(path, "a group", row, without=("colour",))
        name = str(row["name"])
        sides = [_names(path, f"{side} of group '{name}'", row[side]) for side in ("from", "to")]
        if not all(sides):
            raise MfpnetError(
                f"'{path}': group '{name}' has classes on one side only: put them under ignore."
            )
        colour = row.get("colour", list(colours.get(sides[1][0], (0, 0, 0))))
        groups.append(Group(name, _colour(path, name, colour), sides[0], sides[1]))
    name, count = Counter(group.name for group in groups).most_common(1)[0]
    if count > 1:
        raise MfpnetError(f"'{path}': {count} groups are called '{name}': make one of them.")
    return tuple(groups)


def _check_named_once(
    path: Path, side: str, classes: Sequence[str], named: Sequence[tuple[str, Sequence[str]]]
) -> None:
    places: dict[str, list[str]] = {name: [] for name in classes}
    for place, name in _flat(named):
        if name not in places:
            raise MfpnetError(
                f"'{path}', {place}: {unknown_name(f'class of {side}', name, classes)}"
            )
        places[name].append(place)
    for name, found in places.items():
        if not found:
            raise MfpnetError(
                f"'{path}': class '{name}' of {side} is in no group: add it to one, or to ignore "
                f"({side}: [{name}]) if it is not to be counted."
            )
        if len(found) > 1:
            raise MfpnetError(
                f"'{path}': class '{name}' of {side} is named {len(found)} times "
                f"({', '.join(found)}): leave it in one place."
            )


def _flat(named: Sequence[tuple[str, Sequence[str]]]) -> Iterator[tuple[str, str]]:
    for place, names in named:
        yield from ((place if place == "ignore" else f"group '{place}'", name) for name in names)
