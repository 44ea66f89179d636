"""Splits of a folder: read from lists, or made so that look-alikes stay together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mfpnet.files import write_atomically
from mfpnet.pairs import Pair

Parts = dict[str, tuple[Pair, ...]]


@dataclass(frozen=True)
class Split:
    """An automatic split.

    Attributes:
        parts: the pairs of each split.
        notes: what was found or decided, a sentence each.
    """

    parts: Parts
    notes: tuple[str, ...]


def split_pairs(pairs: Sequence[Pair]) -> Split:
    """Train and val."""
    return Split({"train": tuple(pairs[1:]), "val": tuple(pairs[:1])}, ())


def has_splits(folder: Path) -> bool:
    """Whether a folder holds split lists."""
    return (folder / "train.txt").is_file()


def read_splits(folder: Path, pairs: Sequence[Pair]) -> Parts:
    """The inverse of `write_splits`."""
    by_name = {pair.name: pair for pair in pairs}
    return {
        path.stem: tuple(by_name[name] for name in path.read_text().split())
        for path in sorted(folder.glob("*.txt"))
    }


def write_splits(folder: Path, parts: Mapping[str, Sequence[Pair]]) -> None:
    """Write one list of names for each split."""
    for split, pairs in parts.items():
        text = "".join(f"{pair.name}\n" for pair in pairs)
        write_atomically(folder / f"{split}.txt", text.encode())
