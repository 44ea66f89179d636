"""The pairs that the lists of a folder name, split by split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from mfpnet.data.pairs import Pair
from mfpnet.errors import MfpnetError
from mfpnet.folders.names import counted, natural, sequence_of, shown
from mfpnet.folders.pairing import Key, Match
from mfpnet.folders.picture_tree import Tree
from mfpnet.folders.split_lists import Index, Line, read_list, split_of_list

# Where lists are looked for, the first place that has one of `train` counts.
_PLACES = ("", "splits", "split", "lists", "ImageSets/Segmentation", "ImageSets")


@dataclass
class Listed:
    """What lists say.

    Attributes:
        parts: the pairs of each split.
        notes: what was left aside, a sentence each.
    """

    parts: dict[str, tuple[Pair, ...]]
    notes: tuple[str, ...]


def listed_pairs(tree: Tree, match: Match | None, every: dict[Key, Pair]) -> Listed:
    """The pairs that split lists name; no parts where there are no such lists.

    Args:
        tree: the folder.
        match: frames and masks paired by name, if they could be.
        every: the pairs of `match`.

    Raises:
        MfpnetError: a list is empty, or names what is not there, or a frame twice.
    """
    lists = _lists(tree.texts)
    reader = _Reader(tree, match, every)
    found = {split: reader.named(read_list(tree.root / path)) for split, path in lists.items()}
    told = ", ".join(map(shown, lists.values()))
    parts: dict[str, tuple[Pair, ...]] = {}
    # Texts of other content may be called so; where one is a list, the others are meant as lists.
    if any(name for named in found.values() for _, name in named):
        for split, named in found.items():
            if not named:
                raise MfpnetError(
                    f"'{shown(tree.root / lists[split])}' names no frame. Fill it or remove it."
                )
            if pairs := tuple(reader.pairs(named)):
                parts[split] = pairs
    if not parts:
        unused = f"{told}: not taken for split lists, as they name none of the frames."
        return Listed({}, (unused,) if lists else ())
    return Listed(parts, reader.notes(every, told))


def _lists(texts: Sequence[str]) -> dict[str, str]:
    """Split -> its list, of the first place that has one of `train`."""
    places: dict[str, dict[str, str]] = {}
    for path in texts:
        folder, _, name = path.rpartition("/")
        if split := split_of_list(name):
            places.setdefault(folder, {}).setdefault(split, path)
    for place in _PLACES:
        for folder in sorted(places, key=natural):
            if "train" in places[folder] and _is_place(folder, place):
                return places[folder]
    return {}


def _is_place(folder: str, place: str) -> bool:
    return folder == place or (bool(place) and f"/{folder}".endswith(f"/{place}"))


@dataclass
class _Reader:
    """Finds what lines name, and remembers it."""

    tree: Tree
    match: Match | None
    every: dict[Key, Pair]
    seen: dict[str, str] = field(default_factory=dict)
    maskless: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        frames = self.match.frames if self.match else {}
        self._keys = list(frames)
        self._frames = Index((self._name(key), frames[key]) for key in self._keys)
        self._by_path = {path: key for key, path in frames.items()}
        self._pictures = Index((path, path) for path in self.tree.pictures)

    def _name(self, key: Key) -> str:
        return self.every[key].name if key in self.every else key.name

    def named(self, lines: list[Line]) -> list[tuple[Line, Key | Pair | None]]:
        """Each line with what it names."""
        return [(line, self._key(line) or self._in_columns(line)) for line in lines]

    def pairs(self, lines: Iterable[tuple[Line, Key | Pair | None]]) -> Iterator[Pair]:
        """The pairs of one list."""
        for line, named in lines:
            if named is None:
                raise MfpnetError(
                    f"{line.place}: there is no frame '{shown(line.text)}' in "
                    f"'{shown(self.tree.root)}'. Correct the line or remove it."
                )
            pair = named if isinstance(named, Pair) else self.every.get(named)
            if pair is None:
                self.maskless.append(shown(line.text))
            else:
                yield self._once(pair, line)

    def _key(self, line: Line) -> Key | None:
        number = self._frames.find(line.text, line.place)
        return None if number is None else self._keys[number]

    def _in_columns(self, line: Line) -> Pair | None:
        for image, mask in line.columns():
            numbers = [self._pictures.find(text, line.place) for text in (image, mask)]
            if numbers[0] is not None and numbers[1] is not None:
                paths = [self.tree.pictures[number] for number in numbers if number is not None]
                return self._listed(*paths)
        return None

    def _listed(self, image: str, mask: str) -> Pair:
        """A pair as a line has it; its name is the frame's own where the frame has one."""
        key = self._by_path.get(image)
        name = self._name(key) if key else shown(image.rpartition(".")[0])
        root = self.tree.root
        return Pair(root / image, root / mask, name, sequence_of(name))

    def _once(self, pair: Pair, line: Line) -> Pair:
        if first := self.seen.get(pair.name):
            raise MfpnetError(
                f"'{pair.name}' stands in two places: {first}, and {line.place}. Remove one."
            )
        self.seen[pair.name] = line.place
        return pair

    def notes(self, every: dict[Key, Pair], lists: str) -> tuple[str, ...]:
        """What the lists leave out."""
        unlisted = [pair.name for pair in every.values() if pair.name not in self.seen]
        found = (
            (self.maskless, "listed frame", f"without a mask, left aside, by {lists}"),
            (unlisted, "pair", f"in no list of {lists}, left aside"),
        )
        return tuple(counted(names, thing, what) for names, thing, what in found if names)
