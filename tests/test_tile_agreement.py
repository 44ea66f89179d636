from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mfpnet.data.camvid import CamVid
from mfpnet.errors import MfpnetError
from mfpnet.evaluating.tile_agreement import Edges, Seams, label_edges, tile_agreement
from mfpnet.pixels.pictures import Image, Labels
from mfpnet.pixels.tiles import Tiling
from mfpnet.predict import Predictor
from mfpnet.synthetic.streets import SyntheticStreets

# Of a rate of some hundred edges; tiles that are not blended have it three to six times.
NOISE = 1.1
STREETS = SyntheticStreets("val", 3, (192, 256))


def test_label_edges_are_counted_across_tile_borders_and_elsewhere() -> None:
    labels = np.zeros((64, 96), dtype=np.uint8)
    labels[:, 32:] = 1  # an edge of 64 pairs where the second tile starts
    labels[10:, 80:] = 2  # 54 pairs inside it, 16 along a row
    found = label_edges(labels, Tiling((64, 64), 32))
    assert found == Seams(Edges(64, 2 * 64), Edges(54 + 16, 93 * 64 + 63 * 96))
    assert found.ratio == pytest.approx((64 / 128) / (70 / 12000))


def test_the_share_of_equal_labels_is_that_of_the_two_predictions() -> None:
    predictor = Predictor("mfpnet_fast_synthetic", device="cpu", tile=(96, 128))
    found = tile_agreement(predictor, STREETS)
    whole = Predictor("mfpnet_fast_synthetic", device="cpu", full_size=True)
    shares = [
        np.mean(predictor.predict(image).labels == whole.predict(image).labels)
        for image, _ in map(STREETS.load, range(3))
    ]
    assert found is not None
    assert found.frames == 3
    assert found.agreement == pytest.approx(np.mean(shares))
    assert found.lowest == pytest.approx(min(shares))
    assert found.as_dict()["tile"] == [96, 128]


def test_frames_that_are_one_tile_say_nothing_about_tiles() -> None:
    predictor = Predictor("mfpnet_fast_synthetic", device="cpu", tile=(192, 256))
    assert tile_agreement(predictor, STREETS) is None
    with pytest.raises(MfpnetError, match="give it a tile"):
        tile_agreement(predictor.untiled(), STREETS)


def without_blending(predictor: Predictor, tiling: Tiling, image: Image) -> Labels:
    """Each tile's labels beside the next one's: what seams look like."""
    labels = np.zeros(image.shape[:2], dtype=np.uint8)
    rows, columns = tiling.cut((image.shape[0], image.shape[1]))
    for top in rows.starts:
        for left in columns.starts:
            here = (slice(top, top + rows.tile), slice(left, left + columns.tile))
            labels[here] = predictor.predict(image[here]).labels
    return labels


def test_label_edges_are_no_more_frequent_on_tile_borders_than_elsewhere() -> None:
    tiling = Tiling((96, 128), 24)
    predictor = Predictor("mfpnet_fast_synthetic", device="cpu", tile=tiling.tile, overlap=24)
    streets = SyntheticStreets("val", 5, (288, 384))
    found = tile_agreement(predictor, streets)
    assert found
    assert found.seams.ratio is not None
    assert found.whole.ratio is not None
    assert found.seams.ratio <= NOISE * found.whole.ratio
    # The measure sees the seams that are there.
    hard = without_blending(predictor, tiling, streets.load(0)[0])
    ratio = label_edges(hard, tiling).ratio
    assert ratio is not None
    assert ratio > 3 * found.whole.ratio


def test_on_camvid_tiles_give_nearly_the_labels_of_whole_frames(camvid_root: Path) -> None:
    predictor = Predictor("mfpnet_fast_camvid", device="cpu", tile=(240, 320))
    # All of them: of seven frames the borders have three hundred edges, too few for a tenth.
    found = tile_agreement(predictor, CamVid(camvid_root, "val"))
    assert found is not None
    assert found.frames == 101
    assert found.agreement >= 0.97
    assert found
    assert found.seams.ratio is not None
    assert found.whole.ratio is not None
    assert found.seams.ratio <= NOISE * found.whole.ratio
