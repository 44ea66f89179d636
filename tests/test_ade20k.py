from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest

from mfpnet.data.ade20k import Ade20k
from mfpnet.data.ade20k_labels import ADE20K
from mfpnet.data.datasets import load_checked
from mfpnet.data.source import DataSource
from mfpnet.errors import MfpnetError
from mfpnet.pixels.pictures import write_png
from mfpnet.sources import open_dataset

SIZE = (32, 40)


def raw_mask(seed: int) -> npt.NDArray[np.uint8]:
    """0 to 150, all of them there."""
    values = np.arange(SIZE[0] * SIZE[1]) % 151
    mask: npt.NDArray[np.uint8] = np.random.default_rng(seed).permutation(values).astype(np.uint8)
    return mask.reshape(SIZE)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder, letters in (("training", "train"), ("validation", "val")):
        (tmp_path / "images" / folder).mkdir(parents=True)
        for number in range(1, 3):
            name = f"ADE_{letters}_{number:08d}"
            pixels = np.random.default_rng(number).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
            PIL.Image.fromarray(pixels).save(tmp_path / "images" / folder / f"{name}.jpg")
            write_png(tmp_path / "annotations" / folder / f"{name}.png", raw_mask(number))
    return tmp_path


def test_zero_becomes_void_and_every_class_moves_down_by_one(root: Path) -> None:
    data = open_dataset(DataSource("ade20k", "train", str(root)))
    for index in range(len(data)):
        _, target = load_checked(data, index)
        raw = raw_mask(index + 1)
        assert target.dtype == np.uint8
        assert (target[raw == 0] == 255).all()
        assert np.array_equal(target[raw > 0], raw[raw > 0] - 1)
        assert set(np.unique(target)) == {*range(150), 255}


def test_the_first_and_the_last_class_keep_their_names() -> None:
    assert ADE20K.num_classes == len(ADE20K.palette) == 150
    assert len(set(ADE20K.classes)) == 150
    # Ids 1, 2, 3, 13, 150 of the official list.
    names = {0: "wall", 1: "building", 2: "sky", 12: "person", 149: "flag"}
    assert {index: ADE20K.classes[index] for index in names} == names
    assert ADE20K.palette[:2] == ((120, 120, 120), (180, 120, 120))
    assert ADE20K.palette[-1] == (92, 0, 255)
    assert len(set(ADE20K.palette)) == 149


def test_a_mask_beyond_150_is_refused(root: Path) -> None:
    mask = raw_mask(1)
    mask[0, 0] = 255
    write_png(root / "annotations" / "validation" / "ADE_val_00000001.png", mask)
    with pytest.raises(MfpnetError, match=r"ADE_val_00000001.png: .* holds 0 to 150.* \[255\]"):
        Ade20k(root, "val").load(0)


def test_pictures_and_masks_must_pair_up(root: Path, tmp_path: Path) -> None:
    assert len(Ade20k(root, "train+val")) == 4
    (root / "annotations" / "training" / "ADE_train_00000002.png").unlink()
    with pytest.raises(MfpnetError, match=r"1 of 2 names .*'ADE_train_00000002' has no mask"):
        Ade20k(root, "train")
    with pytest.raises(MfpnetError, match="unknown split of ade20k 'test'"):
        Ade20k(root, "test")
    with pytest.raises(MfpnetError, match=r"images/training has no .*ADEChallengeData2016.zip"):
        Ade20k(tmp_path / "elsewhere", "train")
