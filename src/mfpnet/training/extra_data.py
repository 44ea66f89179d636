"""More data to train on, from `--extra` to data sources."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from mfpnet.data.source import FOLDER, ON_DISK, DataSource
from mfpnet.errors import MfpnetError, unknown_name

_FORM = "write NAME[:SPLIT]=DIR[@MAP], as in camvid:train+val=DIR@camvid-idd_lite"


def extra_sources(texts: Iterable[str]) -> tuple[DataSource, ...]:
    """What each `--extra` names.

    Args:
        texts: NAME[:SPLIT]=DIR[@MAP] each; the split is train where it is left out.

    Raises:
        MfpnetError: another form, no such data, or no such folder.
    """
    return tuple(map(_source, texts))


def moved_extras(
    extras: tuple[DataSource, ...], elsewhere: tuple[DataSource, ...]
) -> tuple[DataSource, ...]:
    """The same data in other folders.

    Args:
        extras: what a run was started with.
        elsewhere: some of it, or all, by name, where it lies now; of one name all, in the run's
            order.

    Raises:
        MfpnetError: the run had no extra data of that name, or more or less of it.
    """
    roots: dict[str, list[str | None]] = {}
    for source in elsewhere:
        roots.setdefault(source.name, []).append(source.root)
    for name, places in roots.items():
        known = [source.root for source in extras if source.name == name]
        if not known:
            raise MfpnetError(f"--extra {name}: the run has no extra data of that name to move.")
        if len(places) != len(known):
            raise MfpnetError(
                f"--extra {name} is given {len(places)} times, and the run has {len(known)} such "
                f"sources: give all of them, in the order of {', '.join(map(str, known))}."
            )
    return tuple(
        replace(each, root=roots[each.name].pop(0)) if each.name in roots else each
        for each in extras
    )


def _source(text: str) -> DataSource:
    head, equals, place = text.partition("=")
    name, colon, split = head.partition(":")
    root, at, label_map = place.rpartition("@")
    if not at:
        root, label_map = place, ""
    if not (equals and root) or (colon and not split) or (at and not label_map):
        raise MfpnetError(f"--extra is '{text}': {_FORM}.")
    if name not in (*ON_DISK, FOLDER):
        raise unknown_name("data in --extra", name, (*ON_DISK, FOLDER))
    if not Path(root).is_dir():
        raise MfpnetError(f"--extra is '{text}', and '{root}' is no folder: {_FORM}.")
    # Absolute, so that a run can be resumed from another folder.
    return DataSource(
        name,
        split or "train",
        str(Path(root).absolute()),
        mapping=_placed(label_map) if label_map else None,
    )


def _placed(label_map: str) -> str:
    path = Path(label_map)
    return str(path.absolute()) if path.is_file() else label_map
