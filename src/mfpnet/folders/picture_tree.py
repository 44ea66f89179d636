"""Every picture below a folder, without what does not belong there."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from mfpnet.errors import MfpnetError
from mfpnet.folders.names import counted, natural, shown
from mfpnet.pixels.pictures import IMAGE_SUFFIXES

_NEVER = frozenset({"__macosx", "thumbs.db", "desktop.ini", "lost+found", "$recycle.bin"})


@dataclass
class Tree:
    """What lies below a folder.

    Attributes:
        root: the folder.
        pictures: paths relative to it, `/` between the parts, in natural order.
        texts: those of .txt files.
        left: what was left aside, and why -> its paths.
    """

    root: Path
    pictures: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    left: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left aside, a sentence for each reason."""
        return tuple(counted(paths, *reason) for reason, paths in self.left.items())


def read_tree(root: Path) -> Tree:
    """Look through a folder.

    Hidden files and what archives and desktops leave behind are passed over. A symbolic link is
    followed where it stays below the folder, a link within a linked folder never: no loop is
    endless.

    Raises:
        MfpnetError: it is not a folder, or cannot be looked into.
    """
    if not root.is_dir():
        found = "a file" if root.exists() else "missing"
        raise MfpnetError(f"'{shown(root)}' is {found}: give the folder of frames and masks.")
    tree = Tree(root)
    _look_into(tree, root, "", os.path.realpath(root), linked=False)
    tree.pictures.sort(key=natural)
    tree.texts.sort(key=natural)
    return tree


def _look_into(tree: Tree, folder: Path, inside: str, real_root: str, *, linked: bool) -> None:
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        if not inside:
            raise MfpnetError(f"cannot look into '{shown(folder)}': {reason}.") from error
        tree.left.setdefault(("folder", f"not looked into: {reason}"), []).append(inside)
        return
    for entry in entries:
        if not entry.name.startswith(".") and entry.name.lower() not in _NEVER:
            _take(tree, entry, f"{inside}{entry.name}", real_root, linked=linked)


def _take(tree: Tree, entry: os.DirEntry[str], path: str, real_root: str, *, linked: bool) -> None:
    is_link = entry.is_symlink()
    if is_link and (why := _astray(entry.path, real_root, linked=linked)):
        tree.left.setdefault(("symbolic link", f"{why}, not followed"), []).append(path)
    elif entry.is_dir():
        _look_into(tree, Path(entry.path), f"{path}/", real_root, linked=linked or is_link)
    elif entry.is_file():
        _sort_in(tree, path)


def _sort_in(tree: Tree, path: str) -> None:
    suffix = Path(path).suffix.lower()
    if suffix not in IMAGE_SUFFIXES and suffix != ".txt":
        return
    (tree.texts if suffix == ".txt" else tree.pictures).append(path)


def _astray(path: str, real_root: str, *, linked: bool) -> str | None:
    """Why a link is not followed."""
    target = os.path.realpath(path)
    if not os.path.exists(target):  # noqa: PTH110
        return "to nowhere"
    if os.path.commonpath([real_root, target]) != real_root:
        return "out of the folder"
    if not os.path.isdir(target):  # noqa: PTH112
        return None
    here = os.path.realpath(os.path.dirname(path))  # noqa: PTH120
    if linked or os.path.commonpath([here, target]) == target:
        return "in a circle"
    return None
