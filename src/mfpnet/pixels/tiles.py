"""Large pictures in tiles of one size, blended where they overlap, a row of tiles at a time.

Nothing but the picture and its labels is as large as the picture: the sums of the blend reach over
one row of tiles. Numpy only, so that an exported file is used in the same way as a network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mfpnet.errors import MfpnetError
from mfpnet.pixels.enlarge import Labels, Logits, likeliest
from mfpnet.pixels.format import Raster

Run = Callable[[Raster], Logits]

MIN_TILE = 32
# Half of it gives 0.1 points less agreement with the whole picture, half as much again 0.03 more.
OVERLAP = 64
# A tile that starts at a multiple of the network's largest stride samples the pixels that the
# network samples in the whole picture.
GRID = 16


@dataclass(frozen=True)
class Tiling:
    """How large pictures are cut.

    Attributes:
        tile: (H, W) of every tile, each at least 32. A picture that is smaller in one direction
            has tiles of its own length there.
        overlap: pixels that neighbours share at least, up to half of the tile's shorter side.

    Raises:
        MfpnetError: a tile or an overlap outside these bounds.
    """

    tile: tuple[int, int]
    overlap: int

    def __post_init__(self) -> None:
        name, most = "x".join(map(str, self.tile)), min(self.tile) // 2
        if min(self.tile) < MIN_TILE:
            raise MfpnetError(f"--tile is {name}: it must be at least {MIN_TILE}x{MIN_TILE}.")
        if not 0 <= self.overlap <= most:
            raise MfpnetError(
                f"--overlap is {self.overlap}: for tiles of {name} it must be 0 to {most}, half of "
                f"their shorter side."
            )

    def holds(self, size: tuple[int, int]) -> bool:
        """Whether a picture of this (H, W) is a single tile."""
        return size[0] <= self.tile[0] and size[1] <= self.tile[1]

    def cut(self, size: tuple[int, int]) -> tuple[Cuts, Cuts]:
        """The rows and the columns of tiles in a picture of this (H, W)."""
        rows, columns = (
            cuts(length, min(side, length), self.overlap)
            for length, side in zip(size, self.tile, strict=True)
        )
        return rows, columns


@dataclass(frozen=True)
class Cuts:
    """Where the tiles lie along one axis.

    Attributes:
        length: of the picture.
        tile: length of each of them.
        starts: their first pixels, rising.
        weights: (tile,) float32 for each; all weights that one pixel has sum to 1.
    """

    length: int
    tile: int
    starts: tuple[int, ...]
    weights: tuple[Logits, ...]

    @property
    def borders(self) -> tuple[int, ...]:
        """Pixels inside the picture before which a tile starts or ends, rising."""
        ends = {start + self.tile for start in self.starts}
        return tuple(sorted((ends | set(self.starts)) - {0, self.length}))


def tiling_of(tile: tuple[int, int], overlap: int | None = None) -> Tiling:
    """Tiles of this (H, W); without an overlap 64 pixels, or a quarter of a tile's shorter side.

    Raises:
        MfpnetError: see `Tiling`.
    """
    return Tiling(tile, min(OVERLAP, min(tile) // 4) if overlap is None else overlap)


def tiled_labels(run: Run, pixels: Raster, tiling: Tiling) -> Labels:
    """The likeliest class at each pixel of a large picture: (H, W, channels) -> (H, W).

    Args:
        run: (h, w, channels) tile -> (C, h, w) float32 logits.
        pixels: the picture.
        tiling: how it is cut.
    """
    labels: Labels | None = None
    for rows, logits in blended_rows(run, pixels, tiling):
        part = likeliest(logits)
        if labels is None:
            labels = np.empty(pixels.shape[:2], dtype=part.dtype)
        labels[rows] = part
    assert labels is not None
    return labels


def blended_rows(run: Run, pixels: Raster, tiling: Tiling) -> Iterator[tuple[slice, Logits]]:
    """The logits of a large picture from top to bottom, as many rows at a time as are complete.

    Yields:
        The rows, and their (C, rows, W) logits: the mean of the tiles that see a pixel, weighted
        by a window that fades to nothing where a tile ends inside the picture. They are gone when
        the next ones are asked for.
    """
    rows, columns = tiling.cut((pixels.shape[0], pixels.shape[1]))
    total: Logits | None = None
    kept = 0
    ends = (*rows.starts[1:], rows.length)
    for top, end, fade in zip(rows.starts, ends, rows.weights, strict=True):
        for left, weights in zip(columns.starts, columns.weights, strict=True):
            seen = run(pixels[top : top + rows.tile, left : left + columns.tile])
            if total is None:
                total = np.zeros((seen.shape[0], rows.tile, columns.length), dtype=np.float32)
            total[:, :, left : left + columns.tile] += seen * (fade[:, None] * weights)
        assert total is not None
        done = end - top
        yield slice(top, end), total[:, :done]
        kept = rows.tile - done
        # In order of rows, so that none is overwritten before it was moved.
        for row in range(kept):
            total[:, row] = total[:, done + row]
        total[:, kept:] = 0


def cuts(length: int, tile: int, overlap: int) -> Cuts:
    """The fewest tiles that overlap enough, on the grid, the last one moved in from the end."""
    step = tile - overlap
    # A picture no longer than the overlap is a single tile, whatever the step.
    step = max(step // GRID * GRID or step, 1)
    starts = (*range(0, length - tile, step), length - tile)
    windows = [_window(tile, overlap, start > 0, start + tile < length) for start in starts]
    total = np.zeros(length)
    for start, window in zip(starts, windows, strict=True):
        total[start : start + tile] += window
    weights = tuple(
        (window / total[start : start + tile]).astype(np.float32)
        for start, window in zip(starts, windows, strict=True)
    )
    return Cuts(length, tile, starts, weights)


def _window(tile: int, overlap: int, before: bool, after: bool) -> npt.NDArray[np.float64]:
    """A raised cosine over the overlap where there is a neighbour, 1 elsewhere."""
    window = np.ones(tile)
    rising = np.sin((np.arange(overlap) + 0.5) / max(overlap, 1) * np.pi / 2) ** 2
    if before:
        window[:overlap] *= rising
    if after:
        window[tile - overlap :] *= rising[::-1]
    return window
