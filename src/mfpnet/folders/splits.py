"""Splits of a folder: read from lists, or made so that look-alikes stay together."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from mfpnet.data.pairs import Pair
from mfpnet.errors import MfpnetError
from mfpnet.files import staged_files
from mfpnet.folders.held_out import hold_out
from mfpnet.folders.names import counted, natural, plural, shown
from mfpnet.folders.split_lists import Index, Line, list_text, read_list, split_of_list
from mfpnet.pixels.file_looks import look_of_file
from mfpnet.pixels.likeness import Looks, groups, stacked, unlikeness

Parts = dict[str, tuple[Pair, ...]]

# A clip is video where frames that follow each other differ by less than this share of what any
# two of its frames differ by: in CamVid at one frame a second 0.3 to 0.6, in IDD-Lite above 0.8.
_VIDEO = 0.7
_SHORTEST_VIDEO = 4
# So many frames of a clip tell how much any two of them differ.
_SAMPLE = 300


@dataclass(frozen=True)
class Split:
    """An automatic split.

    Attributes:
        parts: the pairs of each split; `train` alone where nothing can be held out.
        notes: what was found or decided, a sentence each.
    """

    parts: Parts
    notes: tuple[str, ...]


def split_pairs(pairs: Sequence[Pair]) -> Split:
    """Train and val, about 80 to 20, by what the pictures look like and what they are called.

    Pictures that look alike, and video that goes on, stay on one side where that is possible; the
    notes say where it is not. Reads every picture.
    """
    ordered = sorted(pairs, key=lambda pair: natural(pair.name))
    found = [look_of_file(pair.image) for pair in ordered]
    group, same = _grouped(ordered, found)
    held = hold_out([p.name for p in ordered], [p.sequence for p in ordered], group, same)
    train = tuple(pair for i, pair in enumerate(ordered) if i not in held.indices)
    val = tuple(pair for i, pair in enumerate(ordered) if i in held.indices)
    parts = {"train": train, "val": val} if val else {"train": train}
    notes = [_sizes(len(set(group)), train, val)]
    if held.cut:
        notes.append(
            "Too much of it looks alike or is one video: val is cut out of it in order of time. "
            "Its score will be optimistic; hold out another recording for an honest one."
        )
    if blind := [pair.name for pair, look in zip(ordered, found, strict=True) if look is None]:
        notes.append(counted(blind, "picture", "that could not be compared: unreadable"))
    return Split(parts, tuple(notes))


def _sizes(count: int, train: Sequence[Pair], val: Sequence[Pair]) -> str:
    total = len(train) + len(val)
    told = f"split of {plural(total, 'pair')} in {plural(count, 'look-alike group')}: "
    if val:
        return f"{told}{len(train)} in train, {len(val)} in val."
    reason = "one picture" if total == 1 else "one and the same picture"
    return f"{told}all in train. Of {reason} nothing can be held out: there is no val."


def _grouped(
    pairs: Sequence[Pair], found: Sequence[Looks | None]
) -> tuple[Sequence[int], Sequence[int]]:
    """Look-alike groups, and groups of the same picture; who cannot be read is alone."""
    seen = [index for index, look in enumerate(found) if look is not None]
    looks = stacked(look for look in found if look is not None)
    links = _video_links([pairs[index].sequence for index in seen], looks)
    alone = list(range(len(pairs), 2 * len(pairs)))
    results = []
    for numbers in (groups(looks, links), groups(looks, same=True)):
        every = list(alone)
        for index, number in zip(seen, numbers, strict=True):
            every[index] = number
        results.append(every)
    return results[0], results[1]


def _video_links(sequences: Sequence[str], looks: Looks) -> list[tuple[int, int]]:
    """Frames that follow each other in clips that are video, but for cuts."""
    clips: dict[str, list[int]] = {}
    for index, sequence in enumerate(sequences):
        clips.setdefault(sequence, []).append(index)
    links: list[tuple[int, int]] = []
    for clip in clips.values():
        if len(clip) < _SHORTEST_VIDEO:
            continue
        steps = [float(unlikeness(looks[[a]], looks[[b]])[0, 0]) for a, b in _steps(clip)]
        some = looks[clip[:: len(clip) // _SAMPLE + 1]]
        usual = float(np.median(unlikeness(some, some)[np.triu_indices(len(some), 1)]))
        if np.median(steps) < _VIDEO * usual:
            links += [pair for pair, step in zip(_steps(clip), steps, strict=True) if step < usual]
    return links


def _steps(clip: Sequence[int]) -> list[tuple[int, int]]:
    return list(pairwise(clip))


def has_splits(folder: Path) -> bool:
    """Whether a folder holds split lists, one of them for training."""
    return "train" in _lists(folder)


def _lists(folder: Path) -> dict[str, Path]:
    """Split -> its list."""
    if not folder.is_dir():
        return {}
    files = sorted(folder.iterdir(), key=lambda path: natural(path.name), reverse=True)
    found = {split_of_list(path.name): path for path in files if path.is_file()}
    order = ("train", "val", "test")
    return {split: found[split] for split in order if split in found}


def read_splits(folder: Path, pairs: Sequence[Pair]) -> Parts:
    """The inverse of `write_splits`; takes paths, file names and stems too.

    Raises:
        MfpnetError: a list names what is not among the pairs, or a pair stands there twice.
    """
    index = Index((pair.name, str(pair.image)) for pair in pairs)
    seen: dict[int, str] = {}
    parts: Parts = {}
    for split, path in _lists(folder).items():
        numbers = [_number(index, line, pairs, seen) for line in read_list(path)]
        if split == "train" and not numbers:
            raise MfpnetError(f"{shown(path)} names nothing to train on. Fill it or remove it.")
        parts[split] = tuple(pairs[number] for number in numbers)
    return parts


def _number(index: Index, line: Line, pairs: Sequence[Pair], seen: dict[int, str]) -> int:
    texts = (line.text, *(frame for frame, _ in line.columns()))
    found = next((n for text in texts if (n := index.find(text, line.place)) is not None), None)
    if found is None:
        example = f", such as '{pairs[0].name}'" if pairs else ""
        raise MfpnetError(
            f"{line.place}: no pair is called '{shown(line.text)}'; there are {len(pairs)}"
            f"{example}. Correct the line or remove it."
        )
    if found in seen:
        raise MfpnetError(
            f"'{pairs[found].name}' stands in two places: {seen[found]}, and {line.place}. Remove "
            f"one."
        )
    seen[found] = line.place
    return found


def write_splits(folder: Path, parts: Mapping[str, Sequence[Pair]]) -> list[str]:
    """Write one list of names for each split; `read_splits` gives the same parts back.

    Other lists that lie there, under whatever name, would count too: they become `test.txt.old`
    and so on, and so does what one of the written lists replaces.

    Returns:
        The names of the files that keep what was there.

    Raises:
        MfpnetError: they cannot be written; nothing half written is left.
    """
    kept, others = [], []
    with staged_files(folder / "train.txt") as staged:
        for split, pairs in parts.items():
            text = list_text(pair.name for pair in pairs)
            staged.with_name(f"{split}.txt").write_bytes(text)
        for path in _list_files(folder):
            new = next(
                (n for n in staged.parent.iterdir() if _is_same(folder / n.name, path)), None
            )
            if new is None:
                others.append(path)
            elif new.read_bytes() == path.read_bytes():
                continue
            kept.append(_free_name(path))
            shutil.copy2(path, kept[-1])
    for path in others:
        _remove(path)
    return [path.name for path in kept]


def _list_files(folder: Path) -> list[Path]:
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in found if split_of_list(path.name) and path.is_file()]


def _is_same(path: Path, other: Path) -> bool:
    """Also where `Train.txt` and `train.txt` are one file."""
    return path.exists() and path.samefile(other)


def _free_name(path: Path) -> Path:
    """`test.txt.old`, or `test.txt.old2` and so on where that is there already."""
    names = (f"{path.name}.old{number}" for number in ("", *range(2, 10**6)))
    return next(path.with_name(name) for name in names if not path.with_name(name).exists())


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError as error:
        raise MfpnetError(
            f"cannot rename '{shown(path)}': {error.strerror}. Remove it: it is no list of the new "
            f"split."
        ) from error
