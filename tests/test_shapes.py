"""The drawn shapes: repeatable, complete, balanced, and nothing near a sign says which it is."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from itertools import product

import numpy as np
import numpy.typing as npt
import pytest

from mfpnet.cards import licence_of
from mfpnet.data.datasets import fingerprint, load_checked
from mfpnet.data.source import DataSource
from mfpnet.pixels.pictures import Image, Labels
from mfpnet.sources import open_dataset
from mfpnet.synthetic.shape_classes import CLASSES, COUNTS, GROUNDS, NUMBER, SHAPES60, SKIES, TOWERS
from mfpnet.synthetic.shape_patterns import OUTLINES, PATTERNS
from mfpnet.synthetic.shape_scenes import draw_shapes

SIZE = (144, 192)
SIGNS = {
    "key": [f"{name} key" for name in TOWERS],
    "flag": [f"{name} flag" for name in SKIES],
    "token": list(COUNTS),
}


@lru_cache(maxsize=1)
def drawn() -> list[tuple[Image, Labels]]:
    return [draw_shapes(seed, SIZE) for seed in range(200)]


@lru_cache(maxsize=1)
def counts() -> npt.NDArray[np.int64]:
    """Pixels of each class in every picture: (pictures, 60)."""
    return np.array([np.bincount(labels.ravel(), minlength=60) for _, labels in drawn()])


def pictures_with(name: str) -> int:
    return int((counts()[:, NUMBER[name]] > 0).sum())


def pixels_of(name: str) -> npt.NDArray[np.float64]:
    """Their mean colour (3,) in each picture that has them."""
    number = NUMBER[name]
    return np.array(
        [image[labels == number].mean(axis=0) for image, labels in drawn() if number in labels]
    )


def test_a_seed_draws_the_same_picture_and_another_draws_another() -> None:
    image, labels = draw_shapes(7, SIZE)
    assert np.array_equal(image, drawn()[7][0])
    assert np.array_equal(labels, drawn()[7][1])
    assert np.mean(labels != drawn()[8][1]) > 0.1


@pytest.mark.parametrize("size", [(180, 240), (32, 32), (61, 83), (97, 33), (288, 384)])
def test_any_size_gives_arrays_of_that_size(size: tuple[int, int]) -> None:
    image, labels = draw_shapes(3, size)
    assert (image.shape, labels.shape) == ((*size, 3), size)
    assert image.dtype == labels.dtype == np.uint8
    assert labels.max() < 60


def test_a_larger_picture_shows_things_as_much_larger() -> None:
    small, large = (
        np.array([(draw_shapes(seed, size)[1] >= len(GROUNDS)).mean() for seed in range(16)]).mean()
        for size in (SIZE, (288, 384))
    )
    assert large == pytest.approx(small, rel=0.15)


def test_sixty_classes_have_names_and_colours_of_their_own() -> None:
    assert SHAPES60.num_classes == len(set(SHAPES60.classes)) == len(set(SHAPES60.palette)) == 60


def test_every_class_is_in_some_of_two_hundred_pictures() -> None:
    present = (counts() > 0).sum(axis=0)
    assert present.min() >= 8, dict(zip(SHAPES60.classes, present.tolist(), strict=True))
    things = [number for number, each in enumerate(CLASSES) if each.kind == "shape and texture"]
    by_frequency = {
        name: np.mean([present[n] for n in things if CLASSES[n].frequency == name])
        for name in ("common", "usual", "uncommon", "rare")
    }
    ordered = list(by_frequency.values())
    assert ordered == sorted(ordered, reverse=True)
    assert ordered[0] > 3.5 * ordered[-1]


def test_size_frequency_outline_and_texture_go_across_each_other() -> None:
    things = [each for each in CLASSES if each.kind == "shape and texture"]
    together = Counter((each.size, each.frequency) for each in things)
    assert len(together) == 12
    assert min(together.values()) >= 2
    fills = Counter((each.name.split()[0], each.frequency) for each in things)
    assert set(fills.values()) == {2}


@pytest.mark.parametrize("look", SIGNS)
def test_signs_of_one_look_are_as_many_and_of_one_colour(look: str) -> None:
    pixels = np.array([counts()[:, NUMBER[name]].sum() for name in SIGNS[look]])
    assert pixels.max() < 2 * pixels.min()
    means = np.array([pixels_of(name).mean(axis=0) for name in SIGNS[look]])
    assert np.ptp(means, axis=0).max() < 12


def test_the_uppermost_ground_says_which_flags_there_are() -> None:
    found = []
    for image, labels in drawn():
        flags = [name for name in SIGNS["flag"] if NUMBER[name] in labels]
        if flags:
            found.append((flags, _nearest_sky(image[:12][labels[:12] < len(GROUNDS)])))
    assert all(len(flags) == 1 for flags, _ in found)
    assert np.mean([flags[0] == f"{sky} flag" for flags, sky in found]) > 0.95


def _nearest_sky(pixels: npt.NDArray[np.uint8]) -> str:
    """The hue of the mean colour, from the three channels' places on the circle."""
    red, green, blue = pixels.mean(axis=0)
    hue = np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue) / (2 * np.pi) % 1
    return min(SKIES, key=lambda name: abs((hue - SKIES[name] + 0.5) % 1 - 0.5))


def test_flags_stand_far_below_what_decides_them() -> None:
    for _, labels in drawn():
        flags = np.isin(labels, [NUMBER[name] for name in SIGNS["flag"]])
        grounds = labels[0][labels[0] < len(GROUNDS)]
        if flags.any() and grounds.size:
            sky = labels == np.bincount(grounds).argmax()
            assert np.argwhere(flags)[:, 0].min() - np.argwhere(sky)[:, 0].max() > 0.12 * SIZE[0]


def test_a_key_is_of_the_one_tower_that_stands_far_away() -> None:
    met = 0
    for _, labels in drawn():
        towers, keys = (
            [name for name in TOWERS if NUMBER[f"{name} {what}"] in labels]
            for what in ("tower", "key")
        )
        assert set(keys) <= set(towers)
        for name in keys:
            met += 1
            tower = np.argwhere(labels == NUMBER[f"{name} tower"]).mean(axis=0)
            key = np.argwhere(labels == NUMBER[f"{name} key"])
            # No pixel of a key is nearer than the gap between the middles less its own half.
            assert np.hypot(*(key - tower).T).min() > 0.35 * SIZE[1] - 15
    assert met > 70


def test_tokens_are_named_after_their_number() -> None:
    areas: dict[str, list[int]] = {name: [] for name in COUNTS}
    for row, (_, labels) in enumerate(drawn()):
        there = [name for name in COUNTS if NUMBER[name] in labels]
        assert len(there) <= 1
        for name in there:
            areas[name].append(int(counts()[row, NUMBER[name]]))
    medians = [float(np.median(area)) for area in areas.values()]
    assert [round(median / medians[0]) for median in medians] == [1, 2, 3, 4]


def test_no_two_textures_and_no_two_outlines_are_alike() -> None:
    y, x = np.mgrid[0:8:0.125, 0:8:0.125].astype(np.float32)
    v, u = np.mgrid[-1:1:0.02, -1:1:0.02].astype(np.float32)
    for table, places in ((PATTERNS, (y, x)), (OUTLINES, (v, u))):
        drawn_each = {name: pattern(*places) for name, pattern in table.items()}
        for one, other in product(drawn_each, repeat=2):
            if one < other:
                assert np.mean(drawn_each[one] != drawn_each[other]) > 0.04, (one, other)


def test_outlines_keep_within_their_spot() -> None:
    v, u = np.mgrid[-1.4:1.4:0.02, -1.4:1.4:0.02].astype(np.float32)
    outside = np.hypot(v, u) > 1.25
    assert not any((inside(v, u) & outside).any() for inside in OUTLINES.values())


def test_the_data_set_has_splits_that_share_nothing() -> None:
    sets = [
        open_dataset(DataSource("shapes60", split, count=3, size=(48, 64)))
        for split in ("train", "val", "test")
    ]
    assert [(len(each), each.name, each.labels) for each in sets] == [(3, "shapes60", SHAPES60)] * 3
    prints = {fingerprint(load_checked(each, index)[0]) for each in sets for index in range(3)}
    assert len(prints) == 9
    assert sets[0].describe(2) == "shapes60 scene train_00002"


def test_weights_of_it_carry_no_limit() -> None:
    assert (
        licence_of("shapes60")
        == licence_of("synthetic")
        == "no limit: the scenes are drawn by mfpnet"
    )
