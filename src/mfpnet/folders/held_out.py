"""Which pictures to hold out: a fifth, whole groups, from every clip, the same each time."""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SHARE = 0.2
# A group that is cut loses this many blocks of at least this many units each.
_MOST_BLOCKS, _LEAST_UNITS = 3, 8


@dataclass(frozen=True)
class HeldOut:
    """What is kept back from training.

    Attributes:
        indices: of the pictures.
        cut: whether a group had to be divided, so that pictures on both sides look alike.
    """

    indices: frozenset[int]
    cut: bool


def hold_out(
    names: Sequence[str], sequences: Sequence[str], groups: Sequence[int], same: Sequence[int]
) -> HeldOut:
    """Choose about a fifth of the pictures, of two or more at least one and at most half.

    Which ones depends on the names alone. Groups stay whole where that leaves enough; else the
    largest is cut into blocks in order of time.

    Args:
        names: of the pictures, in order of time within a clip.
        sequences: the clip of each.
        groups: the look-alike group of each.
        same: likewise of those that are one picture saved again, which are never parted.
    """
    wanted = max(round(SHARE * len(names)), 1)
    members = _members(groups)
    chosen = _whole(members, names, sequences, wanted)
    if len(chosen) >= max(wanted / 2, 1):
        return HeldOut(frozenset(chosen), cut=False)
    for group in sorted(members, key=len, reverse=True):
        rest = [index for index in group if index not in chosen]
        if blocks := _blocks(rest, same, wanted - len(chosen)):
            return HeldOut(frozenset(chosen | blocks), cut=True)
    return HeldOut(frozenset(chosen), cut=False)


def _members(groups: Iterable[int]) -> list[list[int]]:
    found: dict[int, list[int]] = {}
    for index, group in enumerate(groups):
        found.setdefault(group, []).append(index)
    return list(found.values())


def _whole(
    members: list[list[int]], names: Sequence[str], sequences: Sequence[str], wanted: int
) -> set[int]:
    """Whole groups, each from the clip of which least is held out yet."""
    limit = min(max(int(1.5 * wanted), wanted + 1), len(names) // 2)
    waiting: dict[str, list[list[int]]] = {}
    for group in sorted(members, key=lambda group: _lot(names[group[0]]), reverse=True):
        waiting.setdefault(sequences[group[0]], []).append(group)
    lengths, taken = Counter(sequences), Counter[str]()
    queue = [(0.0, _lot(sequence), sequence) for sequence in waiting]
    heapq.heapify(queue)
    chosen: set[int] = set()
    while queue and len(chosen) < wanted:
        _, lot, sequence = heapq.heappop(queue)
        group = waiting[sequence].pop()
        if len(chosen) + len(group) <= limit:
            chosen.update(group)
            taken[sequence] += len(group)
        if waiting[sequence]:
            heapq.heappush(queue, (taken[sequence] / lengths[sequence], lot, sequence))
    return chosen


def _blocks(group: list[int], same: Sequence[int], wanted: int) -> set[int]:
    """The ends of some equal stretches of a group; nothing where it is all one picture."""
    units = _members(same[index] for index in group)
    if len(units) < 2:
        return set()
    share = min(wanted / len(group), 0.5)
    count = min(max(round(share * len(units)) // _LEAST_UNITS, 1), _MOST_BLOCKS)
    chosen: set[int] = set()
    for block in range(count):
        start, stop = (len(units) * edge // count for edge in (block, block + 1))
        kept = max(round(share * (stop - start)), 1)
        for unit in units[stop - kept : stop]:
            chosen.update(group[position] for position in unit)
    return chosen


def _lot(name: str) -> bytes:
    """What decides between equals: chance, but the same on every machine."""
    return hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest()
