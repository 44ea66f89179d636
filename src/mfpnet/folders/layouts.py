"""The usual ways in which folders hold frames and masks, told by what lies there."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from mfpnet.data.pairs import Pair
from mfpnet.errors import MfpnetError
from mfpnet.folders.label_traces import label_format
from mfpnet.folders.listed import listed_pairs
from mfpnet.folders.names import (
    counted,
    marks,
    natural,
    plural,
    read_folder_name,
    sequence_of,
    shown,
)
from mfpnet.folders.pairing import Key, Match, best_match
from mfpnet.folders.picture_tree import Tree, read_tree

Parts = dict[str, tuple[Pair, ...]]
_ORDER = ("train", "val", "test")
_MOST_FOLDERS = 6
_CITYSCAPES = (
    "`--data cityscapes --root DIR` knows this tree's 19 classes and what is void; as a folder of "
    "your own, each value of its masks is a class."
)


@dataclass(frozen=True)
class Layout:
    """Which frame goes with which mask.

    Attributes:
        kind: what the layout is called, for people.
        parts: the pairs of each split; `all` alone where the folder has none.
        notes: what was left aside, a sentence each.
    """

    kind: str
    parts: Parts
    notes: tuple[str, ...] = ()


def find_layout(root: Path) -> Layout:
    """The layout of a folder: the rule of names that pairs most, and its own splits.

    Splits come from lists (`train.txt` and so on, in the folder, `splits/` or
    `ImageSets/Segmentation/`), which may name the masks too, else from folders called `train`,
    `val`, `test`. Without a folder `train`, what lies outside of the others is for training.

    Raises:
        MfpnetError: not a folder, nothing pairs up, a frame or mask that stands there twice, or a
            list that names what is not there.
    """
    tree = read_tree(root)
    match = best_match(tree.pictures)
    every = _pairs(root, match) if match else {}
    listed = listed_pairs(tree, match, every)
    if listed.parts:
        kind = f"{match.kind}, split by lists" if match else "lists of frames and masks"
        return Layout(kind, listed.parts, (*tree.notes, *listed.notes))
    if match is None:
        raise _nothing_pairs(tree)
    parts, outside = _by_folder(every)
    known = (_CITYSCAPES,) if match.kind.startswith("Cityscapes") else ()
    notes = (*known, *tree.notes, *_leftover(tree, match), *listed.notes, *outside)
    return Layout(match.kind, parts, notes)


def _pairs(root: Path, match: Match) -> dict[Key, Pair]:
    common = _common(match.paired)
    return {
        key: _pair(root, match, key, Key(key.split, key.folders[common:], key.stem).name)
        for key in match.paired
    }


def _pair(root: Path, match: Match, key: Key, name: str) -> Pair:
    return Pair(root / match.frames[key], root / match.masks[key], name, sequence_of(name))


def _common(keys: list[Key]) -> int:
    """How many folders all frames have in common: they say nothing."""
    count = 0
    for level in zip(*(key.folders for key in keys), strict=False):
        if len(set(level)) > 1:
            break
        count += 1
    return count


def _by_folder(every: dict[Key, Pair]) -> tuple[Parts, tuple[str, ...]]:
    found = {key.split for key in every}
    if found == {""}:
        return {"all": tuple(every.values())}, ()
    # Who puts only `test` aside means the others for training.
    others = "" if "train" in found else "train"
    parts = {
        split: pairs
        for split in _ORDER
        if (pairs := tuple(p for key, p in every.items() if (key.split or others) == split))
    }
    outside = [pair.name for key, pair in every.items() if not key.split]
    folders = ", ".join(split for split in _ORDER if split in found)
    what = f"outside of the folders of {folders}, {'taken for train' if others else 'left aside'}"
    return parts, (counted(outside, "pair", what),) if outside else ()


def _leftover(tree: Tree, match: Match) -> tuple[str, ...]:
    """What was not paired, told apart by what is missing."""
    lonely = [path for key, path in match.frames.items() if key not in match.masks]
    masks = [path for key, path in match.masks.items() if key not in match.frames]
    frames = [path for path in lonely if len(marks(Path(path).stem, "mask")) == 1]
    known = {*match.frames.values(), *match.masks.values()} - set(lonely)
    others = [path for path in tree.pictures if path not in known and path not in set(frames)]
    found = (
        (frames, "frame", "without a mask, left aside"),
        (masks, "mask", "without a frame, left aside"),
        (others, "other picture", "left aside"),
    )
    return tuple(
        counted(sorted(paths, key=natural), thing, what) for paths, thing, what in found if paths
    )


def _nothing_pairs(tree: Tree) -> MfpnetError:
    root = tree.root
    if not tree.pictures:
        found = "there is no picture in it or below it"
    else:
        found = f"it has {plural(len(tree.pictures), 'picture')} ({_folders(tree)})"
    left = "".join(f" {note}" for note in tree.notes)
    missing = _what_is_missing(tree)
    return MfpnetError(
        f"no frame and mask pair up in '{shown(root)}': {found}.{left} {missing}Expected are "
        f"images/a.jpg and masks/a.png, or a.jpg and a_mask.png in one folder, or train.txt with "
        f"the path of a frame and of its mask on each line."
    )


def _folders(tree: Tree) -> str:
    """Each folder and how much it holds."""
    folders = Counter(path.rpartition("/")[0] for path in tree.pictures)
    most = folders.most_common(_MOST_FOLDERS)
    rest = len(folders) - len(most)
    told = [f"{count} in '{shown(folder or '.')}'" for folder, count in most]
    return ", ".join([*told, f"and {plural(rest, 'more folder')}"] if rest else told)


def _what_is_missing(tree: Tree) -> str:
    """A sentence that ends in a space, or nothing."""
    beside = _mask_folder_beside(tree.root)
    if beside:
        return f"Its masks seem to lie in '{shown(beside)}': give the folder that holds both. "
    roles = {
        role
        for path in tree.pictures
        for role in (read_folder_name(part).role for part in path.split("/")[:-1])
    }
    if tree.pictures and (written := label_format(tree.root, tree.pictures, tree.texts)):
        import_it = f"mfpnet data import {written} {shlex.quote(shown(tree.root))} NEW_FOLDER"
        return f"If its labels are those of {written}, run: {import_it}. "
    if tree.pictures and "mask" not in roles:
        return "No folder and no file is called like masks: they are missing, or have other names. "
    if roles == {"mask"}:
        return "The frames are missing. "
    return "The names in the folders of frames and of masks differ. " if tree.pictures else ""


def _mask_folder_beside(root: Path) -> Path | None:
    place = root.resolve()
    if read_folder_name(place.name).role != "frame":
        return None
    siblings = sorted(path for path in place.parent.iterdir() if path.is_dir())
    return next((path for path in siblings if read_folder_name(path.name).role == "mask"), None)
