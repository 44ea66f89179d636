"""Which rule pairs most frames with masks, by what their folders and files are called."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from mfpnet.errors import MfpnetError
from mfpnet.folders.names import FolderName, Role, marks, natural, plural, read_folder_name, shown

_PHOTOS = (".jpg", ".jpeg")
_EXACT = (".png", ".bmp", ".gif", ".tif", ".tiff")
# Which folders that mean frames or masks count, see `_placed`.
_Reading = Literal["outer", "inner", "outermost"]
_READINGS: tuple[_Reading, ...] = ("outer", "inner", "outermost")
# Among masks that pair equally often: what a network is trained on first, pictures of it last.
_RANKS = (("labeltrainids", 3), ("labelids", 2), ("rgb", 0), ("color", 0), ("colour", 0))


@dataclass(frozen=True)
class Key:
    """What a frame and its mask have in common.

    Attributes:
        split: `train`, `val`, `test`, or empty.
        folders: those that mean neither a split nor frames or masks.
        stem: of the file, without marks such as `_mask`.
    """

    split: str
    folders: tuple[str, ...]
    stem: str

    @property
    def name(self) -> str:
        """All of it as one name that can be printed."""
        return shown("/".join(part for part in (self.split, *self.folders, self.stem) if part))


@dataclass(frozen=True)
class Side:
    """What frames, or masks, are told by.

    Attributes:
        kind: their folder's name without the split; empty where it does not matter.
        mark: what is added to a stem.
        beside: they lie in one folder with the others, and the suffix alone tells them apart.
    """

    kind: str
    mark: str
    beside: bool = False

    def __str__(self) -> str:
        """As in `masks/*_L`."""
        star = f"{self.mark}*" if self.mark[-1:] in "_-. " else f"*{self.mark}"
        return f"{self.kind}/{star}" if self.kind else star


Files = dict[Key, list[str]]
Sides = dict[Side, Files]


@dataclass(frozen=True)
class Match:
    """The rule that pairs most.

    Attributes:
        kind: the rule, for people.
        frames: every frame by its key, whether it has a mask or not.
        masks: every mask likewise.
    """

    kind: str
    frames: dict[Key, str]
    masks: dict[Key, str]

    @property
    def paired(self) -> list[Key]:
        """Keys of frames that have a mask, in natural order."""
        return sorted(self.frames.keys() & self.masks.keys(), key=lambda key: natural(key.name))


def best_match(pictures: Sequence[str]) -> Match | None:
    """The rule that pairs most of these paths; None where no rule pairs any.

    Names of folders are read as a whole first; where nothing pairs up so, a folder of any name
    may hold the frames or the masks.

    Raises:
        MfpnetError: two files are the frame, or the mask, of one pair.
    """
    for loose in (False, True):
        readings = [_sides(pictures, reading, loose=loose) for reading in _READINGS]
        found = [choice for frames, masks in readings for choice in _choices(frames, masks)]
        if found:
            return _matched(max(found, key=_merit))
    return None


@dataclass(frozen=True)
class _Choice:
    frame: Side
    mask: Side
    frames: Files
    masks: Files

    @functools.cached_property
    def pairs(self) -> int:
        return len(self.frames.keys() & self.masks.keys())


def _choices(frames: Sides, masks: Sides) -> Iterator[_Choice]:
    for frame in sorted(frames, key=str):
        for mask in sorted(masks, key=str):
            choice = _Choice(frame, mask, frames[frame], masks[mask])
            if frame.beside == mask.beside and choice.pairs:
                yield choice


def _merit(choice: _Choice) -> tuple[int, bool, int, int]:
    name = str(choice.mask).lower()
    rank = next((rank for word, rank in _RANKS if word in name), 1)
    marked = len(choice.frame.mark) + len(choice.mask.mark)
    return choice.pairs, not choice.frame.beside, rank, -marked


def _matched(choice: _Choice) -> Match:
    twins = [
        paths
        for key in sorted(choice.frames.keys() & choice.masks.keys(), key=lambda key: key.name)
        for paths in (choice.frames[key], choice.masks[key])
        if len(paths) > 1
    ]
    if twins:
        first, second = map(shown, twins[0][:2])
        raise MfpnetError(
            f"'{first}' and '{second}' are the same frame or mask twice{_more(len(twins) - 1)}: "
            f"which one counts? Remove one, or move it out of the folder."
        )
    masks = {key: paths[0] for key, paths in choice.masks.items()}
    taken = set(masks.values())
    frames = {key: paths[0] for key, paths in choice.frames.items() if paths[0] not in taken}
    return Match(_described(choice), frames, masks)


def _more(count: int) -> str:
    """How many others there are like it."""
    return f", and so are {plural(count, 'other')}" if count else ""


def _described(choice: _Choice) -> str:
    if choice.frame.beside:
        return "a.jpg with its mask a.png beside it"
    rule = f"frames {choice.frame}, masks {choice.mask}"
    kinds = choice.frame.kind, choice.mask.kind
    if kinds == ("jpegimages", "segmentationclass"):
        return f"Pascal VOC: {rule}"
    official = kinds == ("leftimg8bit", "gtfine") and "label" in choice.mask.mark
    return f"Cityscapes tree: {rule}" if official and "gt" in choice.mask.mark.lower() else rule


@dataclass(frozen=True)
class _Place:
    """A picture, and what its folders say."""

    path: str
    role: Role | None
    kind: str
    split: str
    folders: tuple[str, ...]

    def key(self, stem: str) -> Key:
        """With accents in one form: file systems and archives differ in it."""
        return Key(self.split, tuple(map(_composed, self.folders)), _composed(stem))


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _sides(pictures: Sequence[str], reading: _Reading, *, loose: bool) -> tuple[Sides, Sides]:
    frames: Sides = {}
    masks: Sides = {}
    for path in pictures:
        place = _placed(path, reading, loose=loose)
        for side, key in _as_frame(place):
            frames.setdefault(side, {}).setdefault(key, []).append(path)
        for side, key in _as_mask(place):
            masks.setdefault(side, {}).setdefault(key, []).append(path)
    return frames, masks


def _as_frame(place: _Place) -> Iterator[tuple[Side, Key]]:
    if place.role == "mask":
        return
    file = PurePosixPath(place.path)
    for mark, stem in marks(file.stem, "frame"):
        yield Side(place.kind, mark), place.key(stem)
    if file.suffix.lower() in _PHOTOS:
        yield Side("", "", beside=True), place.key(file.stem)


def _as_mask(place: _Place) -> Iterator[tuple[Side, Key]]:
    file = PurePosixPath(place.path)
    for mark, stem in marks(file.stem, "mask"):
        if mark or place.role == "mask":
            yield Side(place.kind, mark), place.key(stem)
    if place.role != "mask" and file.suffix.lower() in _EXACT:
        yield Side("", "", beside=True), place.key(file.stem)


def _placed(path: str, reading: _Reading, *, loose: bool) -> _Place:
    """Reads the folders of a path.

    The outermost of those that mean frames or masks counts, or the innermost: `masks/image_1` has
    masks, and `segmentation/images` has frames. Those that mean the same as it say no more, or are
    names like others: `masks/labels/day1` has the masks of `images/labels/day1`. A loose reading
    forgets the first other folder.
    """
    parts = path.split("/")[:-1]
    names = [_read_once(part) for part in parts]
    roles = [name.role for name in names if name.role]
    role = (roles[-1] if reading == "inner" else roles[0]) if roles else None
    counts = [role is not None and name.role == role for name in names]
    if reading == "outermost" and role:
        first = counts.index(True)
        counts = [at == first for at in range(len(parts))]
    kinds = [name.kind for name, counted in zip(names, counts, strict=True) if counted]
    folders = [
        part
        for part, name, counted in zip(parts, names, counts, strict=True)
        if name.kind and not counted
    ]
    if loose:
        kinds, folders = [*kinds, *folders[:1]], folders[1:]
    split = next((name.split for name in names if name.split), "")
    return _Place(path, role, "/".join(kinds), split, tuple(folders))


@functools.lru_cache(maxsize=4096)
def _read_once(name: str) -> FolderName:
    """The same as `read_folder_name`: pictures share folders."""
    return read_folder_name(name)
