from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest

from mfpnet.errors import MfpnetError
from mfpnet.pixels.pictures import (
    Image,
    Labels,
    find_images,
    picture_to_rgb,
    read_image,
    read_labels,
    write_png,
)

RNG = np.random.default_rng(0)
ORIENTATION = 0x0112


def colours(height: int = 5, width: int = 7) -> Image:
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def indices(height: int = 5, width: int = 7, count: int = 12) -> Image:
    return RNG.integers(0, count, (height, width), dtype=np.uint8)


def grey_png(values: Image, bits: int) -> bytes:
    """A grey PNG of few bits a pixel, which Pillow reads but does not write."""
    rows = np.unpackbits(values[..., None], axis=2)[..., 8 - bits :].reshape(len(values), -1)
    packed = np.packbits(rows, axis=1)
    data = b"".join(b"\0" + row.tobytes() for row in packed)
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], bits, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def assert_image(image: Image, height: int, width: int) -> None:
    assert image.shape == (height, width, 3)
    assert image.dtype == np.uint8
    assert image.flags.writeable


@pytest.mark.parametrize("suffix", [".png", ".webp", ".bmp", ".tif", ".ppm"])
def test_lossless_rgb_comes_back(tmp_path: Path, suffix: str) -> None:
    pixels = colours()
    path = tmp_path / f"a{suffix}"
    PIL.Image.fromarray(pixels).save(path, lossless=True)
    image = read_image(path)
    assert_image(image, 5, 7)
    np.testing.assert_array_equal(image, pixels)


def test_grey_has_three_equal_channels(tmp_path: Path) -> None:
    grey = indices(count=256)
    PIL.Image.fromarray(grey).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.dstack([grey] * 3))


def test_one_bit_is_black_and_white(tmp_path: Path) -> None:
    bits = indices(count=2).astype(bool)
    PIL.Image.fromarray(bits).save(tmp_path / "a.png")
    expected = np.dstack([np.where(bits, 255, 0)] * 3)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), expected)


def test_sixteen_bit_grey_is_scaled(tmp_path: Path) -> None:
    values = np.array([[0, 128, 129, 257, 32768, 65535]], dtype=np.uint16)
    PIL.Image.fromarray(values).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png")[0, :, 0].tolist() == [0, 0, 1, 1, 128, 255]


def test_rgba_lies_over_white(tmp_path: Path) -> None:
    pixels = np.array([[[200, 0, 0, 0], [200, 0, 0, 255]]], dtype=np.uint8)
    PIL.Image.fromarray(pixels).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").tolist() == [[[255, 255, 255], [200, 0, 0]]]


def test_grey_with_alpha_lies_over_white(tmp_path: Path) -> None:
    picture = PIL.Image.new("LA", (1, 1), (40, 0))
    picture.save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").tolist() == [[[255, 255, 255]]]


def test_transparent_palette_entry_lies_over_white(tmp_path: Path) -> None:
    picture = PIL.Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.putpixel((1, 0), 1)
    picture.save(tmp_path / "a.png", transparency=0)
    assert read_image(tmp_path / "a.png").tolist() == [[[255, 255, 255], [40, 50, 60]]]


def test_transparent_rgb_colour_lies_over_white(tmp_path: Path) -> None:
    pixels = np.array([[[1, 2, 3], [4, 5, 6]]], dtype=np.uint8)
    PIL.Image.fromarray(pixels).save(tmp_path / "a.png", transparency=(1, 2, 3))
    assert read_image(tmp_path / "a.png").tolist() == [[[255, 255, 255], [4, 5, 6]]]


def test_cmyk_jpeg_keeps_its_colour(tmp_path: Path) -> None:
    picture = PIL.Image.new("RGB", (16, 16), (220, 30, 30)).convert("CMYK")
    picture.save(tmp_path / "a.jpg", quality=95)
    image = read_image(tmp_path / "a.jpg")
    assert_image(image, 16, 16)
    np.testing.assert_allclose(image.mean(axis=(0, 1)), (220, 30, 30), atol=4)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_camera_orientation_is_applied(tmp_path: Path, suffix: str) -> None:
    pixels = np.zeros((16, 32, 3), dtype=np.uint8)
    pixels[:, :16] = 255
    exif = PIL.Image.Exif()
    exif[ORIENTATION] = 6  # turn clockwise to see it upright: left becomes top
    path = tmp_path / f"a{suffix}"
    PIL.Image.fromarray(pixels).save(path, exif=exif)
    image = read_image(path)
    assert_image(image, 32, 16)
    assert image[:14].min() > 240
    assert image[18:].max() < 15


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA", "CMYK", "I;16"])
@pytest.mark.parametrize("compression", [None, "tiff_deflate"])
def test_a_tiff_on_its_side_is_turned(tmp_path: Path, mode: str, compression: str | None) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (16, 33), dtype=np.uint16)
    colours = np.random.default_rng(0).integers(0, 256, (16, 33, 4), dtype=np.uint8)
    picture = PIL.Image.fromarray(deep if mode == "I;16" else colours)
    picture = picture if mode == "I;16" else picture.convert(mode)
    exif = PIL.Image.Exif()
    exif[ORIENTATION] = 6
    path = tmp_path / "a.tif"
    picture.save(path, exif=exif, compression=compression)
    expected = np.rot90(picture_to_rgb(picture), -1)
    np.testing.assert_array_equal(read_image(path), expected)
    with PIL.Image.open(path) as opened:
        np.testing.assert_array_equal(picture_to_rgb(opened), expected)


def test_floating_point_picture_is_refused(tmp_path: Path) -> None:
    PIL.Image.fromarray(np.ones((2, 2), dtype=np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(MfpnetError, match="floating-point"):
        read_image(tmp_path / "a.tif")


def broken_file(folder: Path, kind: str) -> Path:
    if kind == "empty.png":
        content = b""
    elif kind == "text.png":
        content = b"this is no picture\n" * 20
    else:
        PIL.Image.fromarray(colours(64, 64)).save(folder / kind)
        whole = (folder / kind).read_bytes()
        content = whole[: len(whole) // 2]
    (folder / kind).write_bytes(content)
    return folder / kind


@pytest.mark.parametrize("read", [read_image, read_labels])
@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        ("empty.png", r"empty \(0 bytes\)"),
        ("text.png", "not a picture"),
        ("half.jpg", "broken picture"),
        ("half.png", "broken picture"),
        ("half.webp", "not a picture|broken picture"),
        ("half.tif", "broken picture"),
    ],
)
def test_broken_file_is_named(tmp_path: Path, read: object, kind: str, complaint: str) -> None:
    assert callable(read)
    path = broken_file(tmp_path, kind)
    with pytest.raises(MfpnetError, match=complaint) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_every_truncation_is_a_clean_error_or_a_whole_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    pixels = colours()
    PIL.Image.fromarray(pixels).save(path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        try:
            image = read_image(path)
        except MfpnetError:
            continue
        np.testing.assert_array_equal(image, pixels)


def test_missing_picture_and_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(MfpnetError, match=r"no picture '.*none.png'"):
        read_image(tmp_path / "none.png")
    with pytest.raises(MfpnetError, match="Is a directory"):
        read_image(tmp_path)


def test_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    PIL.Image.fromarray(colours(20, 20)).save(tmp_path / "a.png")
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(MfpnetError, match="too large"):
        read_image(tmp_path / "a.png")


def test_grey_mask_comes_back(tmp_path: Path) -> None:
    labels = indices(count=256)
    write_png(tmp_path / "m.png", labels)
    back = read_labels(tmp_path / "m.png")
    assert back.dtype == np.uint8
    np.testing.assert_array_equal(back, labels)


def test_sixteen_bit_mask_comes_back(tmp_path: Path) -> None:
    labels: Labels = np.array([[0, 255, 256, 65535]], dtype=np.uint16)
    write_png(tmp_path / "m.png", labels)
    back = read_labels(tmp_path / "m.png")
    assert back.dtype == np.uint16
    np.testing.assert_array_equal(back, labels)


def test_palette_mask_gives_indices_not_colours(tmp_path: Path) -> None:
    labels = indices()
    picture = PIL.Image.fromarray(labels)
    picture.putpalette([value for index in range(256) for value in (255 - index, 7, index)])
    picture.save(tmp_path / "m.png", transparency=0)
    np.testing.assert_array_equal(read_labels(tmp_path / "m.png"), labels)


def test_one_bit_mask_gives_zero_and_one(tmp_path: Path) -> None:
    labels = indices(count=2)
    PIL.Image.fromarray(labels.astype(bool)).save(tmp_path / "m.png")
    back = read_labels(tmp_path / "m.png")
    assert back.dtype == np.uint8
    np.testing.assert_array_equal(back, labels)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_mask_of_few_bits_is_not_stretched(tmp_path: Path, bits: int) -> None:
    labels = indices(count=2**bits)
    (tmp_path / "m.png").write_bytes(grey_png(labels, bits))
    np.testing.assert_array_equal(read_labels(tmp_path / "m.png"), labels)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_colour_mask_is_refused_with_the_fix(tmp_path: Path, mode: str) -> None:
    PIL.Image.fromarray(colours()).convert(mode).save(tmp_path / "m.png")
    with pytest.raises(MfpnetError, match=f"mode {mode}.*8-bit grey or palette PNG"):
        read_labels(tmp_path / "m.png")


def test_colour_mask_of_equal_channels_is_told_so(tmp_path: Path) -> None:
    write_png(tmp_path / "m.png", np.dstack([indices()] * 3))
    with pytest.raises(MfpnetError, match="channels are equal"):
        read_labels(tmp_path / "m.png")


@pytest.mark.parametrize("name", ["m.jpg", "m.png"])
def test_jpeg_mask_is_refused_whatever_its_name(tmp_path: Path, name: str) -> None:
    PIL.Image.fromarray(indices()).save(tmp_path / name, format="JPEG")
    with pytest.raises(MfpnetError, match="is a JPEG file"):
        read_labels(tmp_path / name)


def test_write_png_refuses_another_suffix(tmp_path: Path) -> None:
    with pytest.raises(MfpnetError, match=r"ends in \.png"):
        write_png(tmp_path / "a.jpg", colours())


@pytest.mark.parametrize(
    "array", [np.zeros((2, 2)), np.zeros((2, 2, 4), np.uint8), np.zeros((0, 2), np.uint8)]
)
def test_write_png_refuses_other_arrays(tmp_path: Path, array: npt.NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="expected"):
        write_png(tmp_path / "a.png", array)
    assert list(tmp_path.iterdir()) == []


def make_files(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def test_folder_gives_its_pictures_sorted(tmp_path: Path) -> None:
    make_files(tmp_path, "b.png", "a.JPG", "notes.txt", ".hidden.png", "sub/c.png")
    assert find_images(str(tmp_path)) == [tmp_path / "a.JPG", tmp_path / "b.png"]


def test_file_is_taken_whatever_its_suffix(tmp_path: Path) -> None:
    make_files(tmp_path, "frame", "odd[1].png")
    assert find_images(str(tmp_path / "frame")) == [tmp_path / "frame"]
    assert find_images(str(tmp_path / "odd[1].png")) == [tmp_path / "odd[1].png"]


def test_glob_gives_pictures_only(tmp_path: Path) -> None:
    make_files(tmp_path, "a1.png", "a2.png", "a3.txt", "b.png", "sub/deep/a4.webp")
    assert find_images(str(tmp_path / "a*")) == [tmp_path / "a1.png", tmp_path / "a2.png"]
    deep = find_images(str(tmp_path / "**" / "a*"))
    assert [file.name for file in deep] == ["a1.png", "a2.png", "a4.webp"]


def test_a_tilde_is_a_home_only_where_it_is_no_part_of_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_files(tmp_path, "~photo.png", "~/a.png", "home/b.png", "home/c.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert find_images("~photo.png") == find_images("~p*.png") == [Path("~photo.png")]
    assert find_images("~/a.png") == [Path("~/a.png")]
    assert find_images("~/b.png") == [tmp_path / "home" / "b.png"]
    with pytest.raises(MfpnetError, match=r"no file or folder '~no such user/d\.png'"):
        find_images("~no such user/d.png")


def test_relative_glob(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_files(tmp_path, "sub/a.png")
    monkeypatch.chdir(tmp_path)
    assert find_images("sub/*.png") == [Path("sub/a.png")]


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("", "no picture was named"),
        ("{}/none", "no file or folder"),
        ("{}/none.png", "no file or folder"),
        ("{}/*.png", "no picture matches"),
        ("{}", "no picture in folder"),
    ],
)
def test_nothing_found_says_what_was_looked_at(tmp_path: Path, spec: str, complaint: str) -> None:
    make_files(tmp_path, "notes.txt", "sub/a.png")
    named = spec.format(tmp_path)
    with pytest.raises(MfpnetError, match=complaint) as caught:
        find_images(named)
    assert named in str(caught.value)
