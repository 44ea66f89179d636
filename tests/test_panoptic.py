from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torchmetrics.detection import PanopticQuality as Oracle

from mfpnet.instances.panoptic import PanopticQuality

CLASSES = ("road", "sky", "car", "person")
THINGS = ("car", "person")
VOID = 4
Map = npt.NDArray[np.int64]


def random_side(rng: np.random.Generator, base: Map | None = None) -> tuple[Map, Map]:
    """Blocks of labels and instances; near those of another map, if there is one."""
    labels = np.kron(rng.integers(0, VOID + 1, (6, 8)), np.ones((4, 4), dtype=np.int64))
    instances = np.kron(rng.integers(0, 4, (3, 4)), np.ones((8, 8), dtype=np.int64))
    if base is not None:
        keep = np.kron(rng.random((6, 8)) < 0.8, np.ones((4, 4))) > 0
        labels = np.where(keep, base, labels)
    return labels, instances


def as_pairs(side: tuple[Map, Map]) -> torch.Tensor:
    """What the oracle takes: (1, H, W, 2)."""
    return torch.from_numpy(np.stack(side, axis=-1))[None]


def test_random_maps_agree_with_torchmetrics() -> None:
    rng = np.random.default_rng(0)
    own = PanopticQuality(CLASSES, THINGS)
    oracle = Oracle(
        things={2, 3},
        stuffs={0, 1},
        allow_unknown_preds_category=True,
        return_sq_and_rq=True,
        return_per_class=True,
    )
    means = Oracle(
        things={2, 3}, stuffs={0, 1}, allow_unknown_preds_category=True, return_sq_and_rq=True
    )
    for _ in range(12):
        target = random_side(rng)
        predicted = random_side(rng, target[0])
        predicted = predicted[0], np.where(rng.random() < 0.7, target[1], predicted[1])
        for each in (oracle, means):
            each.update(as_pairs(predicted), as_pairs(target))
        own.update(predicted, target)
    scores = own.scores()
    # The oracle has things first.
    order = [2, 3, 0, 1]
    found = np.array([scores.pq, scores.sq, scores.rq], dtype=float).T[order]
    assert found == pytest.approx(oracle.compute().squeeze().numpy(), abs=1e-6)
    mean = [scores.mean(each) for each in (scores.pq, scores.sq, scores.rq)]
    assert mean == pytest.approx(means.compute().tolist(), abs=1e-6)
    assert sum(scores.found) > 20
    assert min(sum(scores.missed), sum(scores.wrong)) > 20


def test_a_picture_by_hand() -> None:
    target = np.zeros((4, 8), dtype=np.int64), np.zeros((4, 8), dtype=np.int64)
    target[0][:, 2:] = 2
    target[1][:, 2:5], target[1][:, 5:] = 1, 2
    predicted = target[0].copy(), target[1].copy()
    predicted[1][:, 4] = 2  # the first car has 8 of 12 pixels, the second 4 too many
    predicted[0][:, 7] = 3  # and loses 4 to a person that is not there
    predicted[1][:, 7] = 9
    own = PanopticQuality(CLASSES, THINGS)
    own.update(predicted, target)
    scores = own.scores()
    assert scores.sq[2] == pytest.approx(8 / 12)
    assert (scores.found, scores.missed, scores.wrong) == ((1, 0, 1, 0), (0, 0, 1, 0), (0, 0, 1, 1))
    assert scores.rq[2] == 0.5
    assert (scores.pq[0], scores.pq[1], scores.pq[3]) == (1.0, None, 0.0)
    assert scores.pq[2] == pytest.approx(1 / 3)
    assert scores.mean(scores.pq, things=True) == pytest.approx(1 / 6)
    assert scores.mean(scores.pq, things=False) == 1


def test_what_is_never_void_hides_nothing() -> None:
    labels, none = np.full((4, 4), 2), np.zeros((4, 4), dtype=np.int64)
    own = PanopticQuality(CLASSES, THINGS)
    own.update((labels, none), (np.full((4, 4), VOID), none))
    assert own.scores().pq == (None, None, None, None)
    assert own.scores().mean(own.scores().pq) is None


def test_the_record_has_means_and_classes() -> None:
    side = random_side(np.random.default_rng(1))
    own = PanopticQuality(CLASSES, THINGS)
    own.update(side, side)
    record = own.scores().as_dict()
    assert record["all"] == record["things"] == record["stuff"] == {"pq": 1, "sq": 1, "rq": 1}
    assert record["per_class"]["car"]["missed"] == 0
    assert list(record["per_class"]) == list(CLASSES)
