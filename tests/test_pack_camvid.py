"""The copy of CamVid with JPEG frames."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from mfpnet.data.camvid import CamVid
from mfpnet.data.datasets import load_checked
from mfpnet.pixels.pictures import Image

TOOL = Path(__file__).resolve().parents[1] / "tools" / "pack_camvid.py"
SIZE = (300, 400)


def smooth(seed: int) -> Image:
    """A picture that JPEG can hold: a gradient of a colour of its own."""
    low, high = np.random.default_rng(seed).integers(0, 256, (2, 3))
    across = np.linspace(low, high, SIZE[1])
    return np.broadcast_to(across, (*SIZE, 3)).round().astype(np.uint8)


@pytest.fixture
def camvid(tmp_path: Path) -> Path:
    """Two frames in train, one in val."""
    root = tmp_path / "camvid"
    rng = np.random.default_rng(0)
    for seed, (split, name) in enumerate([("train", "a_1"), ("train", "b_2"), ("val", "c_3")]):
        for folder in (split, f"{split}annot"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(smooth(seed)).save(root / split / f"{name}.png")
        mask = rng.integers(0, 12, SIZE).astype(np.uint8)
        PIL.Image.fromarray(mask).save(root / f"{split}annot" / f"{name}.png", compress_level=0)
    return root


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TOOL), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_copy_holds_the_same_frames(camvid: Path, tmp_path: Path) -> None:
    out = tmp_path / "copy"
    done = run(camvid, out)
    assert done.returncode == 0, done.stderr
    files = [path for path in out.rglob("*") if path.is_file()]
    assert sorted(path.suffix for path in files) == [".jpg"] * 3 + [".png"] * 3
    ratios = []
    for split in ("train", "val"):
        whole, copy = CamVid(camvid, split), CamVid(out, split)
        assert len(copy) == len(whole)
        for index in range(len(whole)):
            assert copy.frame_name(index) == whole.frame_name(index)
            (image, target), (packed, marks) = (load_checked(d, index) for d in (whole, copy))
            assert np.array_equal(marks, target)
            ratios.append(10 * np.log10(255**2 / ((image - packed.astype(float)) ** 2).mean()))
    assert min(ratios) > 38
    size = sum(path.stat().st_size for path in files) / 2**20
    assert f"3 frames in {size - masks(out):.1f} MiB" in done.stdout
    assert f": {size:.1f} MiB in '{out}'" in done.stdout
    assert f"PSNR {np.mean(ratios):.1f} dB, the worst {min(ratios):.1f} dB" in done.stdout


def masks(out: Path) -> float:
    """MiB of the copy's masks."""
    return sum(path.stat().st_size for path in out.rglob("*.png")) / 2**20


def test_colour_is_kept_at_full_resolution(camvid: Path, tmp_path: Path) -> None:
    run(camvid, tmp_path / "copy", "--splits", "val")
    (frame,) = (tmp_path / "copy").rglob("*.jpg")
    with PIL.Image.open(frame) as picture:
        assert {component[1:3] for component in picture.layer} == {(1, 1)}  # type: ignore[attr-defined]


def test_lower_quality_is_smaller(camvid: Path, tmp_path: Path) -> None:
    sizes = []
    for quality in (95, 30):
        run(camvid, tmp_path / str(quality), "--quality", quality)
        sizes.append(sum(p.stat().st_size for p in (tmp_path / str(quality)).rglob("*.jpg")))
    assert sizes[1] < sizes[0]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--quality", "0"), "--quality is 0: it must be 1 to 100"),
        (("--splits", "test"), "test is not a folder"),
    ],
)
def test_a_slip_is_explained(
    camvid: Path, tmp_path: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    done = run(camvid, tmp_path / "copy", *arguments)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "copy").exists()


def test_a_used_folder_is_left_alone(camvid: Path) -> None:
    before = sorted(camvid.rglob("*"))
    done = run(camvid, camvid)
    assert done.returncode == 2
    assert "holds something already" in done.stderr
    assert sorted(camvid.rglob("*")) == before
