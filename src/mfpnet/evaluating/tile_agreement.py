"""What tiles cost in accuracy: labels in tiles against labels of the whole frame, and the seams."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mfpnet.data.datasets import Dataset, load_checked
from mfpnet.errors import MfpnetError
from mfpnet.pixels.format import Raster
from mfpnet.pixels.pictures import Labels
from mfpnet.pixels.tiles import Cuts, Tiling
from mfpnet.predict import Predictor

# A whole frame beyond this is not predicted only to be compared with.
WHOLE_PIXELS = 4_200_000


@dataclass(frozen=True)
class Edges:
    """Pairs of neighbouring pixels, and how many of them have two different labels."""

    edges: int = 0
    pairs: int = 0

    @property
    def rate(self) -> float | None:
        """Share of the pairs, 0 to 1; None without any."""
        return self.edges / self.pairs if self.pairs else None

    def __add__(self, other: Edges) -> Edges:
        return Edges(self.edges + other.edges, self.pairs + other.pairs)


@dataclass(frozen=True)
class Seams:
    """Label edges where tiles start or end, and in all other places."""

    at_borders: Edges = Edges()
    elsewhere: Edges = Edges()

    @property
    def ratio(self) -> float | None:
        """How many times as frequent they are at the borders; None without any elsewhere."""
        here, there = self.at_borders.rate, self.elsewhere.rate
        return here / there if here is not None and there else None

    def __add__(self, other: Seams) -> Seams:
        return Seams(self.at_borders + other.at_borders, self.elsewhere + other.elsewhere)


@dataclass(frozen=True)
class TileAgreement:
    """Labels in tiles against labels of whole frames.

    A network enlarges its answer, which puts label edges in some places of its grid rather than in
    others, and a street has more of them in the middle: what whole frames have along the same lines
    is what tiles are held against.

    Attributes:
        tiling: how the frames were cut.
        frames: how many were compared: larger than a tile, not too large to be seen whole.
        agreement: share of pixels with the same label, 0 to 1.
        lowest: the share in the frame where it is lowest.
        seams: label edges in tiles.
        whole: label edges in whole frames, along the same lines.
    """

    tiling: Tiling
    frames: int
    agreement: float
    lowest: float
    seams: Seams
    whole: Seams

    def as_dict(self) -> dict[str, object]:
        """Plain types only, ready for JSON."""
        return {
            "tile": list(self.tiling.tile),
            "overlap": self.tiling.overlap,
            "frames": self.frames,
            "agreement": self.agreement,
            "lowest_agreement": self.lowest,
            "label_edges_at_tile_borders": self.seams.at_borders.rate,
            "label_edges_elsewhere": self.seams.elsewhere.rate,
            "edges_at_borders_over_elsewhere": self.seams.ratio,
            "edges_at_borders_over_elsewhere_in_whole_frames": self.whole.ratio,
        }


def tile_agreement(
    predictor: Predictor, dataset: Dataset, *, on_frame: Callable[[], None] | None = None
) -> TileAgreement | None:
    """Predict every frame in tiles and as a whole.

    Args:
        predictor: one with tiles.
        dataset: the frames.
        on_frame: called after each.

    Returns:
        None where no frame is larger than a tile and can be predicted as a whole too.

    Raises:
        MfpnetError: the predictor has no tiles.
    """
    if predictor.tiling is None:
        raise MfpnetError("the predictor looks at whole frames: give it a tile to compare with.")
    whole, shares = predictor.untiled(), []
    seams, straight = Seams(), Seams()
    for index in range(len(dataset)):
        image = load_checked(dataset, index)[0]
        if _comparable(predictor.tiling, whole, image):
            labels = predictor.predict(image).labels
            expected = whole.predict(image).labels
            shares.append(float(np.mean(labels == expected)))
            seams += label_edges(labels, predictor.tiling)
            straight += label_edges(expected, predictor.tiling)
        if on_frame:
            on_frame()
    if not shares:
        return None
    mean = float(np.mean(shares))
    return TileAgreement(predictor.tiling, len(shares), mean, min(shares), seams, straight)


def label_edges(labels: Labels, tiling: Tiling) -> Seams:
    """Label edges across the lines where tiles start or end, and across all other lines."""
    rows, columns = tiling.cut((labels.shape[0], labels.shape[1]))
    return _across(labels, rows) + _across(labels.T, columns)


def _across(labels: Labels, cuts: Cuts) -> Seams:
    differ = (labels[1:] != labels[:-1]).sum(axis=1)
    border = np.zeros(len(differ), dtype=bool)
    border[[line - 1 for line in cuts.borders]] = True
    here, there = (
        Edges(int(differ[lines].sum()), int(lines.sum()) * labels.shape[1])
        for lines in (border, ~border)
    )
    return Seams(here, there)


def _comparable(tiling: Tiling, whole: Predictor, image: Raster) -> bool:
    size = (image.shape[0], image.shape[1])
    same = whole.network_size(size) == size
    return same and not tiling.holds(size) and size[0] * size[1] <= WHOLE_PIXELS
