"""What `mfpnet data inspect` finds out about a folder, and the plan that it writes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mfpnet.data.source import folder_options
from mfpnet.errors import MfpnetError
from mfpnet.folders.layouts import find_layout
from mfpnet.folders.plans import Plan, write_plan
from mfpnet.folders.problems import Problem
from mfpnet.folders.recommend import facts_of_pairs, recommend
from mfpnet.folders.scan import Counts, Scan, ScannedPair
from mfpnet.folders.splits import split_pairs, write_splits
from mfpnet.masks.class_file import CLASS_FILE
from mfpnet.masks.class_rows import Masks, parse_value, shown_value

# Of `losses.class_weights`.
_SMOOTHING = 1.10


def inspect(plan: Plan, found: Scan, problems: Sequence[Problem], root: Path) -> dict[str, Any]:
    """What is known of a folder, as data.

    Returns:
        `folder`, `layout`, `frames`, `splits`, `sizes`, `channels`, `bits`, `masks`, `classes` (a
        row each), `ignored_share`, `imbalance`, `mean`, `std`, `recipe`, `problems`, `notes`,
        `command`.
    """
    every = found.counts()
    ignored = sum(each.void for each in found.pairs if each.counts is not None)
    return {
        "folder": str(root),
        "layout": find_layout(root).kind,
        "frames": len(found.pairs),
        "splits": {split: len(pairs) for split, pairs in plan.parts.items()},
        "sizes": _sizes(found.pairs),
        "channels": found.format.channels,
        "bits": found.format.bits,
        "masks": plan.classes.masks,
        "classes": _classes(plan, found),
        "ignored_share": ignored / max(ignored + int(every.sum()), 1),
        "imbalance": _imbalance(every),
        "mean": list(found.mean),
        "std": list(found.std),
        "recipe": _recipe(plan, found),
        "problems": [problem.as_dict() for problem in problems],
        "notes": list(plan.notes),
        "command": f"mfpnet train {folder_options(root, found.asked)}",
    }


def _sizes(pairs: Sequence[ScannedPair]) -> dict[str, list[int]]:
    """(H, W) of the smallest, the median and the largest image, by area."""
    known = sorted((each.size for each in pairs if each.size), key=math.prod)
    if not known:
        return {}
    chosen = {"smallest": known[0], "median": known[len(known) // 2], "largest": known[-1]}
    return {name: list(size) for name, size in chosen.items()}


def _classes(plan: Plan, found: Scan) -> list[dict[str, Any]]:
    labels, values = plan.labels, plan.classes.values
    every, train = found.counts(), found.counts("train")
    weights = class_weights(train if train.any() else every)
    return [
        {
            "name": name,
            "values": [shown_value(value, plan.classes.masks) for value in values[index]],
            "colour": list(labels.palette[index]),
            "share": int(every[index]) / max(int(every.sum()), 1) if every.size else 0.0,
            "frames": sum(e.counts is not None and bool(e.counts[index]) for e in found.pairs),
            "weight": weights[index] if weights else 0.0,
        }
        for index, name in enumerate(labels.classes)
    ]


def class_weights(counts: Counts) -> list[float]:
    """1 / ln(1.10 + p) of each class, p its share of pixels: what a recipe's training uses."""
    shares = counts / max(int(counts.sum()), 1)
    return [round(1 / math.log(_SMOOTHING + share), 3) for share in shares]


def _imbalance(counts: Counts) -> float | None:
    """How many times as many pixels the most frequent class has as the rarest that occurs."""
    there = counts[counts > 0]
    return round(float(there.max() / there.min()), 1) if there.size else None


def _recipe(plan: Plan, found: Scan) -> dict[str, Any] | None:
    pairs = [each.pair for each in found.of("train") if each.usable]
    if not pairs:
        return None
    recipe = recommend(facts_of_pairs(pairs, plan.labels.num_classes))
    shown = ("crop_size", "batch_size", "shorter_side", "optimizer", "learning_rate", "rare_crops")
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in vars(recipe).items()
        if name in shown
    }


def ignoring(plan: Plan, given: Sequence[str]) -> Plan:
    """The plan in which these values of masks, or colours, are void and no class.

    Raises:
        MfpnetError: a value of another form, or fewer than two classes are left.
    """
    classes = plan.classes
    values = {_value(text, classes.masks) for text in given}
    kept = [index for index, own in enumerate(classes.values) if set(own) - values]
    if len(kept) < 2:
        raise MfpnetError(f"--ignore {' '.join(given)} leaves fewer than two classes.")
    labels = classes.labels
    fewer = replace(
        labels,
        classes=tuple(labels.classes[index] for index in kept),
        palette=tuple(labels.palette[index] for index in kept),
    )
    own = tuple(tuple(v for v in classes.values[i] if v not in values) for i in kept)
    void = tuple(dict.fromkeys([*classes.ignore, *sorted(values)]))
    return replace(plan, classes=replace(classes, labels=fewer, values=own, ignore=void))


def _value(text: str, masks: Masks) -> int:
    given: object = int(text) if text.isdecimal() else text
    return parse_value(given, masks, "--ignore")


def split_anew(plan: Plan) -> Plan:
    """The plan with an automatic split in place of the folder's own."""
    split = split_pairs(plan.pairs("all"))
    return replace(plan, parts=split.parts, notes=(*plan.notes, *split.notes))


def only_usable(plan: Plan, found: Scan) -> Plan:
    """The plan without the pairs that cannot be used.

    Raises:
        MfpnetError: a split is left without any.
    """
    good = {each.pair for each in found.pairs if each.usable}
    parts = {s: tuple(p for p in pairs if p in good) for s, pairs in plan.parts.items()}
    if empty := [split for split, pairs in parts.items() if not pairs]:
        raise MfpnetError(f"no pair of {' and '.join(empty)} can be used: see mfpnet data check.")
    return replace(plan, parts=parts)


def check_writable(root: Path, *, ignore: bool, lists: bool) -> None:
    """A classes.yaml that is there is never overwritten; the split lists beside it may be.

    Raises:
        MfpnetError: there is one, and more than lists is to be written.
    """
    path = root / CLASS_FILE
    if not path.exists() or (lists and not ignore):
        return
    advice = "add the values to its line `ignore: [...]`" if ignore else "change it by hand"
    raise MfpnetError(
        f"'{path}' is there already and is not overwritten: {advice}, remove it, or write to "
        f"another folder with --out."
    )


def write_into(plan: Plan, folder: Path) -> list[str]:
    """Write classes.yaml, unless one is there, and the split lists; the names of what was written.

    Raises:
        MfpnetError: they cannot be written.
    """
    lists = [f"{split}.txt" for split in plan.parts]
    there = (folder / CLASS_FILE).exists()
    kept = write_splits(folder, plan.parts) if there else write_plan(plan, folder)
    old = [f"{name} (a list that was there)" for name in kept]
    return [*lists, *old] if there else [CLASS_FILE, *lists, *old]
