"""Enlarging in numpy against PyTorch's interpolation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mfpnet.layers import resize
from mfpnet.pixels.enlarge import enlarge, enlarged_labels, enlarged_strips, likeliest, log_softmax

SIZES = [(40, 60), (121, 77), (20, 30), (13, 90), (7, 5), (20, 31), (1, 1)]


def scores(classes: int = 5) -> torch.Tensor:
    return torch.randn(classes, 20, 30, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", SIZES)
def test_enlarging_is_what_pytorch_does(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    logits = scores()
    expected = resize(logits[None], size)[0]
    assert np.allclose(enlarge(logits.numpy(), size), expected, atol=1e-4)
    monkeypatch.setattr("mfpnet.pixels.enlarge.STRIP_VALUES", 5 * size[1] * 7)
    strips = list(enlarged_strips(logits.numpy(), size))
    assert [rows.start for rows, _ in strips] == list(range(0, size[0], 7))
    assert np.allclose(np.concatenate([strip for _, strip in strips], axis=1), expected, atol=1e-4)


@pytest.mark.parametrize("size", SIZES)
def test_labels_are_those_of_the_enlarged_logits(size: tuple[int, int]) -> None:
    logits = scores().numpy()
    assert np.array_equal(enlarged_labels(logits, size), enlarge(logits, size).argmax(axis=0))


def test_labels_of_areas_are_those_of_the_enlarged_logits() -> None:
    """Large areas of one label, as in pictures: most of the logits are never made."""
    small = torch.randn(1, 6, 4, 5, generator=torch.Generator().manual_seed(1))
    logits = resize(small, (32, 40))[0].numpy()
    expected = enlarge(logits, (200, 333)).argmax(axis=0)
    assert len(np.unique(expected)) > 3
    assert np.array_equal(enlarged_labels(logits, (200, 333)), expected)


def test_logits_are_not_changed() -> None:
    logits = scores().numpy()
    copy = logits.copy()
    logits.flags.writeable = False
    for size in ((40, 61), (20, 30)):
        enlarged_labels(logits, size)
        enlarge(logits, size)
    log_softmax(logits)
    assert np.array_equal(logits, copy)


@pytest.mark.parametrize(("classes", "kind"), [(255, np.uint8), (300, np.uint16)])
def test_likeliest_is_the_argmax(classes: int, kind: type[np.generic]) -> None:
    logits = scores(classes).round().numpy()  # with ties, of which the first counts
    labels = likeliest(logits)
    assert labels.dtype == kind
    assert np.array_equal(labels, logits.argmax(axis=0))
    assert enlarged_labels(logits, (40, 60)).dtype == kind


def test_log_softmax_is_that_of_pytorch() -> None:
    logits = scores() * 300
    expected = logits.log_softmax(dim=0)
    assert np.allclose(log_softmax(logits.numpy()), expected, atol=1e-3)
