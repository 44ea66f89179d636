"""What was left out or changed on the way, counted, with the places where it was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Places that a line names before it goes on with "and 12 more".
_NAMED = 3


@dataclass
class Findings:
    """Reasons and the places that each was found at, in order of their first appearance."""

    _places: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, place: str) -> None:
        """Note one more place for a reason."""
        self._places.setdefault(reason, []).append(place)

    def __len__(self) -> int:
        return sum(map(len, self._places.values()))

    def lines(self) -> list[str]:
        """:func:`line_of` each reason."""
        return [line_of(entry) for entry in self.as_list()]

    def as_list(self) -> list[dict[str, Any]]:
        """Each reason as data: `reason`, `count` and every one of its `places`."""
        return [
            {"reason": reason, "count": len(places), "places": list(places)}
            for reason, places in self._places.items()
        ]


def line_of(entry: Mapping[str, Any]) -> str:
    """What `Findings.as_list` says of a reason, for people: how often, and the first places."""
    places = entry["places"]
    more = len(places) - _NAMED
    named = "; ".join(places[:_NAMED]) + (f"; and {more} more" if more > 0 else "")
    return f"{entry['count']} x {entry['reason']}: {named}"
