"""What an exported file says of itself: the network's facts, and what goes in and comes out."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from mfpnet.errors import MfpnetError
from mfpnet.info import ModelInfo, frozen

# The name of the manifest in ONNX's metadata and OpenVINO's runtime information ...
MANIFEST_KEY = "mfpnet"
# ... and where the format holds files: a .pt2's extra files, a zip at the end of a .tflite or .pte.
MANIFEST_FILE = "mfpnet.json"

Pixels = Literal["uint8", "uint16", "float"]
Output = Literal["logits", "labels"]

PRECISIONS = ("fp32", "fp16", "int8")
_FIELDS = ("info", "pixels", "output", "precision", "size")


@dataclass(frozen=True)
class Manifest:
    """The facts that an exported file carries.

    Attributes:
        info: what travels with the weights: classes, palette, training size, ...
        pixels: `uint8`: the input `image` is uint8 (N, H, W, channels), 0 to 255; `uint16`: the
            same of 16 bits, 0 to 65535; `float`: it is float32 (N, channels, H, W), 0 to 1. Three
            channels are RGB. Normalisation is inside the file.
        output: `logits`: float32 (N, C, H, W) at the input's size; `labels`: uint8 (N, H, W),
            int32 beyond 255 classes.
        precision: `fp32`, `fp16` or `int8`.
        size: (H, W) that the file takes, None where it takes any from 32x32 up.
    """

    info: ModelInfo
    pixels: Pixels
    output: Output
    precision: str
    size: tuple[int, int] | None

    @property
    def dtype(self) -> str:
        """The numpy type of the input."""
        return "float32" if self.pixels == "float" else self.pixels

    def to_json(self) -> str:
        """One line of JSON text; the inverse of `from_json`."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str, path: Path) -> Manifest:
        """The manifest of the file `path`, from its text.

        Raises:
            MfpnetError: no JSON, a fact that is missing or unknown, or one of a newer mfpnet.
        """
        try:
            values = json.loads(text)
            _check(values)
            info = ModelInfo.from_dict(values["info"])
            check_pixels(values["pixels"], info)
            return cls(info, **{name: frozen(values[name]) for name in _FIELDS[1:]})
        except (MfpnetError, ValueError, TypeError) as error:
            raise MfpnetError(
                f"'{path}' has a manifest that this mfpnet cannot use "
                f"({str(error).rstrip('.')}). Upgrade mfpnet, or export the weights anew."
            ) from error


def check_pixels(pixels: Pixels, info: ModelInfo) -> None:
    """Make sure that a network's pixels are given with as many bits as they have.

    Raises:
        MfpnetError: they are not.
    """
    if pixels != "float" and info.format.dtype != pixels:
        raise MfpnetError(
            f"--pixels is {pixels}, and the network takes {info.format}: give "
            f"{info.format.dtype}, or float."
        )


def manifest_in_zip(path: Path) -> Manifest | None:
    """The manifest in a zip archive, or in one at the end of another file; None where none is.

    Raises:
        MfpnetError: the file cannot be read, or its manifest cannot be used.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if Path(name).name == MANIFEST_FILE]
            text = archive.read(names[0]).decode("utf-8") if names else None
    except zipfile.BadZipFile:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise MfpnetError(f"'{path}' cannot be read: {error}. Copy or export it again.") from error
    return Manifest.from_json(text, path) if text is not None else None


def _check(values: Any) -> None:
    if not isinstance(values, dict) or set(values) != set(_FIELDS):
        found = sorted(values) if isinstance(values, dict) else type(values).__name__
        raise ValueError(f"it should hold {', '.join(_FIELDS)} and holds {found}")
    known_values = {"pixels": get_args(Pixels), "output": get_args(Output), "precision": PRECISIONS}
    for name, known in known_values.items():
        if values[name] not in known:
            raise ValueError(f"{name} is {values[name]!r}, known are {known}")
    if not isinstance(values["info"], dict):
        raise ValueError(f"info is {values['info']!r}")
    size = values["size"]
    sides = size if isinstance(size, list) and len(size) == 2 else ["none"]
    if size is not None and not all(isinstance(side, int) for side in sides):
        raise ValueError(f"size is {size!r}, two whole numbers or null belong there")
