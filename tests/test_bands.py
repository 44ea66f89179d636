"""Picture files beyond 8-bit RGB: they come back as they were written, or an error names them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
import tifffile

from mfpnet.errors import MfpnetError
from mfpnet.pixels.bands import as_taken, fitted, read_bands, read_header, read_view
from mfpnet.pixels.format import RGB, PixelFormat, Raster, format_of
from mfpnet.pixels.pictures import find_images, picture_to_rgb, read_image
from mfpnet.pixels.png16 import decode_png16
from mfpnet.pixels.resizing import resize_image
from mfpnet.pixels.rgb_view import rgb_view

SIZE = (37, 53)


def noise(channels: int, bits: int, size: tuple[int, int] = SIZE) -> Raster:
    values = np.random.default_rng(channels).integers(0, 1 << bits, (*size, channels))
    return values.astype(np.uint8 if bits == 8 else np.uint16)


def save_tiff(path: Path, pixels: npt.NDArray[Any], **settings: Any) -> Path:
    usual = {"photometric": "minisblack", "planarconfig": "contig"}
    tifffile.imwrite(path, pixels, **{**usual, **settings})
    return path


def chunk(kind: bytes, content: bytes) -> bytes:
    ends = struct.pack(">I", len(content)), struct.pack(">I", zlib.crc32(kind + content))
    return ends[0] + kind + content + ends[1]


def filtered(rows: npt.NDArray[np.uint8], pixel: int) -> bytes:
    """The rows of a PNG, each by another one of the five filters of the specification."""
    padded = np.pad(rows.astype(np.int64), ((1, 0), (pixel, 0)))
    left, up, corner = padded[1:, :-pixel], padded[:-1, pixel:], padded[:-1, :-pixel]
    estimate = left + up - corner
    near = [abs(estimate - each) for each in (left, up, corner)]
    paeth = np.where(near[1] <= near[2], up, corner)
    paeth = np.where((near[0] <= near[1]) & (near[0] <= near[2]), left, paeth)
    guesses = [np.zeros_like(left), left, up, (left + up) // 2, paeth]
    lines = []
    for number, row in enumerate(rows):
        kind = number % 5
        line = (row.astype(np.int64) - guesses[kind][number]) % 256
        lines.append(bytes([kind]) + line.astype(np.uint8).tobytes())
    return b"".join(lines)


def as_rows(pixels: Raster) -> npt.NDArray[np.uint8]:
    big = np.ascontiguousarray(pixels.astype(">u2"))
    return big.view(np.uint8).reshape(len(pixels), -1)


def save_png16(path: Path, pixels: Raster, *, interlaced: bool = False) -> Path:
    height, width, channels = pixels.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, interlaced)
    starts = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2))
    passes = (*starts, (1, 0, 2, 1)) if interlaced else ((0, 0, 1, 1),)
    parts = [pixels[top::down, left::right] for top, left, down, right in passes]
    data = b"".join(filtered(as_rows(part), 2 * channels) for part in parts if part.size)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    return path


@pytest.mark.parametrize("channels", [2, 3, 4])
@pytest.mark.parametrize("interlaced", [False, True])
def test_a_png_of_16_bits_comes_back_to_the_bit(
    tmp_path: Path, channels: int, interlaced: bool
) -> None:
    pixels = noise(channels, 16)
    path = save_png16(tmp_path / "a.png", pixels, interlaced=interlaced)
    assert read_header(path).format == PixelFormat(channels, 16)
    np.testing.assert_array_equal(read_bands(path, PixelFormat(channels, 16)), pixels)
    # The high bytes are what Pillow itself makes of the file.
    with PIL.Image.open(path) as picture:
        eight = np.array(picture)[..., [0, 3] if channels == 2 else slice(None)]
    np.testing.assert_array_equal(decode_png16(path.read_bytes()) >> 8, eight)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (5, 9)])
def test_small_interlaced_pictures(tmp_path: Path, size: tuple[int, int]) -> None:
    pixels = noise(3, 16, size)
    path = save_png16(tmp_path / "a.png", pixels, interlaced=True)
    np.testing.assert_array_equal(read_bands(path, PixelFormat(3, 16)), pixels)


def test_a_truncated_png_of_16_bits_is_named(tmp_path: Path) -> None:
    path = save_png16(tmp_path / "a.png", noise(3, 16))
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(MfpnetError, match=r"a\.png' is a broken picture"):
        read_bands(path, PixelFormat(3, 16))


def test_16_bit_alpha_lets_white_through(tmp_path: Path) -> None:
    pixels = np.array([[[1000, 2000, 3000, 65535], [1000, 2000, 3000, 0]]], dtype=np.uint16)
    path = save_png16(tmp_path / "a.png", pixels)
    assert read_header(path).natural == PixelFormat(3, 16)
    seen = read_bands(path, PixelFormat(3, 16))
    assert seen.tolist() == [[[1000, 2000, 3000], [65535, 65535, 65535]]]
    assert read_bands(path, PixelFormat(4, 16)).tolist() == pixels.tolist()


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [2, 3, 4, 5, 13])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"planarconfig": "separate"},
        {"compression": "zlib", "predictor": True},
        {"tile": (16, 32)},
        {"rowsperstrip": 5},
        {"bigtiff": True},
        {"byteorder": ">"},
    ],
)
def test_a_tiff_of_bands_comes_back(
    tmp_path: Path, channels: int, bits: int, settings: dict[str, Any]
) -> None:
    pixels = noise(channels, bits)
    planar = settings.get("planarconfig") == "separate"
    path = save_tiff(
        tmp_path / "a.tif", np.moveaxis(pixels, 2, 0) if planar else pixels, **settings
    )
    header = read_header(path)
    assert header.format == header.natural == PixelFormat(channels, bits)
    np.testing.assert_array_equal(read_bands(path, header.format), pixels)


def test_rgb_tiffs(tmp_path: Path) -> None:
    deep, plain = noise(3, 16), noise(3, 8)
    sixteen = save_tiff(tmp_path / "16.tif", deep, photometric="rgb")
    eight = save_tiff(tmp_path / "8.tif", plain, photometric="rgb")
    np.testing.assert_array_equal(read_bands(sixteen, PixelFormat(3, 16)), deep)
    assert read_header(sixteen).natural == PixelFormat(3, 16)
    # A network for 8-bit RGB sees what it always saw.
    np.testing.assert_array_equal(read_bands(sixteen, RGB), read_image(sixteen))
    assert read_header(eight).natural == RGB
    np.testing.assert_array_equal(read_bands(eight, RGB), plain)


@pytest.mark.parametrize("extra", [None, "unassalpha", "unspecified"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("settings", [{}, {"tile": (16, 32)}, {"rowsperstrip": 5}])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_16_bit_rgb_is_the_same_whichever_way_its_bands_lie(
    tmp_path: Path,
    extra: str | None,
    byteorder: str,
    settings: dict[str, Any],
    compression: str | None,
) -> None:
    pixels = noise(4 if extra else 3, 16)
    settings |= {"photometric": "rgb", "byteorder": byteorder, "compression": compression}
    settings |= {"extrasamples": [extra]} if extra else {}
    mixed = save_tiff(tmp_path / "mixed.tif", pixels, **settings)
    planes = np.moveaxis(pixels, 2, 0)
    apart = save_tiff(tmp_path / "apart.tif", planes, planarconfig="separate", **settings)
    expected = read_bands(mixed, RGB)
    if extra != "unassalpha":
        np.testing.assert_array_equal(expected, pixels[..., :3] >> 8)
    np.testing.assert_array_equal(read_bands(apart, RGB), expected)
    np.testing.assert_array_equal(read_image(apart), expected)
    with PIL.Image.open(apart) as picture:
        np.testing.assert_array_equal(picture_to_rgb(picture), expected)


def test_16_bit_grey_that_calls_itself_a_plane_is_read(tmp_path: Path) -> None:
    pixels, path = noise(1, 16), tmp_path / "a.tif"
    PIL.Image.fromarray(pixels[..., 0]).save(path, tiffinfo={284: 2})
    np.testing.assert_array_equal(read_bands(path, PixelFormat(1, 16)), pixels)


def test_alpha_is_a_band_only_where_it_is_asked_for(tmp_path: Path) -> None:
    pixels, path = noise(4, 8), tmp_path / "a.png"
    PIL.Image.fromarray(pixels).save(path)
    assert read_header(path).natural == RGB
    np.testing.assert_array_equal(read_bands(path, RGB), read_image(path))
    np.testing.assert_array_equal(read_bands(path, PixelFormat(4)), pixels)
    tiff = save_tiff(tmp_path / "a.tif", pixels, photometric="rgb", extrasamples=["unassalpha"])
    assert read_header(tiff).natural == RGB
    np.testing.assert_array_equal(read_bands(tiff, PixelFormat(4)), pixels)


def test_a_fourth_band_that_is_no_alpha_counts(tmp_path: Path) -> None:
    pixels = noise(4, 8)
    path = save_tiff(tmp_path / "a.tif", pixels, photometric="rgb", extrasamples=["unspecified"])
    assert read_header(path).natural == PixelFormat(4)
    np.testing.assert_array_equal(read_bands(path, PixelFormat(4)), pixels)
    np.testing.assert_array_equal(read_bands(path, RGB), pixels[..., :3])


@pytest.mark.parametrize("bits", [8, 16])
def test_grey_pages_are_bands(tmp_path: Path, bits: int) -> None:
    pixels, path = noise(6, bits), tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        for band in np.moveaxis(pixels, 2, 0):
            writer.write(band, contiguous=False, photometric="minisblack")
    assert read_header(path).natural == PixelFormat(6, bits)
    np.testing.assert_array_equal(read_bands(path, PixelFormat(6, bits)), pixels)


def test_a_page_of_another_size_is_no_band(tmp_path: Path) -> None:
    pixels, path = noise(1, 16), tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(pixels[..., 0], photometric="minisblack")
        writer.write(pixels[::2, ::2, 0], photometric="minisblack")
    np.testing.assert_array_equal(read_bands(path, PixelFormat(1, 16)), pixels)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_16_bit_grey(tmp_path: Path, suffix: str) -> None:
    pixels, path = noise(1, 16), tmp_path / f"a{suffix}"
    PIL.Image.fromarray(pixels[..., 0]).save(path)
    assert read_header(path).natural == PixelFormat(1, 16)
    np.testing.assert_array_equal(read_bands(path, PixelFormat(1, 16)), pixels)
    np.testing.assert_array_equal(read_bands(path, PixelFormat(3, 16)), pixels.repeat(3, axis=2))
    np.testing.assert_array_equal(read_bands(path, RGB), read_image(path))


def test_photos_as_grey(tmp_path: Path) -> None:
    pixels = noise(3, 8)
    grey, colour = tmp_path / "grey.png", tmp_path / "colour.png"
    PIL.Image.fromarray(pixels[..., 0]).save(grey)
    PIL.Image.fromarray(pixels).save(colour)
    one = PixelFormat(1)
    np.testing.assert_array_equal(read_bands(grey, one)[..., 0], pixels[..., 0])
    expected = np.array(PIL.Image.fromarray(pixels).convert("L"))
    np.testing.assert_array_equal(read_bands(colour, one)[..., 0], expected)


@pytest.mark.parametrize("pixels", [noise(5, 16), noise(1, 8), noise(3, 8)], ids=str)
def test_an_array_file(tmp_path: Path, pixels: Raster) -> None:
    path = tmp_path / "a.npy"
    np.save(path, pixels)
    np.testing.assert_array_equal(read_bands(path, format_of(pixels)), pixels)
    assert read_header(path).natural == format_of(pixels)
    assert find_images(str(tmp_path)) == [path]


@pytest.mark.parametrize("array", [np.zeros((4, 5), np.float32), np.zeros((2, 4, 5, 3), np.uint8)])
def test_an_array_that_is_no_picture(tmp_path: Path, array: npt.NDArray[Any]) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(MfpnetError, match=r"a\.npy' holds an array \(.*of uint8 or uint16"):
        read_header(tmp_path / "a.npy")


def test_an_array_of_objects_is_not_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(MfpnetError, match="broken picture"):
        read_header(tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("dtype", "text"),
    [("float32", "floating-point numbers of 32"), ("int16", "signed"), ("uint32", "of 32 bits")],
)
def test_numbers_that_are_no_pixels_are_refused(tmp_path: Path, dtype: str, text: str) -> None:
    path = save_tiff(tmp_path / "a.tif", noise(5, 8).astype(dtype))
    with pytest.raises(MfpnetError, match=rf"a\.tif' .*{text}.*: save it with 8 or 16 bits"):
        read_header(path)


def test_a_mismatch_names_file_and_both_sides(tmp_path: Path) -> None:
    path = save_tiff(tmp_path / "a.tif", noise(5, 16))
    text = r"a\.tif' has 5 channels of 16 bits, and 3 channels of 8 bits are wanted.*--channels 5"
    with pytest.raises(MfpnetError, match=text):
        read_bands(path, RGB)
    photo = tmp_path / "a.png"
    PIL.Image.fromarray(noise(3, 8)).save(photo)
    with pytest.raises(MfpnetError, match="3 channels of 8 bits, and 1 channel of 16 bits is"):
        read_bands(photo, PixelFormat(1, 16))


def test_a_broken_tiff_is_named(tmp_path: Path) -> None:
    path = save_tiff(tmp_path / "a.tif", noise(5, 16), compression="zlib", predictor=True)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(MfpnetError, match=r"a\.tif' is a broken TIFF file"):
        read_bands(path, PixelFormat(5, 16))
    path.write_bytes(b"II*\0")
    with pytest.raises(MfpnetError, match=r"a\.tif' is a broken picture"):
        read_header(path)


def test_a_missing_codec_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_tiff(tmp_path / "a.tif", noise(5, 16))

    def refuse(page: object) -> None:
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPage, "asarray", refuse)
    with pytest.raises(MfpnetError, match=r"compressed with LZW, which needs .*mfpnet\[tiff\]"):
        read_bands(path, PixelFormat(5, 16))


def test_without_tifffile_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_tiff(tmp_path / "a.tif", noise(5, 16))
    monkeypatch.setitem(__import__("sys").modules, "tifffile", None)
    assert read_header(path).format == PixelFormat(5, 16)
    with pytest.raises(MfpnetError, match=r"mfpnet\[tiff\]"):
        read_bands(path, PixelFormat(5, 16))


def test_arrays_are_fitted_only_where_they_say_the_same() -> None:
    grey, colour = noise(1, 16), noise(3, 8)
    np.testing.assert_array_equal(fitted(grey, PixelFormat(3, 16), "it"), grey.repeat(3, axis=2))
    assert fitted(colour, RGB, "it") is colour
    with pytest.raises(MfpnetError, match=r"^it has 1 channel of 16 bits"):
        fitted(grey, PixelFormat(3, 8), "it")


def test_bands_are_scaled_as_pillow_scales_grey() -> None:
    pixels = noise(5, 8)
    scaled = resize_image(pixels, (20, 30))
    for band in range(5):
        alone = PIL.Image.fromarray(pixels[..., band]).resize(
            (30, 20), PIL.Image.Resampling.BILINEAR
        )
        np.testing.assert_array_equal(scaled[..., band], np.array(alone))
    deep = resize_image(pixels.astype(np.uint16) * np.uint16(257), (20, 30))
    assert np.abs(deep / 257.0 - scaled).max() <= 1
    assert resize_image(np.full((40, 50, 2), 65535, np.uint16), (97, 33)).min() == 65535


def test_what_is_looked_at() -> None:
    colour, bands = noise(3, 8), noise(5, 8)
    np.testing.assert_array_equal(rgb_view(colour), colour)
    np.testing.assert_array_equal(rgb_view(bands), bands[..., :3])
    np.testing.assert_array_equal(rgb_view(bands[..., :2]), bands[..., [0, 0, 0]])
    dim = np.linspace(1000, 3000, 100 * 100).reshape(100, 100, 1).astype(np.uint16)
    shown = rgb_view(dim)
    assert shown.shape == (100, 100, 3)
    assert (shown.min(), shown.max()) == (0, 255)
    assert (shown == 0).all(axis=2).mean() == pytest.approx(0.02, abs=0.01)
    assert rgb_view(np.full((8, 8, 1), 700, np.uint16)).max() == 0


def test_any_file_can_be_looked_at(tmp_path: Path) -> None:
    path = save_tiff(tmp_path / "a.tif", noise(5, 16))
    assert format_of(read_view(path)) == RGB


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I"])
@pytest.mark.parametrize("wanted", [(1, 8), (2, 8), (3, 8), (4, 8), (1, 16), (3, 16)])
def test_an_opened_picture_is_taken_as_its_file_is(
    tmp_path: Path, mode: str, wanted: tuple[int, int]
) -> None:
    deep = mode.startswith("I")
    picture = PIL.Image.fromarray(noise(1, 16)[..., 0] if deep else noise(4, 8))
    picture = picture if deep else picture.convert(mode)
    on_its_side = PIL.Image.Exif()
    if mode != "I":  # a PGM has nothing but pixels
        on_its_side[0x0112] = 6
    path = (tmp_path / "a").with_suffix({"CMYK": ".tif", "I": ".pgm"}.get(mode, ".png"))
    picture.save(path, exif=on_its_side)
    expected = taken(read_bands, path, wanted)
    with PIL.Image.open(path) as opened:
        assert opened.mode == mode
        found = taken(as_taken, opened, wanted)
    if isinstance(expected, str):
        assert found == expected.replace(f"'{path}'", "the picture")
    else:
        np.testing.assert_array_equal(found, expected)
        assert expected.shape[:2] == (SIZE if mode == "I" else SIZE[::-1])


def taken(read: Callable[..., Raster], given: object, wanted: tuple[int, int]) -> Raster | str:
    try:
        return read(given, PixelFormat(*wanted))
    except MfpnetError as error:
        return str(error)
