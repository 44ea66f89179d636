from __future__ import annotations

import numpy as np
import pytest
import torch

from mfpnet.instances.grouping import MOST_OBJECTS, Floats, Labels, find_objects, find_peaks
from mfpnet.layers import resize

CAR, PERSON = 2, 3
SIZE = (24, 48)


def perfect(*boxes: tuple[int, int, int, int, int]) -> tuple[Labels, Floats, Floats]:
    """Labels and maps of boxes of (class, top, left, bottom, right) on a road."""
    labels = np.zeros(SIZE, dtype=np.uint8)
    centres = np.zeros(SIZE, dtype=np.float32)
    offsets = np.full((2, *SIZE), 3.0, dtype=np.float32)
    grid = np.indices(SIZE)
    for label, top, left, bottom, right in boxes:
        middle = (top + bottom) // 2, (left + right) // 2
        labels[top:bottom, left:right] = label
        away = [(axis - at) for axis, at in zip(grid, middle, strict=True)]
        centres = np.maximum(centres, np.exp(-(away[0] ** 2 + away[1] ** 2) / 8.0))
        offsets[:, top:bottom, left:right] = -np.array(away)[:, top:bottom, left:right]
    return labels, centres.astype(np.float32), offsets


def test_two_cars_that_touch_are_told_apart() -> None:
    maps = perfect((CAR, 4, 4, 16, 20), (CAR, 4, 20, 16, 36))
    found = find_objects(*maps, things=(CAR, PERSON))
    assert found.classes == (CAR, CAR)
    left, right = found.instances[4:16, 4:20], found.instances[4:16, 20:36]
    assert {*np.unique(left)} | {*np.unique(right)} == {1, 2}
    assert len(np.unique(left)) == len(np.unique(right)) == 1
    assert np.array_equal(found.instances > 0, maps[0] == CAR)


def test_without_a_centre_there_is_no_object() -> None:
    labels, centres, offsets = perfect((CAR, 4, 4, 16, 20))
    found = find_objects(labels, centres * 0.09, offsets, things=(CAR,))
    assert found.classes == ()
    assert not found.instances.any()


def test_what_is_no_thing_is_in_no_object() -> None:
    labels, centres, offsets = perfect((1, 4, 4, 16, 20), (PERSON, 2, 30, 20, 36))
    found = find_objects(labels, centres, offsets, things=(CAR, PERSON))
    assert found.classes == (PERSON,)
    assert np.array_equal(found.instances > 0, labels == PERSON)


def test_an_object_is_of_the_class_of_most_of_its_pixels() -> None:
    labels, centres, offsets = perfect((CAR, 4, 4, 16, 20))
    labels[4:16, 4:8] = PERSON
    found = find_objects(labels, centres, offsets, things=(CAR, PERSON))
    assert found.classes == (CAR,)
    assert (found.instances[4:16, 4:20] == 1).all()


def test_a_speck_is_no_object_and_goes_to_the_others() -> None:
    labels, centres, offsets = perfect((CAR, 4, 4, 16, 20), (CAR, 4, 20, 6, 22))
    found = find_objects(labels, centres, offsets, things=(CAR,), least=5)
    assert found.classes == (CAR,)
    assert (found.instances[labels == CAR] == 1).all()
    assert len(find_objects(labels, centres, offsets, things=(CAR,), least=4).classes) == 2
    assert find_objects(labels, centres, offsets, things=(CAR,), least=999).classes == ()


def test_a_larger_picture_has_the_same_objects() -> None:
    labels, centres, offsets = perfect((CAR, 4, 4, 16, 20), (PERSON, 4, 20, 16, 36))
    small = find_objects(labels, centres, offsets, things=(CAR, PERSON))
    larger = labels.repeat(3, axis=0).repeat(3, axis=1)
    found = find_objects(larger, centres, offsets, things=(CAR, PERSON))
    assert found.classes == small.classes
    assert np.array_equal(found.instances, small.instances.repeat(3, axis=0).repeat(3, axis=1))


@pytest.mark.parametrize(("place", "count"), [((0, 0), 1), ((23, 47), 1), ((5, 8), 0)])
def test_peaks_lie_above_the_threshold_and_their_neighbours(
    place: tuple[int, int], count: int
) -> None:
    centres = np.full(SIZE, 0.05, dtype=np.float32)
    centres[5, 5] = 0.9
    centres[place] = 0.5
    found = find_peaks(centres)
    assert found.tolist() == [[5, 5], list(place)][: 1 + count]


@pytest.mark.parametrize("stride", [2, 4])
@pytest.mark.parametrize("place", [(10, 0), (0, 7), (23, 31), (0, 0), (10, 7)])
def test_one_peak_of_an_enlarged_map_stays_one_at_the_rim_too(
    stride: int, place: tuple[int, int]
) -> None:
    coarse = torch.zeros(1, 1, 24, 32)
    coarse[0, 0, place[0], place[1]] = 0.9
    centres = resize(coarse, (24 * stride, 32 * stride))[0, 0].numpy()
    (found,) = find_peaks(centres).tolist()
    assert [row // stride for row in found] == list(place)
    assert centres[found[0], found[1]] == centres.max()


def test_equal_peaks_apart_are_each_one_and_a_flat_map_has_no_more_than_are_kept() -> None:
    centres = np.zeros(SIZE, dtype=np.float32)
    centres[5, 5:20:4] = 0.9
    assert find_peaks(centres).tolist() == [[5, 5], [5, 9], [5, 13], [5, 17]]
    flat = np.full((200, 300), 0.5, dtype=np.float32)
    assert len(find_peaks(flat)) == MOST_OBJECTS
