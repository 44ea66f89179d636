"""Polygons as pixels, against pycocotools."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as oracle

from mfpnet.importers.polygons import (
    NOTHING,
    Mask,
    Stamp,
    fill_polygon,
    polygon_fault,
    reaches_out,
    unite,
)

Polygon = Sequence[tuple[float, float]]


def drawn(points: Polygon, size: tuple[int, int]) -> Mask:
    """The whole canvas with one polygon on it."""
    canvas = np.zeros(size, dtype=np.bool_)
    stamp = fill_polygon(np.array(points, dtype=np.float64), size)
    stamp.on(canvas)[...] = stamp.mask
    return canvas


def expected(points: Polygon, size: tuple[int, int]) -> Mask:
    """The same by pycocotools."""
    flat = [float(value) for point in points for value in point]
    with warnings.catch_warnings():  # of its way with numpy 2
        warnings.simplefilter("ignore", DeprecationWarning)
        decoded: Mask = oracle.decode(oracle.frPyObjects([flat], *size))[..., 0] == 1
    return decoded


def polygons(low: float, high: float) -> st.SearchStrategy[list[tuple[float, float]]]:
    """Fractions and whole numbers; twelve random points cross themselves nearly always."""
    value = st.floats(low, high, width=32) | st.integers(int(low), int(high)).map(float)
    return st.lists(st.tuples(value, value), min_size=3, max_size=12)


@settings(max_examples=150, deadline=None)
@given(polygons(0, 40), st.integers(1, 40), st.integers(1, 40))
def test_any_polygon_is_drawn_as_pycocotools_draws_it(
    points: Polygon, height: int, width: int
) -> None:
    np.testing.assert_array_equal(drawn(points, (height, width)), expected(points, (height, width)))


@settings(max_examples=100, deadline=None)
@given(polygons(-60, 90))
def test_so_is_one_that_reaches_out_of_its_picture(points: Polygon) -> None:
    np.testing.assert_array_equal(drawn(points, (23, 31)), expected(points, (23, 31)))


@pytest.mark.parametrize(
    "points",
    [
        [(2, 2), (2, 2), (9, 2), (9, 9), (9, 9), (2, 9)],
        [(1.5, 1.5), (8.5, 8.5), (8.5, 1.5), (1.5, 8.5)],
        [(3, 3), (7, 3), (5, 3)],
        [(0, 0), (12, 0), (12, 10), (0, 10)],
        [(-0.3, -0.7), (12.4, -0.2), (12.6, 10.9), (-0.5, 10.1)],
        [(50, 50), (60, 50), (60, 60)],
    ],
    ids=["same point twice", "bow tie", "no area", "all of it", "a little more", "elsewhere"],
)
def test_odd_polygons_are_drawn_alike(points: Polygon) -> None:
    np.testing.assert_array_equal(drawn(points, (10, 12)), expected(points, (10, 12)))


def test_a_square_covers_the_pixels_it_encloses() -> None:
    stamp = fill_polygon(np.array([[2.0, 1.0], [5.0, 1.0], [5.0, 3.0], [2.0, 3.0]]), (10, 10))
    assert (stamp.top, stamp.left, stamp.mask.shape, stamp.area) == (1, 2, (2, 3), 6)


def test_parts_are_united_and_overlaps_stay_covered() -> None:
    def square(left: float, top: float) -> Stamp:
        corners = [(0, 0), (4, 0), (4, 4), (0, 4)]
        return fill_polygon(np.array(corners) + np.array([left, top]), (20, 20))

    whole = unite([square(1, 1), NOTHING, square(3, 2), square(10, 12)])
    assert whole.area == 16 + 16 - 2 * 3 + 16
    assert (whole.top, whole.left, whole.mask.shape) == (1, 1, (15, 13))
    assert unite([]).area == unite([NOTHING, NOTHING]).area == 0


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([1, 1, 5, 1, 5, 5], None),
        ([1.5, 1, 5, 1, 5, 5, 2, 9], None),
        ([1, 1, 5, 1], "fewer than three points"),
        ([1, 1, 5, 1, 5], "odd number"),
        ([1, 1, 5, math.nan, 5, 5], "NaN"),
        ([1, 1, 5, math.inf, 5, 5], "infinity"),
        ([1, 1, 5, 1e9, 5, 5], "beyond 100000"),
        ([1, 1, 5, "4", 5, 5], "no number"),
        ([1, 1, 5, None, 5, 5], "no number"),
        ({"x": 1}, "no list"),
    ],
)
def test_what_is_no_polygon_says_why(values: object, text: str | None) -> None:
    fault = polygon_fault(values)
    assert fault is None if text is None else text in str(fault)


def test_a_pixel_outside_is_no_news() -> None:
    square = np.array([[0.0, 0.0], [20.5, 0.0], [20.5, 10.9], [-0.5, 10.9]])
    assert not reaches_out(square, (10, 20))
    assert reaches_out(square + np.array([0, 2]), (10, 20))
    assert reaches_out(square - np.array([2, 0]), (10, 20))


def test_thousands_of_polygons_take_seconds() -> None:
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    start = time.perf_counter()
    for index in range(1000):
        fill_polygon(ring * 40 + index % 400, (480, 640))
    assert time.perf_counter() - start < 10
