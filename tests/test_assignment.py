"""Nodes as numbers, against what can be told by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mfpnet.studies.assignment import (
    chosen_nodes,
    effective_number,
    grid_cells,
    information,
    row_distance,
)


def test_effective_number() -> None:
    even = np.full((4, 3, 3), 0.25)
    assert effective_number(even) == pytest.approx((4, 4))
    halves = np.zeros((4, 2, 2))
    halves[0, 0], halves[3, 1] = 1, 1
    assert effective_number(halves) == pytest.approx((2, 1))
    # One pixel between four nodes, one with a single node: (4 + 1) / 2.
    mixed = np.full((4, 1, 2), 0.25)
    mixed[:, 0, 1] = (1, 0, 0, 0)
    assert effective_number(mixed)[1] == pytest.approx(2.5)


def test_nodes_are_enlarged_without_mixing() -> None:
    assignment = np.zeros((3, 1, 2))
    assignment[2, 0, 0], assignment[1, 0, 1] = 1, 1
    assert chosen_nodes(assignment, (2, 6)).tolist() == [[2, 2, 2, 1, 1, 1]] * 2
    assert chosen_nodes(assignment, (1, 5)).tolist() == [[2, 2, 1, 1, 1]]


def test_information() -> None:
    classes = np.array([[0, 0, 1, 1], [0, 0, 1, 1]])
    rows = np.array([[0] * 4, [1] * 4])
    assert information(classes, classes, 2) == {"bits": 1, "classes_bits": 1, "share": 1}
    assert information(3 - classes, classes, 2)["bits"] == pytest.approx(1)
    assert information(rows, classes, 2)["bits"] == pytest.approx(0, abs=1e-12)
    # Of four classes two halves tell one bit of two.
    assert information(classes, 2 * classes + rows, 4)["share"] == pytest.approx(0.5)


def test_what_is_not_counted_tells_nothing() -> None:
    classes = np.array([[0, 0, 1, 1, 2, 2]])
    groups = np.array([[0, 0, 1, 1, 0, 1]])
    assert information(groups, classes, 2) == {"bits": 1, "classes_bits": 1, "share": 1}
    assert information(groups, np.zeros((1, 6), dtype=np.int64), 2)["share"] == 0


def test_a_grid_has_exactly_so_many_cells_of_one_size() -> None:
    assert grid_cells(4, (2, 4)).tolist() == [[0, 0, 1, 1], [2, 2, 3, 3]]
    # Two in two fifths of the height, three in the rest.
    assert grid_cells(5, (5, 6)).tolist() == [[0, 0, 0, 1, 1, 1]] * 2 + [[2, 2, 3, 3, 4, 4]] * 3
    for number in (*range(1, 17), 64):
        cells, pixels = np.unique(grid_cells(number, (360, 480)), return_counts=True)
        assert cells.tolist() == list(range(number))
        assert pixels.max() < 1.05 * pixels.min()


def test_distance_of_rows() -> None:
    assert row_distance(np.eye(4), np.full((4, 4), 0.25)) == pytest.approx(0.75)
    assert row_distance(np.eye(2), np.eye(2)[::-1]) == 1
