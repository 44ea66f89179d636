from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest

from mfpnet.data.datasets import load_checked
from mfpnet.data.source import DataSource
from mfpnet.data.voc import VOC, PascalVoc
from mfpnet.errors import MfpnetError
from mfpnet.labels import voc_colour
from mfpnet.pixels.pictures import Image, write_png
from mfpnet.sources import open_dataset

SIZE = (40, 56)


def write_palette(path: Path, labels: npt.NDArray[np.uint8]) -> None:
    """As the official masks are: a palette PNG whose indices are the classes."""
    picture = PIL.Image.fromarray(labels).convert("P")
    picture.putdata(labels.ravel().tolist())
    picture.putpalette([channel for index in range(256) for channel in voc_colour(index)])
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)


def mask_of(seed: int) -> npt.NDArray[np.uint8]:
    labels = np.random.default_rng(seed).integers(0, 21, SIZE).astype(np.uint8)
    labels[:2] = 255
    return labels


def picture_of(seed: int) -> Image:
    pixels: Image = np.random.default_rng(seed).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
    return pixels


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """VOCdevkit with 2012's folders: three pictures in train, one in val."""
    root = tmp_path / "VOCdevkit" / "VOC2012"
    for number in range(4):
        name = f"2007_{number:06d}"
        (root / "JPEGImages").mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(picture_of(number)).save(root / "JPEGImages" / f"{name}.jpg")
        write_palette(root / "SegmentationClass" / f"{name}.png", mask_of(number))
    lists = root / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("2007_000000\n2007_000001\n2007_000002\n")
    (lists / "val.txt").write_text("2007_000003\n\n")
    return root


def test_the_palette_is_the_official_one() -> None:
    known = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 3: (128, 128, 0), 4: (0, 0, 128)}
    known |= {8: (64, 0, 0), 15: (192, 128, 128), 20: (0, 64, 128), 255: (224, 224, 192)}
    assert {index: voc_colour(index) for index in known} == known
    assert VOC.palette[15] == known[VOC.classes.index("person")]
    assert len(set(VOC.palette)) == VOC.num_classes == 21


def test_lists_name_the_pictures(root: Path) -> None:
    train = open_dataset(DataSource("voc", "train", str(root)))
    assert [train.frame_name(i) for i in range(3)] == [f"2007_00000{i}" for i in range(3)]
    image, target = load_checked(train, 1)
    assert image.shape == (*SIZE, 3)
    assert np.array_equal(target, mask_of(1))
    assert len(PascalVoc(root, "train+val")) == 4
    assert len(PascalVoc(root.parent, "val")) == 1


def test_the_augmented_list_has_masks_of_its_own(root: Path) -> None:
    name = "2011_000009"
    PIL.Image.fromarray(picture_of(9)).save(root / "JPEGImages" / f"{name}.jpg")
    listed = root / "ImageSets" / "Segmentation" / "trainaug.txt"
    listed.write_text(f"/JPEGImages/2007_000000.jpg /SegmentationClass/2007_000000.png\n{name}\n")
    with pytest.raises(MfpnetError, match=r"names 2 pictures, and 1 .*'2011_000009' has no mask"):
        PascalVoc(root, "trainaug")
    write_png(root / "SegmentationClassAug" / f"{name}.png", mask_of(9))
    data = PascalVoc(root, "trainaug")
    assert np.array_equal(data.load(1)[1], mask_of(9))


def test_what_is_missing_is_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(MfpnetError, match=r"split of voc 'vall'. Did you mean 'val'"):
        PascalVoc(root, "vall")
    with pytest.raises(MfpnetError, match=r"has no list of names.*ImageSets/Segmentation"):
        PascalVoc(tmp_path, "train")
    (root / "JPEGImages" / "2007_000003.jpg").unlink()
    with pytest.raises(MfpnetError, match="'2007_000003' has no picture"):
        PascalVoc(root, "val")
    (root / "ImageSets" / "Segmentation" / "val.txt").write_text("\n")
    with pytest.raises(MfpnetError, match="it is empty"):
        PascalVoc(root, "val")
