"""The street generator: repeatable, complete, consistent, and no use to a colour-blind shortcut."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pytest
import torch

from mfpnet.labels import CAMVID
from mfpnet.synthetic.scenes import Scene, draw_scene

SMALL = (90, 120)
MOVERS = [CAMVID.classes.index(name) for name in ("car", "pedestrian", "bicyclist")]


@lru_cache(maxsize=1)
def scenes() -> list[Scene]:
    return [draw_scene(seed, SMALL) for seed in range(70)]


def shares(drawn: list[Scene]) -> npt.NDArray[np.float64]:
    """Share of each label (scenes, 12) in every scene."""
    counts = [np.bincount(scene.labels.ravel(), minlength=12) for scene in drawn]
    return np.array(counts) / drawn[0].labels.size


def test_the_same_seed_draws_the_same_scene() -> None:
    first, second = draw_scene(7, SMALL), draw_scene(7, SMALL)
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.labels, second.labels)
    assert np.array_equal(first.instances, second.instances)


def test_different_seeds_draw_different_scenes() -> None:
    first, second = scenes()[0], scenes()[1]
    assert np.mean(first.labels != second.labels) > 0.1
    assert np.abs(first.image.astype(int) - second.image.astype(int)).mean() > 5


@pytest.mark.parametrize("size", [(180, 240), (64, 64), (61, 83), (97, 33), (1, 1)])
def test_any_size_gives_arrays_of_that_size(size: tuple[int, int]) -> None:
    scene = draw_scene(3, size)
    assert scene.image.shape == (*size, 3)
    assert scene.labels.shape == scene.instances.shape == size
    assert scene.image.dtype == scene.labels.dtype == np.uint8
    assert scene.instances.dtype == np.uint16


def test_labels_are_camvid_classes_or_void() -> None:
    assert max(int(scene.labels.max()) for scene in scenes()) <= CAMVID.ignore_index


def test_every_class_is_in_most_scenes() -> None:
    present = (shares(scenes())[:, :11] > 0).mean(axis=0)
    assert present.min() > 0.8, dict(zip(CAMVID.classes, present.round(2), strict=True))


def test_twenty_scenes_hold_every_class_in_a_sane_amount() -> None:
    mean = shares(scenes()[:20]).mean(axis=0)
    for name, share in zip(CAMVID.classes, mean, strict=False):
        assert 0.004 < share < 0.4, f"{name} fills {share:.2%} of the pixels"


def test_void_stays_below_six_per_cent() -> None:
    void = shares(scenes())[:, CAMVID.ignore_index]
    assert 0 < void.mean() < 0.04
    assert void.max() < 0.06


def test_instances_cover_exactly_the_movers() -> None:
    for scene in scenes()[:20]:
        assert np.array_equal(scene.instances > 0, np.isin(scene.labels, MOVERS))


def test_an_instance_has_one_class() -> None:
    for scene in scenes()[:20]:
        for instance in np.unique(scene.instances[scene.instances > 0]):
            assert len(np.unique(scene.labels[scene.instances == instance])) == 1


def test_most_scenes_hold_several_movers() -> None:
    counts = [len(np.unique(scene.instances)) - 1 for scene in scenes()]
    assert np.median(counts) >= 6


def test_labels_hardly_depend_on_the_size_of_the_picture() -> None:
    small, large = draw_scene(11, (90, 120)).labels, draw_scene(11, (180, 240)).labels
    assert np.mean(small == large[::2, ::2]) > 0.9


def pixels(drawn: list[Scene]) -> tuple[torch.Tensor, torch.Tensor]:
    """(N, 5) colour, row and column in -1 .. 1 of all pixels that count, and their labels (N)."""
    rows, columns = (axis / axis.max() * 2 - 1 for axis in np.mgrid[: SMALL[0], : SMALL[1]])
    features = [np.dstack([s.image / 127.5 - 1, rows, columns]).reshape(-1, 5) for s in drawn]
    labels = np.concatenate([scene.labels.ravel() for scene in drawn])
    counted = labels != CAMVID.ignore_index
    x = torch.from_numpy(np.concatenate(features)[counted]).float()
    return x, torch.from_numpy(labels[counted]).long()


def miou(prediction: torch.Tensor, target: torch.Tensor) -> float:
    pairs = torch.bincount(target * 11 + prediction, minlength=121).reshape(11, 11).double()
    union = pairs.sum(0) + pairs.sum(1) - pairs.diag()
    return float((pairs.diag() / union).mean())


def pixel_classifier(
    x: torch.Tensor, y: torch.Tensor, steps: int
) -> tuple[torch.nn.Module, list[float]]:
    """A 5-64-64-11 network of single pixels, and its loss after every step."""
    hidden = [torch.nn.Linear(5, 64), torch.nn.ReLU(), torch.nn.Linear(64, 64), torch.nn.ReLU()]
    net = torch.nn.Sequential(*hidden, torch.nn.Linear(64, 11))
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    losses = []
    for _ in range(steps):
        batch = torch.randint(len(x), (4096,))
        loss = torch.nn.functional.cross_entropy(net(x[batch]), y[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
    return net, losses


def test_colour_and_position_of_a_pixel_do_not_give_its_class_away() -> None:
    torch.manual_seed(0)
    (x, y), (unseen, target) = pixels(scenes()[:50]), pixels(scenes()[50:])
    net, losses = pixel_classifier(x, y, steps=1500)
    before, after = np.mean(losses[900:1000]), np.mean(losses[1400:])
    assert after > 0.9 * before, "still learning: the score below would say nothing"
    assert after < 0.7 * losses[0]
    with torch.no_grad():
        score = miou(net(unseen).argmax(dim=1), target)
    always_the_commonest = miou(torch.full_like(target, int(y.mode().values)), target)
    assert always_the_commonest + 0.05 < score < 0.30
