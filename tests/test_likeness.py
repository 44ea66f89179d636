"""The same picture is known again, and another one is not taken for it."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from PIL.Image import Resampling

from mfpnet.data.camvid import CamVid
from mfpnet.data.pairs import PairedFiles
from mfpnet.pixels.file_looks import look_of_file
from mfpnet.pixels.likeness import (
    ALIKE,
    Album,
    Looks,
    groups,
    look_of,
    stacked,
    twins,
    unlikeness,
)
from mfpnet.pixels.pictures import Image
from mfpnet.synthetic.scenes import draw_scene

SCENES = [draw_scene(seed, (96, 128)).image for seed in range(4)]


def saved(image: Image, quality: int) -> Image:
    buffer = BytesIO()
    PIL.Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.array(PIL.Image.open(buffer))


def resized(image: Image, size: tuple[int, int], by: Resampling) -> Image:
    return np.array(PIL.Image.fromarray(image).resize((size[1], size[0]), by))


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image.copy(),
        lambda image: saved(image, 50),
        lambda image: resized(image, (48, 64), Resampling.BILINEAR),
        lambda image: resized(image, (24, 32), Resampling.LANCZOS),
        lambda image: resized(image, (192, 300), Resampling.BICUBIC),
        lambda image: saved(resized(image, (160, 160), Resampling.BICUBIC), 75),
    ],
)
def test_a_picture_saved_again_is_known(change: Callable[[Image], Image]) -> None:
    album = Album()
    for index, scene in enumerate(SCENES):
        album.add(scene, f"scene {index}")
    for index, scene in enumerate(SCENES):
        assert album.known(change(scene)) == f"scene {index}"


def test_other_pictures_are_not_known() -> None:
    album = Album()
    album.add(SCENES[0], "first")
    assert album.known(SCENES[1]) is None
    assert album.known(255 - SCENES[0]) is None
    assert album.known(SCENES[0][:, ::-1]) is None
    assert album.known(SCENES[0][..., ::-1]) is None
    assert Album().known(SCENES[0]) is None


def test_a_small_object_makes_another_picture() -> None:
    still = saved(SCENES[2], 95)
    later = still.copy()
    later[40:52, 60:72] = 255 - later[40:52, 60:72]
    album = Album()
    album.add(still, "still")
    assert album.known(later) is None
    assert unlikeness(look_of(still)[None], look_of(later)[None])[0, 0] < ALIKE


def test_plain_pictures_are_left_to_exact_comparison() -> None:
    album = Album()
    album.add(np.full((20, 20, 3), 80, dtype=np.uint8), "dark")
    assert album.known(np.full((30, 20, 3), 80, dtype=np.uint8)) is None


def test_pictures_of_other_channels_and_bits_have_looks() -> None:
    deep = (SCENES[0][..., :1].astype(np.uint16) * 13)[:, :, [0, 0, 0, 0, 0]]
    album = Album()
    album.add(deep, "five bands")
    assert album.known(deep[::1]) == "five bands"
    assert album.known(255 * 13 - deep) is None


def test_unlikeness_is_a_distance_by_contrast() -> None:
    one = np.tile(np.array([0, 100], dtype=np.float32), 384)[None]
    assert unlikeness(one, one)[0, 0] == pytest.approx(0, abs=1e-3)
    assert unlikeness(one, one + 10)[0, 0] == pytest.approx(10 / 50, rel=1e-3)
    assert unlikeness(one, one[:, ::-1])[0, 0] == pytest.approx(100 / 50, rel=1e-3)


def test_groups_go_through_neighbours_and_links() -> None:
    steps = [look_of(scene) for scene in SCENES]
    blend = [steps[0] + (steps[1] - steps[0]) * np.float32(t) for t in np.linspace(0, 1, 15)]
    looks = stacked([steps[2], *blend, steps[3]])
    assert unlikeness(looks[1:2], looks[15:16])[0, 0] > 3 * ALIKE
    assert groups(looks) == [0] + [1] * 15 + [2]
    assert groups(looks, [(0, 16)]) == [0] + [1] * 15 + [0]
    assert groups(looks, same=True) == list(range(17))
    assert groups(stacked([])) == []


def test_many_are_grouped_as_few_are() -> None:
    generator = np.random.default_rng(0)
    looks = generator.uniform(0, 255, (700, 768)).astype(np.float32)
    looks[650] = looks[3] + 1
    expected = list(range(700))
    expected[650:] = [3, *range(650, 699)]
    assert groups(looks) == groups(looks, same=True) == expected
    assert twins(looks[600:], looks[:10]) == [(50, 3)]


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "A.JPEG"])
def test_files_look_like_what_is_in_them(tmp_path: Path, name: str) -> None:
    large = resized(SCENES[0], (960, 1280), Resampling.BICUBIC)
    PIL.Image.fromarray(large).save(tmp_path / name)
    look = look_of_file(tmp_path / name)
    assert look is not None
    assert twins(look[None], look_of(SCENES[0])[None]) == [(0, 0)]


def test_a_photo_is_looked_at_upright(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    turned = PIL.Image.fromarray(np.rot90(SCENES[0]).copy())
    turned.save(tmp_path / "a.jpg", exif=exif, quality=95)
    look = look_of_file(tmp_path / "a.jpg")
    assert look is not None
    assert twins(look[None], look_of(SCENES[0])[None]) == [(0, 0)]


def test_a_file_that_changes_is_looked_at_again(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    PIL.Image.fromarray(SCENES[0]).save(file)
    first = look_of_file(file)
    PIL.Image.fromarray(SCENES[1]).save(file)
    second = look_of_file(file)
    assert first is not None
    assert second is not None
    assert not np.array_equal(first, second)


def test_files_that_cannot_be_read_have_no_looks(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8 broken")
    assert look_of_file(tmp_path / "a.jpg") is None
    assert look_of_file(tmp_path / "none.png") is None


def looks_of(dataset: PairedFiles, step: int) -> Looks:
    found = [look_of_file(pair.image) for pair in dataset.pairs[::step]]
    return stacked(look for look in found if look is not None)


def test_the_splits_of_camvid_share_no_picture(camvid_root: Path) -> None:
    test = looks_of(CamVid(camvid_root, "test"), 8)
    seen = looks_of(CamVid(camvid_root, "train+val"), 8)
    assert len(test) == 30
    assert twins(test, seen) == []
    assert float(unlikeness(test, seen).min()) > ALIKE


def test_drawn_streets_share_no_picture() -> None:
    looks = stacked(look_of(scene) for scene in SCENES)
    assert twins(looks, looks) == [(i, i) for i in range(len(SCENES))]
    assert groups(looks) == [0, 1, 2, 3]
