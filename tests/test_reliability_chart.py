from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from mfpnet.errors import MfpnetError
from mfpnet.views.reliability_chart import reliability_picture

pytest.importorskip("matplotlib", reason="needs the extra `plot`")


def curve(pixels: list[int]) -> dict[str, Any]:
    """As `Reliability.as_dict`: right half as often as sure."""
    middles = [(index + 0.5) / 15 for index in range(15)]
    known = [middle if count else None for middle, count in zip(middles, pixels, strict=True)]
    halved = [None if middle is None else middle / 2 for middle in known]
    return {"pixels": pixels, "confidence": known, "accuracy": halved}


def test_both_curves_and_their_pixels_are_drawn(tmp_path: Path) -> None:
    curves = {"as it comes": curve([0, 5, *[50] * 13]), "mended": curve([10] * 15)}
    reliability_picture(curves, tmp_path / "r.png")
    reliability_picture(curves, tmp_path / "r.svg")
    with PIL.Image.open(tmp_path / "r.png") as picture:
        pixels = np.array(picture.convert("RGB"))
    assert min(pixels.shape[:2]) > 300
    for colour in ((0x00, 0x72, 0xB2), (0xE6, 0x9F, 0x00)):
        assert (pixels == colour).all(axis=2).sum() > 500
    text = (tmp_path / "r.svg").read_text("utf-8")
    for drawn in ("as it comes", "mended", "as sure as right", "confidence in %"):
        assert f"<!-- {drawn} -->" in text


def markers(path: Path) -> int:
    """How many points of curves an SVG has: each is one use of a marker's shape."""
    return path.read_text("utf-8").count("fill: #0072b2; stroke: #0072b2")


def test_bins_of_a_handful_of_pixels_are_left_out(tmp_path: Path) -> None:
    reliability_picture({"a": curve([0, 3, *[1000] * 13])}, tmp_path / "few.svg")
    reliability_picture({"a": curve([0, 300, *[1000] * 13])}, tmp_path / "more.svg")
    assert markers(tmp_path / "more.svg") == markers(tmp_path / "few.svg") + 1


def test_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MfpnetError, match=r"r.doc.*ends in .png, .svg or .pdf"):
        reliability_picture({"a": curve([1] * 15)}, tmp_path / "r.doc")
