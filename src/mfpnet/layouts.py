"""The usual ways in which folders hold frames and masks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mfpnet.pairs import Pair


@dataclass(frozen=True)
class Layout:
    """Which frame goes with which mask.

    Attributes:
        kind: what the layout is called, for people.
        parts: the pairs of each split; `all` alone where the folder has none.
        notes: what was left aside, a sentence each.
    """

    kind: str
    parts: dict[str, tuple[Pair, ...]]
    notes: tuple[str, ...] = ()


def find_layout(root: Path) -> Layout:
    """The layout of a folder."""
    frames = sorted((root / "images").iterdir())
    pairs = [Pair(f, root / "masks" / f"{f.stem}.png", f.stem, f.stem) for f in frames]
    return Layout("images and masks", {"all": tuple(pairs)})
