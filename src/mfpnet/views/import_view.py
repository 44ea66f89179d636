"""What `mfpnet data import` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mfpnet.views.findings import line_of
from mfpnet.views.show import counted, say, warn

_MOST_CLASSES = 12


def show_import(record: Mapping[str, Any]) -> None:
    """What was made, what was left out and why, and what to do next.

    Args:
        record: of :func:`mfpnet.importers.importing.import_labels`.
    """
    for note in record["notes"]:
        say(note)
    for title in ("absent", "skipped", "changed"):
        if record[title]:
            total = sum(entry["count"] for entry in record[title])
            warn(f"{_TITLES[title].format(counted(total, _THINGS[title]))}:")
        for entry in record[title]:
            warn(f"  {line_of(entry)}")
    say(f"{_contents(record)} are in {record['folder']}{_splits(record['splits'])}")
    say(f"classes: {_classes(record['classes'])}")
    say(f"next: mfpnet data check --data {record['folder']}")
    say(f"      mfpnet train --data {record['folder']}")


_TITLES = {
    "absent": "{} left out",
    "skipped": "{} skipped",
    "changed": "{} not quite as in the source",
}
_THINGS = {"absent": "picture", "skipped": "thing", "changed": "thing"}


def _contents(record: Mapping[str, Any]) -> str:
    objects = [counted(record["objects"], "object")] if record["objects"] else []
    pictures = counted(record["pictures"], "picture")
    return ", ".join([pictures, *objects, f"{len(record['classes'])} classes"])


def _splits(splits: Mapping[str, int]) -> str:
    told = ", ".join(f"{split} {number}" for split, number in splits.items())
    return f" ({told})" if told else ""


def _classes(names: list[str]) -> str:
    more = len(names) - _MOST_CLASSES
    return ", ".join(names[:_MOST_CLASSES]) + (f" and {more} more" if more > 0 else "")
