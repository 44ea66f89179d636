from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfpnet.errors import MfpnetError
from mfpnet.evaluating.calibration import (
    MAX_TEMPERATURE,
    Reliability,
    Values,
    expected_calibration_error,
    fit_temperature,
    mean_nll,
)

Labels = npt.NDArray[np.int64]


def softmax(logits: Values) -> Values:
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    shares: Values = powers / powers.sum(axis=1, keepdims=True)
    return shares


def nll_at(logits: Values, labels: Labels, temperature: float) -> float:
    likely = softmax(logits / temperature)[np.arange(len(labels)), labels]
    return float(-np.log(likely).mean())


def drawn(count: int, temperature: float, seed: int = 0, spread: float = 3.0) -> tuple[Any, Labels]:
    """Logits, and labels drawn from their softmax at a temperature."""
    generator = np.random.default_rng(seed)
    logits = (generator.normal(size=(count, 7)) * spread).astype(np.float32)
    below = softmax(logits / temperature).cumsum(axis=1)
    return logits, (below > generator.random((count, 1))).argmax(axis=1)


def counted(logits: Values, labels: Labels, before: Reliability | None = None) -> Reliability:
    probability = softmax(logits)
    reliability = before or Reliability()
    reliability.update(
        probability.max(axis=1),
        probability.argmax(axis=1) == labels,
        -np.log(probability[np.arange(len(labels)), labels]),
    )
    return reliability


def error_by_brute_force(confidence: list[float], correct: list[bool], bins: int = 15) -> float:
    """The definition, bin by bin and pixel by pixel."""
    total = 0.0
    for index in range(bins):
        inside = [
            (sure, right)
            for sure, right in zip(confidence, correct, strict=True)
            if index / bins < sure <= (index + 1) / bins
        ]
        if inside:
            gap = sum(right for _, right in inside) - sum(sure for sure, _ in inside)
            total += abs(gap / len(inside)) * len(inside) / len(confidence)
    return total


@settings(max_examples=50)
@given(pixels=st.lists(st.tuples(st.floats(0.001, 1.0), st.booleans()), min_size=1, max_size=60))
def test_the_error_is_the_definition(pixels: list[tuple[float, bool]]) -> None:
    # On a bin's edge the two may round apart; the edges have a test of their own.
    pixels = [(round(sure, 3) + 0.0001, right) for sure, right in pixels if sure < 0.999]
    if not pixels:
        return
    confidence, correct = [sure for sure, _ in pixels], [right for _, right in pixels]
    reliability = Reliability()
    reliability.update(np.array(confidence), np.array(correct), np.zeros(len(pixels)))
    expected = error_by_brute_force(confidence, correct)
    assert expected_calibration_error(reliability) == pytest.approx(expected, abs=1e-12)


def test_error_of_a_case_done_by_hand() -> None:
    reliability = Reliability()
    sure = np.array([0.95, 0.97, 0.5, 0.52])
    right = np.array([True, False, True, True])
    reliability.update(sure, right, np.array([0.1, 3.0, 0.7, 0.6]))
    # Two bins of two pixels: |1 - 1.92| and |2 - 1.02|.
    assert expected_calibration_error(reliability) == pytest.approx((0.92 + 0.98) / 4)
    assert mean_nll(reliability) == pytest.approx(1.1)


def test_edges_belong_to_the_bin_below() -> None:
    reliability = Reliability()
    sure = np.array([1.0, 1.0000001, 14.01 / 15, 1e-9, 0.0])
    reliability.update(sure, np.array([True] * 5), np.zeros(5))
    assert reliability.pixels.tolist() == [2, *[0] * 13, 3]
    half = Reliability()
    half.update(np.array([0.2, 0.2001]), np.array([True, False]), np.zeros(2))
    assert half.pixels.tolist() == [0, 0, 1, 1, *[0] * 11]


def test_counting_in_pieces_is_counting_at_once() -> None:
    logits, labels = drawn(1000, 2.0)
    whole, pieces = counted(logits, labels), Reliability()
    for part in range(0, 1000, 130):
        counted(logits[part : part + 130], labels[part : part + 130], pieces)
    assert whole.pixels.tolist() == pieces.pixels.tolist()
    assert whole.confidence == pytest.approx(pieces.confidence)
    assert expected_calibration_error(whole) == pytest.approx(expected_calibration_error(pieces))
    assert mean_nll(whole) == pytest.approx(nll_at(logits, labels, 1.0))


def test_record_has_no_number_for_an_empty_bin() -> None:
    reliability = Reliability()
    reliability.update(np.array([0.9, 0.91]), np.array([True, False]), np.zeros(2))
    record = reliability.as_dict()
    assert record["pixels"] == [*[0] * 13, 2, 0]
    assert record["accuracy"] == [*[None] * 13, 0.5, None]
    assert record["confidence"][13] == pytest.approx(0.905)


def test_nothing_counted_is_an_error() -> None:
    for measure in (expected_calibration_error, mean_nll):
        with pytest.raises(MfpnetError, match="no pixel was counted, all are void"):
            measure(Reliability())


@pytest.mark.parametrize("temperature", [0.3, 1.0, 1.7, 6.0])
def test_a_known_temperature_is_found(temperature: float) -> None:
    logits, labels = drawn(60_000, temperature)
    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.03)


def test_fitted_temperature_mends_the_calibration() -> None:
    logits, labels = drawn(30_000, 3.0, seed=1)
    fitted = fit_temperature(logits, labels)
    other_logits, other_labels = drawn(30_000, 3.0, seed=2)
    before = expected_calibration_error(counted(other_logits, other_labels))
    after = expected_calibration_error(counted(other_logits / fitted, other_labels))
    assert before > 0.2
    assert after < 0.02


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), temperature=st.floats(0.2, 5), offset=st.floats(-1e3, 1e3))
def test_no_temperature_of_a_fine_grid_is_better(
    seed: int, temperature: float, offset: float
) -> None:
    logits, labels = drawn(200, temperature, seed)
    logits = logits.astype(np.float64) + offset  # a softmax does not see it
    fitted = fit_temperature(logits, labels)
    best = min(nll_at(logits, labels, fitted * factor) for factor in np.geomspace(0.5, 2, 81))
    assert nll_at(logits, labels, fitted) <= best + 1e-9


def test_temperature_scales_with_the_logits() -> None:
    logits, labels = drawn(2000, 1.3)
    once = fit_temperature(logits, labels)
    assert fit_temperature(logits * 50, labels) == pytest.approx(50 * once, rel=1e-5)
    assert fit_temperature(logits / 50, labels) == pytest.approx(once / 50, rel=1e-5)
    assert fit_temperature(logits, labels) == once


def test_a_temperature_without_an_optimum_ends_at_the_bound() -> None:
    logits, _ = drawn(500, 1.0)
    surest, wrongest = logits.argmax(axis=1), logits.argmin(axis=1)
    assert fit_temperature(logits, surest) == pytest.approx(1 / MAX_TEMPERATURE, rel=1e-5)
    assert fit_temperature(logits, wrongest) == pytest.approx(MAX_TEMPERATURE, rel=1e-5)
    assert fit_temperature(np.zeros((5, 3)), np.array([0, 1, 2, 0, 1])) == 1


@pytest.mark.parametrize(
    ("logits", "labels", "complaint"),
    [
        (np.zeros((4, 3)), np.zeros(5, int), r"found \(4, 3\) and \(5,\)"),
        (np.zeros(4), np.zeros(4, int), r"found \(4,\) and \(4,\)"),
        (np.zeros((0, 3)), np.zeros(0, int), "there are none"),
        (np.array([[0.0, np.nan]]), np.zeros(1, int), "not finite: the network is broken"),
        (np.array([[0.0, -np.inf]]), np.zeros(1, int), "not finite: the network is broken"),
        (np.zeros((2, 3)), np.array([0, 3]), "labels go from 0 to 3, the logits have 3 classes"),
        (np.zeros((2, 3)), np.array([-1, 2]), "leave void pixels out"),
    ],
)
def test_unusable_logits_are_refused(logits: Any, labels: Any, complaint: str) -> None:
    with pytest.raises(MfpnetError, match=complaint):
        fit_temperature(logits, labels)


def test_perfectly_calibrated_confidence_has_no_error() -> None:
    reliability = Reliability()
    for tens, right in itertools.product(range(5, 10), range(10)):
        reliability.update(np.array([tens / 10]), np.array([right < tens]), np.zeros(1))
    assert expected_calibration_error(reliability) == pytest.approx(0, abs=1e-12)
