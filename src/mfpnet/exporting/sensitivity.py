"""Which parts of a network lose by 8 bits: each one alone, then the worst of them kept in float.

Looked at on training frames only. The network has seen those, so beside its score on them there is
the share of pixels on which the quantised network still says what the float one does: that share
needs no target, and it moves long before the score does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mfpnet.exporting.qdq import Plan, quantised
from mfpnet.exporting.spans import Array, runner
from mfpnet.metrics import ConfusionMatrix, scores
from mfpnet.pixels.enlarge import Labels, likeliest

if TYPE_CHECKING:
    from onnx import ModelProto

# `encoder.1` of `network.encoder.1.brms.0.reduce.0.weight`.
_GROUP = re.compile(r"(?:network\.)?([^.]+(?:\.\d+)?)")
# Parts that are at most this share of the work together stay in float where they lose anything.
_FREE = 0.01
# What is lost to 8 bits on training frames may be this share of what may be lost on others.
_CAUTION = 0.5
# Below this share of equal labels, further parts are kept in float even where the score holds.
AGREEMENT = 0.99
# With more of the work than this in float it would be no 8-bit file any more.
_MOST = 0.5


@dataclass(frozen=True)
class Try:
    """One way to quantise, and what it came to on training frames.

    Attributes:
        what: in words.
        miou: of the quantised network there, 0 to 1.
        drop: points of mIoU below the float network's.
        agreement: share of pixels with the float network's label, 0 to 1.
    """

    what: str
    miou: float
    drop: float
    agreement: float

    def passes(self, max_drop: float) -> bool:
        """Whether it may be hoped to lose less than `max_drop` points on other frames."""
        return self.drop <= _CAUTION * max_drop and self.agreement >= AGREEMENT


@dataclass(frozen=True)
class Found:
    """What a search came to.

    Attributes:
        plan: the one that was chosen.
        outcome: its scores.
        ranges: how the ranges of values were drawn.
        kept: the parts of the network that stay in float.
        tries: every whole network that was tried.
        losses: for each part, the share of labels that change when it alone is quantised.
    """

    plan: Plan
    outcome: Try
    ranges: str
    kept: tuple[str, ...]
    tries: tuple[Try, ...]
    losses: dict[str, float]


class Judge:
    """Scores graphs against a float graph on a few frames.

    Args:
        reference: the float graph.
        frames: what goes in, and its target (H, W).
        num_classes: of the targets.
        ignore_index: the label that is not counted.
        threads: CPU threads; the runtime's choice when left out.
    """

    def __init__(
        self,
        reference: ModelProto,
        frames: Sequence[tuple[Array, Labels]],
        num_classes: int,
        ignore_index: int,
        threads: int | None = None,
    ) -> None:
        self.frames, self.threads = frames, threads
        self.num_classes, self.ignore_index = num_classes, ignore_index
        self.reference = reference
        self.expected = self._labels(reference)
        self.miou = self._miou(self.expected)

    def attempt(self, what: str, plan: Plan) -> Try:
        """What the float graph comes to when it is quantised."""
        found = self._labels(quantised(self.reference, plan))
        miou = self._miou(found)
        equal = [np.mean(a == b) for a, b in zip(found, self.expected, strict=True)]
        return Try(what, miou, 100 * (self.miou - miou), float(np.mean(equal)))

    def _labels(self, graph: ModelProto) -> list[Labels]:
        run = runner(graph, self.threads)
        answers = (run(image)[0] for image, _ in self.frames)
        return [likeliest(a[0]) if a.ndim == 4 else a[0] for a in answers]

    def _miou(self, labels: Sequence[Labels]) -> float:
        matrix = ConfusionMatrix(self.num_classes, self.ignore_index)
        for found, (_, target) in zip(labels, self.frames, strict=True):
            matrix.update(found, target)
        return scores(matrix.counts).miou


def group_of(weight: str) -> str:
    """The part of the network that a weight belongs to: `encoder.1`, `head`, ..."""
    found = _GROUP.match(weight)
    return found[1] if found else weight


def grouped(weights: Iterable[str]) -> dict[str, frozenset[str]]:
    """The weights of each part of the network, in order."""
    groups: dict[str, frozenset[str]] = {}
    for weight in weights:
        group = group_of(weight)
        groups[group] = groups.get(group, frozenset()) | {weight}
    return groups


def search(
    plans: Mapping[str, Plan],
    work: Mapping[str, int],
    judge: Judge,
    max_drop: float,
    on_try: Callable[[str], object] = lambda what: None,
) -> Found:
    """The way to quantise that keeps enough of the network at the least cost.

    First the ranges: the plan whose fully quantised graph agrees best. Then the parts that lose
    most for their work are kept in float: those that cost next to nothing in any case, others one
    after another until enough of the score and of the agreement is left.

    Args:
        plans: one for each way to draw ranges, by its name.
        work: of each weight that can be quantised, its multiply-accumulates.
        judge: of the tries.
        max_drop: points of mIoU that may be lost on other frames.
        on_try: called after each graph that was looked at.
    """

    def attempt(what: str, plan: Plan) -> Try:
        on_try(what)
        return judge.attempt(what, plan)

    tries = {name: attempt(f"all int8, ranges: {name}", plan) for name, plan in plans.items()}
    ranges = max(tries, key=lambda name: tries[name].agreement)
    plan, groups = plans[ranges], grouped(work)
    losses = {
        group: 1 - attempt(f"only {group}", replace(plan, kept=frozenset(work) - own)).agreement
        for group, own in groups.items()
    }
    found = Found(plan, tries[ranges], ranges, (), tuple(tries.values()), losses)
    for names in _kept_in_turn(losses, groups, work):
        costs = sum(work[weight] for name in names for weight in groups[name]) / sum(work.values())
        if costs > _FREE and found.outcome.passes(max_drop):
            break
        weights = frozenset[str]().union(*(groups[name] for name in names))
        wider = replace(plan, kept=weights)
        outcome = attempt(f"float: {', '.join(names)}", wider)
        found = replace(found, tries=(*found.tries, outcome))
        if outcome.agreement > found.outcome.agreement:
            found = replace(found, plan=wider, outcome=outcome, kept=names)
    return found


def _kept_in_turn(
    losses: Mapping[str, float], groups: Mapping[str, frozenset[str]], work: Mapping[str, int]
) -> list[tuple[str, ...]]:
    """Growing lists of what is kept in float: what costs next to nothing, then one part more each.

    Within either, the greatest loss for its work comes first.
    """
    total = sum(work.values())
    share = {name: sum(work[weight] for weight in own) / total for name, own in groups.items()}
    order = sorted(groups, key=lambda name: losses[name] / share[name], reverse=True)
    free: list[str] = []
    for name in order:
        if losses[name] > 0 and sum(share[each] for each in (*free, name)) <= _FREE:
            free.append(name)
    lists, kept = [tuple(free)] if free else [], list(free)
    for name in order:
        if name in free:
            continue
        if sum(share[each] for each in (*kept, name)) > _MOST:
            break
        kept.append(name)
        lists.append(tuple(kept))
    return lists
