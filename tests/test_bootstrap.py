from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfpnet.bootstrap import block_bootstrap, block_bootstrap_per_class, consecutive_blocks
from mfpnet.errors import MfpnetError
from mfpnet.metrics import Counts, intersection_and_union, scores


def blocks_of(number: int, seed: int = 0, classes: int = 5) -> Counts:
    """Counts of blocks whose share of right pixels varies from block to block."""
    generator = np.random.default_rng(seed)
    counts = generator.integers(0, 30, (number, classes, classes))
    diagonal = np.arange(classes)
    counts[:, diagonal, diagonal] += generator.integers(0, 400, (number, 1))
    return counts


def areas(counts: Counts) -> Counts:
    """What the bootstrap is given of (blocks, C, C) counts: (blocks, 2, C)."""
    return np.stack(intersection_and_union(counts), axis=1)


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), number=st.integers(2, 12))
def test_the_interval_holds_the_estimate(seed: int, number: int) -> None:
    counts = blocks_of(number, seed)
    interval = block_bootstrap(areas(counts), resamples=100, seed=seed)
    assert interval is not None
    assert 0 <= interval[0] <= scores(counts.sum(axis=0)).miou <= interval[1] <= 1


def test_the_interval_matches_a_bootstrap_done_by_hand() -> None:
    counts = blocks_of(9)
    generator = np.random.default_rng(5)
    draws = generator.integers(0, 9, (4000, 9))
    by_hand = np.quantile([scores(counts[draw].sum(axis=0)).miou for draw in draws], (0.05, 0.95))
    interval = block_bootstrap(areas(counts), resamples=4000, level=0.9)
    assert interval == pytest.approx(tuple(by_hand), abs=0.01)


def test_more_blocks_shrink_the_interval_and_a_higher_level_widens_it() -> None:
    def width(number: int, level: float = 0.95) -> float:
        interval = block_bootstrap(areas(blocks_of(number)), level=level)
        assert interval is not None
        return interval[1] - interval[0]

    assert width(64) < 0.7 * width(16)
    assert width(16) < 0.7 * width(4)
    assert width(16, 0.5) < width(16) < width(16, 0.999)


def test_the_interval_is_a_function_of_the_seed() -> None:
    counts = blocks_of(8)
    assert block_bootstrap(areas(counts), seed=1) == block_bootstrap(areas(counts), seed=1)
    assert block_bootstrap(areas(counts), seed=1) != block_bootstrap(areas(counts), seed=2)


def test_fewer_than_two_blocks_with_pixels_give_no_interval() -> None:
    counts = blocks_of(2)
    assert block_bootstrap(areas(counts[:0])) is None
    assert block_bootstrap(areas(counts[:1])) is None
    empty = np.zeros_like(counts[:1])
    assert block_bootstrap(areas(np.concatenate([counts[:1], empty]))) is None
    assert block_bootstrap(areas(np.concatenate([counts, empty]))) == block_bootstrap(areas(counts))


def test_a_class_held_by_one_block_makes_no_nan() -> None:
    counts = np.zeros((6, 2, 2), np.int64)
    counts[:, 0, 0] = 10
    counts[0, 1, 0] = 5
    low, high = block_bootstrap(areas(counts)) or (np.nan, np.nan)
    assert 0 < low < high == 1.0


@pytest.mark.parametrize(("resamples", "level"), [(0, 0.95), (10, 0.0), (10, 1.0)])
def test_bootstrap_arguments_are_checked(resamples: int, level: float) -> None:
    with pytest.raises(MfpnetError, match="resamples"):
        block_bootstrap(areas(blocks_of(2)), resamples=resamples, level=level)
    with pytest.raises(MfpnetError, match=r"\(blocks, 2, C\), found \(5, 5\)"):
        block_bootstrap(blocks_of(2)[0])


def test_blocks_are_consecutive_frames_of_one_sequence() -> None:
    assert consecutive_blocks(["a"] * 5 + ["b"] * 3, 2) == [0, 0, 1, 1, 2, 3, 3, 4]
    assert consecutive_blocks(["a", "b", "a", "b", "a"], 2) == [0, 1, 0, 1, 2]
    assert consecutive_blocks([], 3) == []
    with pytest.raises(MfpnetError, match="at least one frame"):
        consecutive_blocks(["a"], 0)


@given(runs=st.lists(st.integers(1, 20), max_size=5), length=st.integers(1, 8))
def test_blocks_never_cross_a_sequence(runs: list[int], length: int) -> None:
    sequences = [str(index) for index, run in enumerate(runs) for _ in range(run)]
    blocks = consecutive_blocks(sequences, length)
    assert sorted(set(blocks)) == list(range(sum(-(-run // length) for run in runs)))
    assert len(set(zip(blocks, sequences, strict=True))) == len(set(blocks))
    assert all(blocks.count(block) <= length for block in set(blocks))


def test_class_intervals_match_a_bootstrap_done_by_hand() -> None:
    counts = blocks_of(9)
    generator = np.random.default_rng(5)
    draws = generator.integers(0, 9, (4000, 9))
    per_class = [scores(counts[draw].sum(axis=0)).iou_per_class for draw in draws]
    by_hand = np.quantile(np.array(per_class, dtype=float), (0.05, 0.95), axis=0)
    intervals = block_bootstrap_per_class(areas(counts), resamples=4000, level=0.9)
    found = np.array(intervals).T
    assert found == pytest.approx(by_hand, abs=0.01)


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), number=st.integers(2, 12))
def test_class_intervals_hold_their_estimates(seed: int, number: int) -> None:
    counts = blocks_of(number, seed)
    intervals = block_bootstrap_per_class(areas(counts), resamples=100, seed=seed)
    for interval, iou in zip(intervals, scores(counts.sum(axis=0)).iou_per_class, strict=True):
        assert interval is not None
        assert iou is not None
        assert 0 <= interval[0] <= iou <= interval[1] <= 1


def test_absent_and_lonely_classes_have_no_interval() -> None:
    counts = np.zeros((4, 3, 3), np.int64)
    counts[:, 0, 0] = (10, 20, 30, 40)
    counts[:, 0, 1] = (5, 0, 5, 9)  # class 1 is predicted and never right
    counts[2, 0, 0] = 0
    first, second, absent = block_bootstrap_per_class(areas(counts))
    assert first is not None
    assert 0 <= first[0] < first[1] < 1
    assert second == (0.0, 0.0)
    assert absent is None
    counts[0, 2, 2] = 7  # one block has it: nothing is known of how it differs between blocks
    assert block_bootstrap_per_class(areas(counts))[2] is None


def test_class_intervals_come_from_the_resamples_that_have_the_class() -> None:
    counts = np.zeros((6, 2, 2), np.int64)
    counts[:, 0, 0] = 10
    counts[0, 1] = (5, 5)
    counts[1, 1] = (0, 10)
    low, high = block_bootstrap_per_class(areas(counts))[1] or (np.nan, np.nan)
    assert (low, high) == (0.5, 1.0)
    assert block_bootstrap_per_class(areas(counts[:1])) == (None, None)
    assert block_bootstrap_per_class(areas(counts), resamples=1)[0] is not None
