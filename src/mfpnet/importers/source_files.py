"""Finding what labels name: pictures, safely below their folder, and what splits are called."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import PIL.Image

from mfpnet.errors import MfpnetError
from mfpnet.pixels.pictures import Labels

_WIDTH, _HEIGHT, _ORIENTATION = 0x0100, 0x0101, 0x0112
_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}


@dataclass(frozen=True)
class SourcePicture:
    """A picture of the source.

    Attributes:
        content: its file, or its bytes where the labels hold them.
        stored: (H, W) of the pixels in the file.
        orientation: the camera's note on how to hold it, 1 to 8, as in Exif.
        format: Pillow's name of the file format.
    """

    content: Path | bytes
    stored: tuple[int, int]
    orientation: int
    format: str

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) when held upright, as every reader of ours holds it."""
        return self.stored[::-1] if self.orientation in (5, 6, 7, 8) else self.stored

    def upright(self, labels: Labels) -> Labels:
        """Labels drawn on the stored pixels, turned as the picture is."""
        if labels.shape == self.size:
            return labels
        turned = {
            5: labels.T,
            6: np.rot90(labels, -1),
            7: np.rot90(labels, 2).T,
            8: np.rot90(labels),
        }
        return np.ascontiguousarray(turned[self.orientation])


def open_picture(content: Path | bytes) -> SourcePicture:
    """Size and format of a picture; its pixels are not decoded.

    Raises:
        ValueError: it is no picture; the text says so in a few words.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Exif that is off, and of large pictures
            source = io.BytesIO(content) if isinstance(content, bytes) else content
            with PIL.Image.open(source) as picture:
                stored = _stored(picture)
                orientation = picture.getexif().get(_ORIENTATION, 1)
                return SourcePicture(content, stored, orientation, str(picture.format))
    except Exception as error:  # whatever a decoder raises on broken content
        raise ValueError("unreadable picture") from error


def _stored(picture: PIL.Image.Image) -> tuple[int, int]:
    """(H, W) of the pixels in the file: where it has TIFF's tags, Pillow's own size is upright."""
    tags = getattr(picture, "tag_v2", {})
    return tags.get(_HEIGHT, picture.height), tags.get(_WIDTH, picture.width)


def safe_path(text: object, place: str) -> PurePosixPath:
    """A relative path that labels give, below the folder of the pictures.

    Raises:
        MfpnetError: it is none, absolute, or climbs out with `..`.
    """
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise MfpnetError(f"{place} names no picture (found {text!r}). Correct that entry.")
    path = PurePosixPath(text.replace("\\", "/"))
    if path.is_absolute() or PureWindowsPath(text).drive or ".." in path.parts:
        raise MfpnetError(
            f"{place} names '{text}', which is outside the folder of the pictures. Write paths "
            f"relative to that folder, without '..', and give the folder with --images."
        )
    return path


def find_below(path: PurePosixPath, folders: Iterable[Path]) -> Path | None:
    """The file of that relative path in the first folder that has it."""
    return next((folder / path for folder in folders if (folder / path).is_file()), None)


def split_of(name: str) -> str | None:
    """`train`, `val` or `test` where a file's or folder's name says so: `instances_train2017`."""
    words = re.findall(r"[a-z]+", name.lower())
    return next((_SPLITS[word] for word in words if word in _SPLITS), None)


def read_text(path: Path) -> str:
    """A small text file in UTF-8, with or without a byte order mark.

    Raises:
        MfpnetError: it cannot be read, or is in another encoding.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise MfpnetError(f"cannot read '{path}': {error.strerror}. Check the path.") from error
    except UnicodeDecodeError as error:
        raise MfpnetError(f"'{path}' is not UTF-8 text. Save it as UTF-8.") from error


def read_lines(path: Path) -> list[str]:
    """The lines of a text file that are not empty; errors as in :func:`read_text`."""
    return [line.strip() for line in read_text(path).splitlines() if line.strip()]


def existing(folders: Sequence[Path]) -> list[Path]:
    """The folders that are there, each once."""
    return [folder for folder in dict.fromkeys(folders) if folder.is_dir()]
