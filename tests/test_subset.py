from __future__ import annotations

import numpy as np
import pytest

from mfpnet.data.source import DataSource
from mfpnet.data.subset import Subset
from mfpnet.errors import MfpnetError
from mfpnet.sources import open_dataset
from mfpnet.synthetic.streets import SyntheticStreets


@pytest.mark.parametrize(
    ("count", "chosen"), [(1, [5]), (2, [2, 7]), (5, [1, 3, 5, 7, 9]), (10, list(range(10)))]
)
def test_frames_are_spread_evenly(count: int, chosen: list[int]) -> None:
    whole = SyntheticStreets("val", 10, (32, 48))
    some = Subset(whole, count)
    assert (some.name, some.split, some.labels) == (whole.name, whole.split, whole.labels)
    assert len(some) == count
    for index, number in enumerate(chosen):
        assert some.frame_name(index) == whole.frame_name(number)
        assert some.sequence(index) == whole.sequence(number)
        assert some.describe(index) == whole.describe(number)
        assert all(map(np.array_equal, some.load(index), whole.load(number)))


def test_a_source_says_how_many() -> None:
    assert len(open_dataset(DataSource("synthetic", count=6, size=(32, 48), frames=2))) == 2


@pytest.mark.parametrize("count", [0, 11])
def test_there_are_not_so_many(count: int) -> None:
    with pytest.raises(MfpnetError, match=f"--frames is {count}: synthetic train has 10 frames"):
        Subset(SyntheticStreets("train", 10, (32, 48)), count)
