"""What is wrong with a folder, each fault once, with the places and the fix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

from mfpnet.data.source import folder_options
from mfpnet.folders.plans import Plan
from mfpnet.folders.scan import Scan, ScannedPair
from mfpnet.masks.class_file import described
from mfpnet.pixels.likeness import stacked, twins
from mfpnet.views.show import counted

# Below it a class is hardly learned; and what the recommended recipe does about it.
RARE_SHARE = 0.01
TINY_SIDE = 32
_NAMED = 3


@dataclass(frozen=True)
class Problem:
    """A fault.

    Attributes:
        severity: an error stops a training, a warning makes it worse.
        what: was found.
        fix: a command, or a line of classes.yaml, or what else to do.
        places: files, all of them.
    """

    severity: Literal["error", "warning"]
    what: str
    fix: str
    places: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """For a terminal."""
        shown = ", ".join(self.places[:_NAMED])
        more = len(self.places) - _NAMED
        where = [f"  in {shown}{f' and {more} more' if more > 0 else ''}"] if shown else []
        return [f"{self.severity}: {self.what}", *where, f"  fix: {self.fix}"]

    def as_dict(self) -> dict[str, Any]:
        """As data."""
        return {**vars(self), "places": list(self.places)}


def folder_problems(plan: Plan, scan: Scan, root: Path) -> list[Problem]:
    """Everything that is wrong, errors first."""
    found = [
        *_unreadable(scan, root),
        *_other_sizes(scan, root),
        *_unlisted(plan, scan),
        *_twins(scan, root),
        *_training_classes(plan, scan, root),
        *_void(scan, root),
        *_rare(plan, scan),
        *_tiny(scan),
    ]
    return sorted(found, key=lambda problem: problem.severity)


def _again(scan: Scan, root: Path, option: str) -> str:
    return f"mfpnet data inspect {folder_options(root, scan.asked)} --write {option}"


def _or_without(scan: Scan, root: Path) -> str:
    """How to leave out what cannot be used; nothing where a split would be left without a pair."""
    splits = {each.split for each in scan.pairs}
    if splits != {each.split for each in scan.pairs if each.usable}:
        return ""
    return f"; or leave out with: {_again(scan, root, '--only-usable')}"


def _with(scan: Scan, kind: str) -> list[ScannedPair]:
    return [each for each in scan.pairs if any(fault.kind == kind for fault in each.faults)]


def _texts(pairs: Iterable[ScannedPair], kind: str) -> list[str]:
    return [fault.text for each in pairs for fault in each.faults if fault.kind == kind]


def _unreadable(scan: Scan, root: Path) -> list[Problem]:
    found = []
    for kind, what in (("image", "image"), ("mask", "mask")):
        if bad := _with(scan, kind):
            files = tuple(
                str(each.pair.image if kind == "image" else each.pair.mask) for each in bad
            )
            text = f"{counted(len(bad), what)} cannot be used: {_texts(bad, kind)[0]}"
            fix = f"copy or export anew{_or_without(scan, root)}"
            found.append(Problem("error", text, fix, files))
    return found


def _other_sizes(scan: Scan, root: Path) -> list[Problem]:
    bad = _with(scan, "size")
    if not bad:
        return []
    text = f"{counted(len(bad), 'mask')} of another size than the image: {_texts(bad, 'size')[0]}"
    files = tuple(str(each.pair.mask) for each in bad)
    fix = f"export at the image's size{_or_without(scan, root)}"
    return [Problem("error", text, fix, files)]


def _unlisted(plan: Plan, scan: Scan) -> list[Problem]:
    bad = _with(scan, "values")
    counts: dict[int, int] = {}
    for each in bad:
        for fault in each.faults:
            for value, pixels in fault.counts.items():
                counts[value] = counts.get(value, 0) + pixels
    if not bad:
        return []
    held = described(counts, plan.classes.masks)
    text = f"{counted(len(bad), 'mask')} with {held}, which no class has"
    return [Problem("error", text, plan.classes.fix(counts), _masks(bad))]


def _masks(pairs: Iterable[ScannedPair]) -> tuple[str, ...]:
    return tuple(str(each.pair.mask) for each in pairs)


def _twins(scan: Scan, root: Path) -> list[Problem]:
    """The same picture in two splits, under whatever name, size or compression."""
    shared = [pair for a, b in combinations(_by_split(scan), 2) for pair in _shared(a, b)]
    if not shared:
        return []
    one, other = shared[0]
    text = (
        f"{counted(len(shared), 'image')} in two splits, so that what is learned by heart scores: "
        f"'{one.pair.image}' ({one.split}) is '{other.pair.image}' ({other.split})"
    )
    files = tuple(str(each.pair.image) for _, each in shared)
    return [Problem("error", text, _again(scan, root, "--new-split"), files)]


def _by_split(scan: Scan) -> list[list[ScannedPair]]:
    """The pairs of each split whose image can be read."""
    splits = dict.fromkeys(each.split for each in scan.pairs)
    return [[each for each in scan.of(split) if each.look is not None] for split in splits]


def _shared(
    some: Sequence[ScannedPair], others: Sequence[ScannedPair]
) -> list[tuple[ScannedPair, ScannedPair]]:
    looks = [
        stacked(each.look for each in part if each.look is not None) for part in (some, others)
    ]
    return [(some[i], others[j]) for i, j in twins(looks[0], looks[1])]


def _training_classes(plan: Plan, scan: Scan, root: Path) -> list[Problem]:
    train, every = scan.counts("train"), scan.counts()
    if not train.size:
        return []
    names = plan.labels.classes
    if int((train > 0).sum()) < 2:
        held = ", ".join(name for name, pixels in zip(names, train, strict=True) if pixels)
        text = f"the training frames hold {f'one class only, {held}' if held else 'no class'}"
        fix = f"if other frames hold more: {_again(scan, root, '--new-split')}"
        return [Problem("error", text, fix)]
    found = []
    elsewhere = [n for n, t, e in zip(names, train, every, strict=True) if e and not t]
    if elsewhere:
        text = f"in no training frame, but in others: {_listed(elsewhere)}"
        found.append(Problem("warning", text, _again(scan, root, "--new-split")))
    if nowhere := [name for name, pixels in zip(names, every, strict=True) if not pixels]:
        text = f"in no mask: {_listed(nowhere)}"
        fix = f"nothing if that is right; else check the values in {plan.classes.place}"
        found.append(Problem("warning", text, fix))
    return found


def _listed(names: Sequence[str]) -> str:
    more = len(names) - 8
    shown = ", ".join(f"'{name}'" for name in names[:8])
    return f"{'class' if len(names) == 1 else 'classes'} {shown}" + (
        f" and {more} more" if more > 0 else ""
    )


def _void(scan: Scan, root: Path) -> list[Problem]:
    empty = [each for each in scan.pairs if each.counts is not None and not each.counts.any()]
    if not empty:
        return []
    text = f"{counted(len(empty), 'mask')} without a single labelled pixel, all ignored"
    fix = f"label them{_or_without(scan, root)}"
    return [Problem("warning", text, fix, _masks(empty))]


def balance(plan: Plan, scan: Scan) -> str | None:
    """How bad the imbalance of the training frames is, in words; None where there are none."""
    train = scan.counts("train")
    there = [int(index) for index in train.argsort() if train[index]]
    if not there:
        return None
    times = train.max() / train[there[0]]
    most = plan.labels.classes[there[-1]]
    return f"rarest {_rarity(plan, scan, there[0])}; '{most}' has {times:,.0f} times as many pixels"


def _rarity(plan: Plan, scan: Scan, index: int) -> str:
    """A class, its share, and in how many training frames it is."""
    counts = scan.counts("train")
    held = [each.counts is not None and bool(each.counts[index]) for each in scan.of("train")]
    share = 100 * counts[index] / counts.sum()
    name = plan.labels.classes[index]
    return f"'{name}' ({share:.2g} % of the pixels, in {sum(held)} of {len(held)} training frames)"


def _rare(plan: Plan, scan: Scan) -> list[Problem]:
    train = scan.counts("train")
    rare = [int(i) for i in train.argsort() if 0 < train[i] < RARE_SHARE * train.sum()]
    if not rare:
        return []
    parts = ", ".join(_rarity(plan, scan, index) for index in rare[:_NAMED])
    more = f" and {len(rare) - _NAMED} more" if len(rare) > _NAMED else ""
    fix = "more frames that show them; training weighs rare classes and crops around them already"
    return [Problem("warning", f"rare: {parts}{more}", fix)]


def _tiny(scan: Scan) -> list[Problem]:
    tiny = [each for each in scan.pairs if each.size and min(each.size) < TINY_SIDE]
    if not tiny:
        return []
    text = f"{counted(len(tiny), 'image')} with a side below {TINY_SIDE} pixels"
    fix = "nothing: they are padded; larger ones would show more"
    return [Problem("warning", text, fix, tuple(str(each.pair.image) for each in tiny))]
