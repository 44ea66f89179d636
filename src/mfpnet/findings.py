"""What was left out or changed on the way, counted, with the places where it was found."""

from __future__ import annotations

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
        """A sentence for each reason: how often, what, and the first places."""
        return [
            f"{len(places)} x {reason}: {_named(places)}" for reason, places in self._places.items()
        ]

    def as_list(self) -> list[dict[str, Any]]:
        """The same as data, with every place."""
        return [
            {"reason": reason, "count": len(places), "places": places}
            for reason, places in self._places.items()
        ]


def _named(places: list[str]) -> str:
    more = len(places) - _NAMED
    return "; ".join(places[:_NAMED]) + (f"; and {more} more" if more > 0 else "")
