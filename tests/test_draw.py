from __future__ import annotations

import numpy as np
import pytest

from mfpnet.pixels.draw import (
    Image,
    LegendEntry,
    blend,
    colour_labels,
    legend,
    legend_entries,
    overlay,
    side_by_side,
)

PALETTE = ((200, 0, 0), (0, 100, 0), (0, 0, 50))
CLASSES = ("road", "tree", "pedestrian")
GREY: Image = np.full((60, 240, 3), 100, dtype=np.uint8)


def labels_of(*values: int) -> Image:
    """A map of the size of GREY with one column block for each value."""
    return np.repeat(np.array(values, dtype=np.uint8), 240 // len(values))[None].repeat(60, axis=0)


def has_colour(image: Image, colour: tuple[int, int, int]) -> bool:
    return bool((image == colour).all(axis=2).any())


def test_labels_get_their_colours() -> None:
    labels = np.array([[0, 1], [2, 11]], dtype=np.uint8)
    drawn = colour_labels(labels, PALETTE, ignore_colour=(9, 8, 7))
    assert drawn.dtype == np.uint8
    assert drawn.tolist() == [[[200, 0, 0], [0, 100, 0]], [[0, 0, 50], [9, 8, 7]]]


def test_sixteen_bit_labels_are_drawn() -> None:
    labels = np.array([[2, 65535]], dtype=np.uint16)
    assert colour_labels(labels, PALETTE).tolist() == [[[0, 0, 50], [0, 0, 0]]]


@pytest.mark.parametrize(
    ("alpha", "colour"), [(0.0, [100, 100, 100]), (0.5, [150, 50, 50]), (1.0, [200, 0, 0])]
)
def test_alpha_is_the_weight_of_the_colour(alpha: float, colour: list[int]) -> None:
    assert blend(GREY, labels_of(0), PALETTE, alpha)[0, 0].tolist() == colour


def test_ignored_pixels_keep_the_picture() -> None:
    mixed = blend(GREY, labels_of(0, 11), PALETTE)
    assert (mixed[:, 120:] == 100).all()
    assert not (mixed[:, :120] == 100).any()


def test_blend_leaves_its_inputs_alone() -> None:
    image, labels = GREY.copy(), labels_of(0, 1, 2)
    blend(image, labels, PALETTE)
    np.testing.assert_array_equal(image, GREY)
    np.testing.assert_array_equal(labels, labels_of(0, 1, 2))


def test_blend_refuses_another_size_and_alpha() -> None:
    with pytest.raises(ValueError, match=r"\(60, 240\).*\(60, 239\)"):
        blend(GREY, labels_of(0)[:, 1:], PALETTE)
    with pytest.raises(ValueError, match="alpha"):
        blend(GREY, labels_of(0), PALETTE, alpha=1.5)


def test_legend_lists_present_classes_with_their_share() -> None:
    entries = legend_entries(labels_of(0, 2, 2, 11), PALETTE, CLASSES)
    assert entries == [
        LegendEntry((200, 0, 0), "road", 0.25),
        LegendEntry((0, 0, 50), "pedestrian", 0.5),
    ]


def test_overlay_is_the_blend_above_a_legend_of_what_is_present() -> None:
    labels = labels_of(0, 2)
    drawn = overlay(GREY, labels, PALETTE, CLASSES)
    assert drawn.dtype == np.uint8
    assert drawn.shape[0] > 60
    assert drawn.shape[1:] == (240, 3)
    np.testing.assert_array_equal(drawn[:60], blend(GREY, labels, PALETTE))
    assert has_colour(drawn[60:], (200, 0, 0))
    assert has_colour(drawn[60:], (0, 0, 50))
    assert not has_colour(drawn[60:], (0, 100, 0))


def test_overlay_of_ignored_pixels_only_has_no_legend() -> None:
    np.testing.assert_array_equal(overlay(GREY, labels_of(11), PALETTE, CLASSES), GREY)


def test_legend_adds_rows_where_it_is_narrow() -> None:
    entries = legend_entries(labels_of(0, 1, 2), PALETTE, CLASSES)
    wide, narrow = legend(entries, 480), legend(entries, 90)
    assert wide.shape[1] == 480
    assert narrow.shape[1] == 90
    assert narrow.shape[0] > wide.shape[0]
    assert all(has_colour(narrow, colour) for colour in PALETTE)


def test_legend_shows_the_name_and_the_share() -> None:
    drawn = [
        legend([LegendEntry((1, 2, 3), name, share)], 200)
        for name, share in [("road", 0.5), ("tree", 0.5), ("road", 0.2), ("road", 0.001)]
    ]
    distinct = {strip.tobytes() for strip in drawn}
    assert len(distinct) == 4


def test_grid_holds_every_picture_unchanged() -> None:
    images: list[Image] = [np.full((30, 40, 3), value, np.uint8) for value in (10, 20, 30)]
    row = side_by_side(images, ["a", "b", "c"])
    stack = side_by_side(images, ["a", "b", "c"], columns=1)
    for grid in (row, stack):
        for value in (10, 20, 30):
            assert (grid == value).all(axis=2).sum() == 30 * 40
    assert row.shape[1] > 3 * 40
    assert stack.shape[0] > 3 * 30
    assert stack.shape[1] < 2 * 40


def test_grid_of_different_sizes_and_a_long_title() -> None:
    images: list[Image] = [np.full((h, w, 3), 10, np.uint8) for h, w in ((30, 40), (50, 20))]
    grid = side_by_side(images, ["a title that no picture of this width can carry", ""])
    assert (grid == 10).all(axis=2).sum() == 30 * 40 + 50 * 20
    short = side_by_side(images, ["", ""])
    assert grid.shape == short.shape
    # The letters stay within the first column.
    assert (grid[:, 50:] == short[:, 50:]).all()
    assert (grid != short).any()


@pytest.mark.parametrize("images", [[], [GREY]])
def test_grid_refuses_another_number_of_titles(images: list[Image]) -> None:
    with pytest.raises(ValueError, match="pictures cannot stand"):
        side_by_side(images, ["a", "b"] if images else [])
