"""Pictures in and out: any file becomes upright 8-bit RGB, any index mask becomes labels.

Numpy and Pillow only, so that a prediction with an exported network needs no torch.
"""

from __future__ import annotations

import glob
import struct
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
from PIL import ImageOps

from mfpnet.errors import MfpnetError
from mfpnet.files import write_atomically
from mfpnet.pixels.strips import row_strips
from mfpnet.pixels.tiff_faults import mend_tiff

Image = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.uint8 | np.uint16]
# 0 where there is no object, else the number of each.
Instances = npt.NDArray[np.uint16]

IMAGE_SUFFIXES: frozenset[str] = frozenset(
    {".bmp", ".gif", ".jpeg", ".jpg", ".npy", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)

# What Pillow's decoders raise on broken content, over and above OSError.
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, struct.error)
_UNSIGNED_16 = ("I", "I;16", "I;16B", "I;16L", "I;16N")
_MASK_MODES = ("L", "P", "1", *_UNSIGNED_16)
_MASK_ADVICE = "Save it as an 8-bit grey or palette PNG whose values are the class indices"


def read_image(path: Path) -> Image:
    """The first frame of a picture file as (H, W, 3) uint8 RGB, upright.

    Grey, palette, CMYK and the like are converted, transparent pixels are laid over white, 16-bit
    grey is scaled from 0..65535 to 0..255, and the orientation that a camera noted is applied.

    Raises:
        MfpnetError: the file is missing, empty, truncated, broken or not a picture.
    """
    with decoded(path) as picture:
        return _as_rgb(picture, f"'{path}'")


def picture_to_rgb(picture: PIL.Image.Image) -> Image:
    """An opened Pillow picture, treated as `read_image` treats a file.

    Raises:
        MfpnetError: its pixels are floating-point or beyond 16 bits.
    """
    return _as_rgb(upright(picture), "the picture")


def upright(picture: PIL.Image.Image) -> PIL.Image.Image:
    """An opened Pillow picture as its camera was held, in a copy."""
    mend_tiff(picture)
    return ImageOps.exif_transpose(picture)


def read_labels(path: Path) -> Labels:
    """A label mask as (H, W) class indices, uint8, or uint16 where the file has 16 bits.

    Grey, palette (its indices, whatever its colours), black-and-white and 16-bit files are masks.

    Raises:
        MfpnetError: as :func:`read_image`; and for colour pictures and JPEG files, which hold no
            class indices.
    """
    with decoded(path) as picture:
        header = file_header(path)
        _check_mask(path, header, picture)
        if picture.mode in _UNSIGNED_16:
            return sixteen_bits(f"'{path}'", picture)
        labels: Image = np.array(picture).astype(np.uint8)
        return labels // np.uint8(grey_step(header))


def write_png(path: Path, array: Image | Labels) -> None:
    """Write (H, W, 3) uint8 RGB, or (H, W) uint8 or uint16, as a PNG file, atomically.

    Raises:
        MfpnetError: the name does not end in ``.png``, or the file cannot be written.
        ValueError: an array of another shape or type.
    """
    if path.suffix.lower() != ".png":
        raise MfpnetError(f"cannot write '{path}' as PNG: give a name that ends in .png.")
    _check_writable_array(array)
    buffer = BytesIO()
    PIL.Image.fromarray(np.ascontiguousarray(array)).save(buffer, format="PNG")
    write_atomically(path, buffer.getvalue())


def find_images(spec: str) -> list[Path]:
    """The pictures that ``spec`` names, sorted: one file, a folder (not its sub-folders) or a glob.

    A file named outright is taken whatever its suffix; folders and globs give the files that end
    in one of ``IMAGE_SUFFIXES``, in any case, and are not hidden. ``**`` in a glob means any depth.

    Raises:
        MfpnetError: nothing was found; the text says what was looked at.
    """
    if not spec:
        raise MfpnetError("no picture was named. Give a file, a folder or a glob.")
    try:
        path = _at_home(Path(spec))
        if path.is_file():
            return [path]
        pictures = sorted(file for file in _candidates(path) if _looks_like_picture(file))
    except OSError as error:
        raise MfpnetError(f"cannot look into '{spec}': {error.strerror}.") from error
    if not pictures:
        raise _nothing_found(path)
    return pictures


def _at_home(path: Path) -> Path:
    """The path with the home folder that its `~` stands for; there are files called `~x.png`."""
    if path.exists():
        return path
    try:
        return path.expanduser()
    except RuntimeError:  # nobody is called that
        return path


@contextmanager
def decoded(path: Path) -> Iterator[PIL.Image.Image]:
    """The decoded, upright picture; what Pillow raises until the block ends is translated."""
    with readable(path), opened(path) as picture:
        picture.load()
        # In place, because a copy is made otherwise even where there is nothing to turn.
        ImageOps.exif_transpose(picture, in_place=True)
        yield picture


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Within it, what Pillow and numpy raise about a file becomes an `MfpnetError`."""
    try:
        yield
    except PIL.Image.DecompressionBombError as error:
        raise MfpnetError(f"'{path}' is too large a picture: {error} Scale it down.") from error
    except _BROKEN as error:
        raise _unreadable(path, error) from error


def opened(path: Path) -> PIL.Image.Image:
    """A picture of which only the header has been read.

    Pillow warns from 89 megapixels on and refuses from 179 on; up to there nothing is wrong.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)
        picture = PIL.Image.open(path)
    mend_tiff(picture)
    return picture


def _unreadable(path: Path, error: Exception) -> MfpnetError:
    if isinstance(error, FileNotFoundError):
        return MfpnetError(f"there is no picture '{path}'. Check the path.")
    if isinstance(error, OSError) and error.errno is not None:
        return MfpnetError(f"cannot read '{path}': {error.strerror}.")
    if path.stat().st_size == 0:
        return MfpnetError(f"'{path}' is empty (0 bytes). Copy the picture again.")
    if isinstance(error, PIL.UnidentifiedImageError):
        return MfpnetError(f"'{path}' is not a picture in a format that can be read.")
    return MfpnetError(f"'{path}' is a broken picture: {error}. Copy it again.")


def _as_rgb(picture: PIL.Image.Image, called: str) -> Image:
    if picture.mode in _UNSIGNED_16:
        grey = sixteen_bits(called, picture)
        return np.repeat(_to_eight_bits(grey)[..., None], 3, axis=2)
    if picture.mode == "F":
        raise MfpnetError(f"{called} holds floating-point pixels. Save it with 8 bits.")
    return _pixels(_over_white(picture))


def _pixels(picture: PIL.Image.Image) -> Image:
    """(H, W, 3) of an RGB picture; Pillow's own way makes two more copies on the way."""
    width, height = picture.size
    pixels = np.empty((height, width, 3), dtype=np.uint8)
    for rows in row_strips(height, width):
        pixels[rows] = np.asarray(picture.crop((0, rows.start, width, rows.stop)))
    return pixels


def sixteen_bits(called: str, picture: PIL.Image.Image) -> npt.NDArray[np.uint16]:
    """(H, W) of a grey picture of more than 8 bits; `called` is its name in an error.

    Raises:
        MfpnetError: values below 0 or above 65535.
    """
    values = np.array(picture)
    if values.size and (values.min() < 0 or values.max() > 65535):
        raise MfpnetError(f"{called} holds values beyond 16 bits. Save it with 8 or 16 bits.")
    return values.astype(np.uint16)


def _to_eight_bits(grey: npt.NDArray[np.uint16]) -> Image:
    return ((grey.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _over_white(picture: PIL.Image.Image) -> PIL.Image.Image:
    if picture.mode not in ("LA", "PA", "RGBA", "RGBa") and "transparency" not in picture.info:
        return picture if picture.mode == "RGB" else picture.convert("RGB")
    layer = picture.convert("RGBA")
    white = PIL.Image.new("RGBA", layer.size, (255, 255, 255, 255))
    return PIL.Image.alpha_composite(white, layer).convert("RGB")


def file_header(path: Path) -> bytes:
    """The first 26 bytes, in which a PNG tells its bits."""
    with path.open("rb") as stream:
        return stream.read(26)


def _check_mask(path: Path, header: bytes, picture: PIL.Image.Image) -> None:
    if header.startswith(b"\xff\xd8"):
        raise MfpnetError(f"'{path}' is a JPEG file, which alters class indices. {_MASK_ADVICE}.")
    if picture.mode in _MASK_MODES:
        return
    red, *others = picture.convert("RGB").split()
    same = all(channel.tobytes() == red.tobytes() for channel in others)
    fix = "its channels are equal, so keep one of them" if same else "map each colour to its class"
    raise MfpnetError(
        f"'{path}' is a colour picture (mode {picture.mode}), but a label mask has one class index"
        f" per pixel. {_MASK_ADVICE}: {fix}."
    )


def grey_step(header: bytes) -> int:
    """What one class index is worth in a decoded grey PNG of 2 or 4 bits, else 1.

    Pillow stretches those to 0..255, and PNG optimisers make them out of 8-bit masks.
    """
    if header[:8] != b"\x89PNG\r\n\x1a\n" or header[25] != 0:
        return 1
    return {2: 85, 4: 17}.get(header[24], 1)


def _check_writable_array(array: Image | Labels) -> None:
    colour = array.ndim == 3 and array.shape[2] == 3 and array.dtype == np.uint8
    indices = array.ndim == 2 and array.dtype in (np.uint8, np.uint16)
    if array.size == 0 or not (colour or indices):
        raise ValueError(
            "expected (H, W, 3) uint8 or (H, W) uint8 or uint16,"
            f" got {array.shape} {array.dtype.name}"
        )


def _candidates(path: Path) -> Iterable[Path]:
    if path.is_dir():
        return path.iterdir()
    # Path.glob takes no absolute pattern.
    return map(Path, glob.glob(str(path), recursive=True))  # noqa: PTH207


def _looks_like_picture(file: Path) -> bool:
    hidden = file.name.startswith(".")
    return not hidden and file.suffix.lower() in IMAGE_SUFFIXES and file.is_file()


def _nothing_found(path: Path) -> MfpnetError:
    kinds = " ".join(sorted(IMAGE_SUFFIXES))
    if path.is_dir():
        return MfpnetError(
            f"there is no picture in folder '{path}' ({kinds})."
            f" For its sub-folders give '{path / '**' / '*'}'."
        )
    if glob.has_magic(str(path)):
        return MfpnetError(f"no picture matches '{path}' ({kinds}). Check the pattern.")
    return MfpnetError(f"there is no file or folder '{path}'. Check the path.")
