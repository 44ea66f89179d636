from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.classification import MulticlassConfusionMatrix, MulticlassJaccardIndex

from mfpnet.errors import MfpnetError
from mfpnet.metrics import (
    ConfusionMatrix,
    Counts,
    LabelMap,
    Scores,
    boundary_counts,
    iou_per_class,
    scores,
)

CLASSES, VOID = 11, 11
SEEDS = st.integers(0, 2**32 - 1)


def random_maps(
    seed: int, size: tuple[int, ...] = (4, 20, 30), classes: int = CLASSES, right: float = 0.6
) -> tuple[LabelMap, LabelMap]:
    """A prediction that is partly right and a target with void, whose label is ``classes``."""
    generator = np.random.default_rng(seed)
    target = generator.integers(0, classes + 1, size).astype(np.uint8)
    guess = generator.integers(0, classes, size).astype(np.uint8)
    keep = (generator.random(size) < right) & (target != classes)
    return np.where(keep, target, guess), target


def blobs(seed: int, size: tuple[int, int] = (36, 44), classes: int = 5) -> tuple[LabelMap, ...]:
    """Maps with regions wide enough to have an inside: a prediction shifted against its target."""
    generator = np.random.default_rng(seed)
    cell = 9
    grid = (size[0] // cell + 1, size[1] // cell + 1)
    coarse = generator.integers(0, classes + 1, grid).astype(np.uint8)
    target = np.kron(coarse, np.ones((cell, cell), np.uint8))[: size[0], : size[1]]
    prediction = np.roll(target, tuple(generator.integers(-3, 4, 2)), axis=(0, 1))
    return np.where(prediction == classes, 0, prediction).astype(np.uint8), target


def count(prediction: LabelMap, target: LabelMap, classes: int = CLASSES) -> Counts:
    matrix = ConfusionMatrix(classes, classes)
    matrix.update(prediction, target)
    return matrix.counts


def score(prediction: LabelMap, target: LabelMap, classes: int = CLASSES) -> Scores:
    return scores(count(prediction, target, classes))


@pytest.mark.parametrize("seed", range(5))
def test_counts_and_scores_agree_with_torchmetrics(seed: int) -> None:
    prediction, target = random_maps(seed)
    tensors = torch.from_numpy(prediction).long(), torch.from_numpy(target).long()
    ours = score(prediction, target)
    matrix = MulticlassConfusionMatrix(CLASSES, ignore_index=VOID)(*tensors)
    np.testing.assert_array_equal(count(prediction, target), matrix.numpy())
    per_class = MulticlassJaccardIndex(CLASSES, average="none", ignore_index=VOID)(*tensors)
    np.testing.assert_allclose(np.array(ours.iou_per_class, float), per_class.numpy(), rtol=1e-6)
    mean = MulticlassJaccardIndex(CLASSES, average="macro", ignore_index=VOID)(*tensors)
    assert ours.miou == pytest.approx(float(mean), rel=1e-6)
    assert ours.pixel_accuracy == pytest.approx(float(matrix.diag().sum() / matrix.sum()))


def test_a_hand_made_case() -> None:
    target = np.array([[0, 0, 1], [1, 2, 3]], np.uint8)
    prediction = np.array([[0, 1, 1], [1, 0, 2]], np.uint8)
    result = score(prediction, target, classes=3)
    np.testing.assert_allclose(np.array(result.iou_per_class, float), [1 / 3, 2 / 3, 0])
    assert result.miou == pytest.approx(1 / 3)
    assert result.pixel_accuracy == pytest.approx(3 / 5)


def test_rows_are_targets_and_columns_predictions() -> None:
    counts = count(np.full((2, 3), 4, np.uint8), np.full((2, 3), 7, np.uint8))
    assert counts[7, 4] == counts.sum() == 6
    assert counts.dtype == np.int64


@given(seed=SEEDS, order=st.permutations(range(4)))
def test_the_order_of_frames_and_their_grouping_do_not_matter(seed: int, order: list[int]) -> None:
    prediction, target = random_maps(seed, (4, 5, 6))
    one_by_one = ConfusionMatrix(CLASSES, VOID)
    for index in order:
        one_by_one.update(prediction[index], target[index])
    np.testing.assert_array_equal(one_by_one.counts, count(prediction, target))


@given(seed=SEEDS)
def test_matrices_add_up(seed: int) -> None:
    prediction, target = random_maps(seed, (2, 5, 6))
    parts = [ConfusionMatrix(CLASSES, VOID) for _ in range(2)]
    for part, pair in zip(parts, zip(prediction, target, strict=True), strict=True):
        part.update(*pair)
    before = parts[0].counts.copy()
    np.testing.assert_array_equal((parts[0] + parts[1]).counts, count(prediction, target))
    np.testing.assert_array_equal(parts[0].counts, before)


@given(seed=SEEDS)
def test_a_perfect_prediction_scores_one_whatever_it_says_in_void(seed: int) -> None:
    _, target = random_maps(seed, (5, 6))
    target[0, 0] = 3
    prediction = np.where(target == VOID, seed % 256, target).astype(np.uint8)
    result = score(prediction, target)
    assert result.miou == result.pixel_accuracy == 1.0
    assert {iou for iou in result.iou_per_class if iou is not None} == {1.0}


@given(seed=SEEDS, names=st.permutations(range(CLASSES)))
def test_renaming_the_classes_permutes_the_scores(seed: int, names: list[int]) -> None:
    prediction, target = random_maps(seed, (6, 7))
    renamed = np.array([*names, VOID], np.uint8)
    before, after = score(prediction, target), score(renamed[prediction], renamed[target])
    assert [after.iou_per_class[name] for name in names] == list(before.iou_per_class)
    assert after.miou == pytest.approx(before.miou)


@given(seed=SEEDS, present=st.sets(st.integers(0, CLASSES - 1), min_size=1))
def test_an_absent_class_is_none_and_leaves_the_mean_alone(seed: int, present: set[int]) -> None:
    choices = np.array(sorted(present), np.uint8)
    prediction, target = np.random.default_rng(seed).choice(choices, (2, 40, 40))
    result = score(prediction, target)
    found = [index for index, iou in enumerate(result.iou_per_class) if iou is not None]
    assert found == sorted(present)
    known = [iou for iou in result.iou_per_class if iou is not None]
    assert result.miou == pytest.approx(sum(known) / len(known))


def test_a_class_that_is_only_predicted_counts_as_zero() -> None:
    result = score(np.array([[0, 5]], np.uint8), np.array([[0, 0]], np.uint8))
    assert (result.iou_per_class[5], result.miou) == (0.0, 0.25)


def test_an_all_void_target_counts_nothing_and_cannot_be_scored() -> None:
    prediction, target = np.zeros((40, 40), np.uint8), np.full((40, 40), VOID, np.uint8)
    counts = count(prediction, target)
    assert not counts.any()
    assert not np.any(boundary_counts(prediction, target, CLASSES, VOID))
    with pytest.raises(MfpnetError, match="all are void"):
        scores(counts)


def test_uint16_labels_beyond_255_are_counted() -> None:
    target = np.array([[0, 300, 65535]], np.uint16)
    prediction = np.array([[0, 300, 0]], np.uint16)
    matrix = ConfusionMatrix(301, 65535)
    matrix.update(prediction, target)
    assert matrix.counts[300, 300] == matrix.counts[0, 0] == 1
    assert matrix.counts.sum() == 2
    intersection, union = boundary_counts(prediction, target, 301, 65535)
    assert intersection[300] == union[300] == 1


@pytest.mark.parametrize(
    "types", [(np.uint8, np.int64), (np.uint16, np.uint8), (np.uint64, np.int32)]
)
def test_the_integer_type_does_not_matter(types: tuple[type[np.integer], type[np.integer]]) -> None:
    prediction, target = random_maps(1)
    result = count(prediction.astype(types[0]), target.astype(types[1]))
    np.testing.assert_array_equal(result, count(prediction, target))


def test_a_negative_ignore_index_is_void_too() -> None:
    matrix = ConfusionMatrix(3, -1)
    matrix.update(np.array([0, 2]), np.array([-1, 2]))
    assert matrix.counts.sum() == matrix.counts[2, 2] == 1


@pytest.mark.parametrize(
    ("prediction", "target", "words"),
    [
        (np.array([[0, 11]]), np.array([[0, 0]]), "prediction holds label 11"),
        (np.array([[0, -1]]), np.array([[0, 0]]), "prediction holds label -1"),
        (np.array([[0, 0]]), np.array([[0, 255]]), "target holds label 255"),
        (np.array([[0.0, 1.0]]), np.array([[0, 1]]), "float64"),
        (np.array([[0]]), np.array([[0, 1]]), r"\(1, 1\).*\(1, 2\)"),
    ],
)
def test_unfit_maps_are_refused_and_not_counted(
    prediction: LabelMap, target: LabelMap, words: str
) -> None:
    matrix = ConfusionMatrix(CLASSES, VOID)
    with pytest.raises(MfpnetError, match=words):
        matrix.update(prediction, target)
    assert not matrix.counts.any()
    with pytest.raises(MfpnetError, match=words):
        boundary_counts(prediction, target, CLASSES, VOID)


def test_matrices_of_different_label_sets_do_not_add() -> None:
    with pytest.raises(MfpnetError, match="different label sets"):
        ConfusionMatrix(11, 11) + ConfusionMatrix(11, 255)
    with pytest.raises(MfpnetError, match="at least one class"):
        ConfusionMatrix(0, 255)


def naive_boundary_counts(
    prediction: LabelMap, target: LabelMap, classes: int, width: int
) -> tuple[list[int], list[int]]:
    """Cheng et al.'s definition, mask by mask and pixel by pixel, zeros beyond the image."""

    def rim(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        padded = np.pad(mask, width, constant_values=False)
        side = 2 * width + 1
        inside = [
            [padded[y : y + side, x : x + side].all() for x in range(mask.shape[1])]
            for y in range(mask.shape[0])
        ]
        return np.logical_and(mask, np.logical_not(inside))

    valid = target != classes
    rims = [(rim((prediction == c) & valid), rim(target == c)) for c in range(classes)]
    return [int((p & t).sum()) for p, t in rims], [int((p | t).sum()) for p, t in rims]


@pytest.mark.parametrize("width", [1, 2, 3, 5, 18, 40])
@pytest.mark.parametrize("seed", range(3))
def test_boundary_counts_agree_with_the_definition(seed: int, width: int) -> None:
    prediction, target = blobs(seed)
    intersection, union = boundary_counts(prediction, target, 5, 5, width)
    naive = naive_boundary_counts(prediction, target, 5, width)
    assert (intersection.tolist(), union.tolist()) == naive


def test_the_boundary_is_two_percent_of_the_diagonal_wide() -> None:
    prediction, target = blobs(0, (60, 80), classes=2)
    for given_width, default in ((2, True), (1, False)):
        same = np.array_equal(
            boundary_counts(prediction, target, 2, 2),
            boundary_counts(prediction, target, 2, 2, given_width),
        )
        assert same is default


@settings(max_examples=30)
@given(seed=SEEDS, width=st.integers(1, 8))
def test_boundary_iou_of_a_perfect_prediction_is_one(seed: int, width: int) -> None:
    _, target = blobs(seed)
    prediction = np.where(target == 5, seed % 5, target)
    ious = iou_per_class(*boundary_counts(prediction, target, 5, 5, width))
    assert set(ious) <= {1.0, None}
    assert [iou is None for iou in ious] == [not (target == c).any() for c in range(5)]


def test_a_boundary_wider_than_the_image_is_the_plain_iou() -> None:
    prediction, target = blobs(4)
    wide = iou_per_class(*boundary_counts(prediction, target, 5, 5, width=50))
    assert wide == score(prediction, target, classes=5).iou_per_class


@pytest.mark.parametrize(("shape", "width"), [((2, 8, 8), None), ((8, 8), 0)])
def test_boundary_arguments_are_checked(shape: tuple[int, ...], width: int | None) -> None:
    maps = np.zeros(shape, np.uint8)
    with pytest.raises(MfpnetError, match=r"boundary"):
        boundary_counts(maps, maps, 5, 5, width)


@pytest.mark.parametrize(("what", "limit_ms"), [("update", 3.0), ("boundary", 40.0)])
def test_a_camvid_frame_is_scored_in_milliseconds(what: str, limit_ms: float) -> None:
    prediction, target = random_maps(0, (360, 480))
    matrix = ConfusionMatrix(CLASSES, VOID)
    calls: dict[str, Callable[[], object]] = {
        "update": lambda: matrix.update(prediction, target),
        "boundary": lambda: boundary_counts(prediction, target, CLASSES, VOID),
    }
    times = []
    for _ in range(20):
        start = time.perf_counter()
        calls[what]()
        times.append(1000 * (time.perf_counter() - start))
    assert min(times) < limit_ms
