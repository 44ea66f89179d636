from __future__ import annotations

import tracemalloc

import numpy as np
import numpy.typing as npt
import pytest

from mfpnet.errors import MfpnetError
from mfpnet.pixels.format import Raster
from mfpnet.pixels.pictures import Image
from mfpnet.pixels.tiles import GRID, Cuts, Run, Tiling, blended_rows, cuts, tiled_labels, tiling_of

Logits = npt.NDArray[np.float32]


def noise(height: int, width: int) -> Image:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def local(pixels: Raster) -> Logits:
    """Each pixel by itself."""
    return pixels.transpose(2, 0, 1).astype(np.float32)


def of_the_tile(pixels: Raster) -> Logits:
    """Every pixel depends on all others of its tile, and on its place in it."""
    rows = np.arange(pixels.shape[0])[:, None] * np.float32(0.1)
    found: Logits = local(pixels) + pixels.mean(dtype=np.float32) + rows
    return found


def blended(run: Run, pixels: Image, tiling: Tiling) -> Logits:
    parts = [(rows, logits.copy()) for rows, logits in blended_rows(run, pixels, tiling)]
    assert [rows.start for rows, _ in parts] == [0, *(rows.stop for rows, _ in parts[:-1])]
    return np.concatenate([logits for _, logits in parts], axis=1)


def weight_of_each(found: Cuts) -> npt.NDArray[np.float64]:
    total = np.zeros(found.length)
    for start, weights in zip(found.starts, found.weights, strict=True):
        total[start : start + found.tile] += weights
    return total


@pytest.mark.parametrize(
    ("length", "tile", "overlap"),
    [(360, 192, 32), (361, 96, 48), (100, 96, 20), (97, 96, 0), (96, 96, 16), (1000, 33, 16)],
)
def test_tiles_reach_every_pixel_and_their_weights_sum_to_one(
    length: int, tile: int, overlap: int
) -> None:
    found = cuts(length, tile, overlap)
    np.testing.assert_allclose(weight_of_each(found), 1, rtol=1e-6)
    assert found.starts[0] == 0
    assert found.starts[-1] + tile == length
    steps = np.diff(found.starts)
    assert (steps > 0).all()
    assert (steps <= tile - overlap).all()


def test_all_tiles_but_the_last_start_on_the_grid_of_the_strides() -> None:
    starts = cuts(1000, 250, 40).starts
    assert all(start % GRID == 0 for start in starts[:-1])
    assert starts == (0, 208, 416, 624, 750)


def test_the_weights_fade_where_a_tile_meets_another_and_not_at_the_picture_s_ends() -> None:
    first, last = cuts(96 + 64, 96, 32).weights
    assert first[0] == last[-1] == 1
    assert first[-1] < 0.01 > last[0]
    np.testing.assert_allclose(first[-32:] + last[:32], 1, rtol=1e-6)
    assert (np.diff(first[-32:]) < 0).all()


def test_borders_are_where_tiles_start_and_end_inside_the_picture() -> None:
    assert cuts(160, 96, 32).borders == (64, 96)
    assert cuts(96, 96, 32).borders == ()


@pytest.mark.parametrize("size", [(150, 200), (64, 200), (150, 64), (40, 130), (65, 65)])
def test_what_is_local_comes_out_as_without_tiles(size: tuple[int, int]) -> None:
    pixels = noise(*size)
    found = blended(local, pixels, Tiling((64, 64), 24))
    np.testing.assert_allclose(found, local(pixels), rtol=1e-5, atol=1e-4)


def test_rows_in_turn_give_what_one_large_sum_gives() -> None:
    pixels, tiling = noise(210, 170), Tiling((64, 80), 30)
    rows, columns = tiling.cut((210, 170))
    total = np.zeros((3, 210, 170))
    for top, down in zip(rows.starts, rows.weights, strict=True):
        for left, across in zip(columns.starts, columns.weights, strict=True):
            here = (slice(top, top + 64), slice(left, left + 80))
            total[(slice(None), *here)] += of_the_tile(pixels[here]) * np.outer(down, across)
    np.testing.assert_allclose(blended(of_the_tile, pixels, tiling), total, rtol=1e-5)


def test_away_from_overlaps_a_pixel_is_what_its_only_tile_says() -> None:
    pixels = noise(128, 160)
    found = blended(of_the_tile, pixels, Tiling((64, 64), 16))
    np.testing.assert_allclose(
        found[:, :30, :30], of_the_tile(pixels[:64, :64])[:, :30, :30], rtol=1e-5
    )


def test_every_tile_has_the_same_size() -> None:
    seen = set()

    def run(pixels: Raster) -> Logits:
        seen.add(pixels.shape)
        return local(pixels)

    blended(run, noise(150, 333), Tiling((64, 96), 16))
    assert seen == {(64, 96, 3)}


def test_a_picture_smaller_than_a_tile_in_one_direction_has_tiles_of_its_own_length() -> None:
    tiling = Tiling((64, 96), 16)
    assert tiling.holds((64, 96))
    assert not tiling.holds((40, 97))
    rows, columns = tiling.cut((40, 97))
    assert (rows.tile, rows.starts) == (40, (0,))
    assert (columns.tile, columns.starts) == (96, (0, 1))


@pytest.mark.parametrize("size", [(32, 300), (300, 32), (31, 300), (48, 300)])
def test_a_strip_as_narrow_as_the_overlap_is_one_row_of_tiles(size: tuple[int, int]) -> None:
    tiling = tiling_of((128, 128))
    assert tiling.overlap == 32
    across = tiling.cut(size)[size.index(300) - 1]
    assert across.starts == (0,)
    assert (across.weights[0] == 1).all()
    pixels = noise(*size)
    np.testing.assert_array_equal(tiled_labels(local, pixels, tiling), pixels.argmax(axis=2))


def test_labels_are_the_likeliest_class_of_the_blend() -> None:
    pixels = noise(100, 130)
    labels = tiled_labels(local, pixels, Tiling((64, 64), 16))
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, pixels.argmax(axis=2))


def peak_of(height: int) -> int:
    """Bytes that tiling takes at most for a picture of so many rows, its labels left out."""
    pixels = np.zeros((height, 256, 3), dtype=np.uint8)
    tracemalloc.start()
    tiled_labels(
        lambda tile: np.zeros((8, *tile.shape[:2]), np.float32), pixels, Tiling((64, 64), 16)
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak - height * 256


def test_memory_does_not_grow_with_the_height() -> None:
    # Sixteen times the rows; all logits of the taller picture would be 33 MB.
    short, tall = peak_of(256), peak_of(4096)
    assert tall < 1.1 * short < 3_000_000


def test_without_an_overlap_it_is_64_pixels_or_a_quarter_of_the_shorter_side() -> None:
    assert tiling_of((512, 512)).overlap == 64
    assert tiling_of((128, 512)).overlap == 32
    assert tiling_of((128, 512), 0).overlap == 0


@pytest.mark.parametrize(
    ("tile", "overlap", "text"),
    [
        ((16, 64), 0, "--tile is 16x64: it must be at least 32x32"),
        ((64, 96), 33, "--overlap is 33: for tiles of 64x96 it must be 0 to 32"),
        ((64, 96), -1, "--overlap is -1"),
    ],
)
def test_unusable_tiles_are_refused(tile: tuple[int, int], overlap: int, text: str) -> None:
    with pytest.raises(MfpnetError, match=text):
        tiling_of(tile, overlap)
