"""Whether a confidence means what it says: reliability, its error, and the number that mends it.

A network that is 80 % sure should be right 80 % of the time. Temperature scaling (Guo et al., "On
calibration of modern neural networks", ICML 2017) divides all logits by one number, which changes
no prediction and only how sure it is. Numpy only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mfpnet.errors import MfpnetError

BINS = 15
# Logits of 1000 times another spread than they should have are broken in some other way.
MAX_TEMPERATURE = 1000.0

Values = npt.NDArray[np.floating[Any]]


class Reliability:
    """How sure and how right, by confidence; memory does not grow with the pixels.

    Bin i holds the confidences above i / 15, up to and with (i + 1) / 15.

    Attributes:
        pixels: (15,) int64, how many fell into each bin.
        confidence: (15,) float64, their confidences added up.
        correct: (15,) int64, how many of them were right.
        nll: negative log-likelihood of the targets, added up over all pixels, in nats.
    """

    def __init__(self) -> None:
        self.pixels = np.zeros(BINS, dtype=np.int64)
        self.confidence = np.zeros(BINS, dtype=np.float64)
        self.correct = np.zeros(BINS, dtype=np.int64)
        self.nll = 0.0

    def update(self, confidence: Values, correct: npt.NDArray[np.bool_], nll: Values) -> None:
        """Count pixels, (N,) each: likeliest class's probability, whether it is right, and NLL."""
        bins = np.clip(np.ceil(confidence * BINS).astype(np.intp) - 1, 0, BINS - 1)
        self.pixels += np.bincount(bins, minlength=BINS)
        self.confidence += np.bincount(bins, weights=confidence, minlength=BINS)
        self.correct += np.bincount(bins[correct], minlength=BINS)
        self.nll += float(nll.sum(dtype=np.float64))

    def as_dict(self) -> dict[str, list[float | None] | list[int]]:
        """Pixels, mean confidence and accuracy of each bin; None where a bin is empty."""

        def per_pixel(sums: Values) -> list[float | None]:
            pairs = zip(sums.tolist(), self.pixels.tolist(), strict=True)
            return [total / pixels if pixels else None for total, pixels in pairs]

        return {
            "pixels": self.pixels.tolist(),
            "confidence": per_pixel(self.confidence),
            "accuracy": per_pixel(self.correct.astype(np.float64)),
        }


def expected_calibration_error(reliability: Reliability) -> float:
    """Distance of accuracy from mean confidence, 0 to 1, averaged over the bins by their pixels.

    Raises:
        MfpnetError: not a single pixel was counted.
    """
    gaps = np.abs(reliability.correct - reliability.confidence)
    return float(gaps.sum() / _counted(reliability))


def mean_nll(reliability: Reliability) -> float:
    """Negative log-likelihood of a pixel in nats; errors as in `expected_calibration_error`."""
    return reliability.nll / _counted(reliability)


def fit_temperature(logits: Values, labels: npt.NDArray[np.integer[Any]]) -> float:
    """The T for which softmax(logits / T) gives the labels the least mean NLL.

    The NLL is convex in 1/T: its slope is brought to zero by Newton's steps inside a bracket that
    only shrinks. Where ever larger or smaller T are better (all pixels right, or most of them
    wrong) the result is the bound, 1/1000 or 1000.

    Args:
        logits: (N, C), finite.
        labels: (N,) in 0 to C - 1.

    Raises:
        MfpnetError: no pixel, shapes or labels that do not fit, or logits that are not finite.
    """
    _check(logits, labels)
    below = logits.astype(np.float64)
    below -= below.max(axis=1, keepdims=True)
    target = below[np.arange(len(labels)), labels]
    low, high, inverse = 1 / MAX_TEMPERATURE, MAX_TEMPERATURE, 1.0
    for _ in range(100):
        slope, curvature = _derivatives(below, target, inverse)
        if slope == 0:
            break
        low, high = (low, inverse) if slope > 0 else (inverse, high)
        step = inverse - slope / curvature if curvature > 0 else 0.0
        before, inverse = inverse, step if low < step < high else float(np.sqrt(low * high))
        if abs(inverse - before) <= 1e-7 * before:
            break
    return 1 / inverse


def _derivatives(below: Values, target: Values, inverse: float) -> tuple[float, float]:
    """First and second derivative of the mean NLL with respect to 1/T."""
    probability = np.exp(below * inverse)
    probability /= probability.sum(axis=1, keepdims=True)
    probability *= below
    mean = probability.sum(axis=1)
    spread = np.einsum("nc,nc->n", probability, below) - mean**2
    return float((mean - target).mean()), float(spread.mean())


def _counted(reliability: Reliability) -> int:
    pixels = int(reliability.pixels.sum())
    if not pixels:
        raise MfpnetError("there is nothing to calibrate on: no pixel was counted, all are void.")
    return pixels


def _check(logits: Values, labels: npt.NDArray[np.integer[Any]]) -> None:
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise MfpnetError(
            f"a temperature is fitted to logits (N, C) and labels (N,), found {logits.shape} and "
            f"{labels.shape}."
        )
    if not len(labels):
        raise MfpnetError("a temperature needs pixels to be fitted to, and there are none.")
    if not np.isfinite(logits).all():
        raise MfpnetError("the logits hold values that are not finite: the network is broken.")
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise MfpnetError(
            f"labels go from {labels.min()} to {labels.max()}, the logits have "
            f"{logits.shape[1]} classes: leave void pixels out."
        )
