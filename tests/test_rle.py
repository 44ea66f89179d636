"""Run lengths, against pycocotools."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as oracle

from mfpnet.importers.rle import decode_counts, decode_rle


def random_mask(seed: int, height: int, width: int, share: float) -> np.ndarray[Any, Any]:
    random = np.random.default_rng(seed)
    return np.asarray(random.random((height, width)) < share)


def by_oracle(value: Any) -> np.ndarray[Any, Any]:
    with warnings.catch_warnings():  # of its way with numpy 2
        warnings.simplefilter("ignore", DeprecationWarning)
        return np.asarray(oracle.decode(value), dtype=np.bool_)


masks = st.builds(
    random_mask,
    st.integers(0, 10_000),
    st.integers(1, 60),
    st.integers(1, 60),
    st.sampled_from([0.0, 0.001, 0.1, 0.5, 0.99, 1.0]),
)


@settings(max_examples=80, deadline=None)
@given(masks)
def test_a_compressed_mask_of_pycocotools_is_read(mask: np.ndarray[Any, Any]) -> None:
    written = oracle.encode(np.asfortranarray(mask.astype(np.uint8)))
    value = {"size": list(mask.shape), "counts": written["counts"].decode()}
    np.testing.assert_array_equal(decode_rle(value, (mask.shape[0], mask.shape[1])), mask)


@settings(max_examples=50, deadline=None)
@given(masks)
def test_plain_counts_mean_what_pycocotools_takes_them_for(mask: np.ndarray[Any, Any]) -> None:
    size = (mask.shape[0], mask.shape[1])
    written = oracle.encode(np.asfortranarray(mask.astype(np.uint8)))
    counts = decode_counts(written["counts"].decode()).tolist()
    again = oracle.frPyObjects({"size": list(size), "counts": counts}, *size)
    assert again["counts"] == written["counts"]
    np.testing.assert_array_equal(
        decode_rle({"size": list(size), "counts": counts}, size), by_oracle(again)
    )


def test_columns_are_counted_down_first() -> None:
    mask = decode_rle({"size": [2, 3], "counts": [1, 2, 3]}, (2, 3))
    assert mask.tolist() == [[False, True, False], [True, False, False]]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([1, 2], "without counts"),
        ({"size": [2, 3]}, "without counts"),
        ({"size": [3, 2], "counts": [6]}, r"size of \[3, 2\], not of \[2, 3\]"),
        ({"size": [2, 3], "counts": [1, 2]}, "add up to 3, not to 6"),
        ({"size": [2, 3], "counts": [8, -2]}, "negative"),
        ({"size": [2, 3], "counts": [1.5, 4.5]}, "neither"),
        ({"size": [2, 3], "counts": [True, 5]}, "neither"),
        ({"size": [2, 3], "counts": [10**30]}, "beyond"),
        ({"size": [2, 3], "counts": None}, "neither"),
        ({"size": [2, 3], "counts": "   "}, "no compressed"),
        ({"size": [2, 3], "counts": "äöü"}, "no compressed"),
        ({"size": [2, 3], "counts": "o"}, "no compressed"),
        ({"size": [2, 3], "counts": "ooooooooooooooo0"}, "beyond"),
        ({"size": [2, 3], "counts": ""}, "add up to 0"),
    ],
)
def test_what_is_no_mask_says_why(value: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        decode_rle(value, (2, 3))
