"""Write a copy of CamVid with JPEG frames, small enough to be carried where a copy is slow.

    python tools/pack_camvid.py CAMVID OUT
    mfpnet train --data camvid --root OUT ...

Masks stay PNG and exact; frames lose a little, and how much is told. What is trained on the copy
must say so: evaluate on the original.
"""

from __future__ import annotations

import math
import statistics
import sys
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Annotated

import numpy as np
import PIL.Image
import tyro
from tyro.conf import Positional, arg

from mfpnet.data.camvid import CamVid
from mfpnet.data.datasets import load_checked
from mfpnet.errors import MfpnetError
from mfpnet.files import write_atomically
from mfpnet.pixels.pictures import Image, Labels, read_image, read_labels
from mfpnet.pixels.rgb_view import rgb_view


@dataclass(frozen=True)
class PackOptions:
    """Write a copy of CamVid with JPEG frames."""

    camvid: Annotated[Positional[Path], arg(metavar="CAMVID")]
    """The folder that holds train, trainannot, ..."""
    out: Annotated[Positional[Path], arg(metavar="OUT")]
    """Folder of the copy; must not hold anything yet."""
    quality: int = 95
    """Of the JPEG files, 1 to 100."""
    splits: tuple[str, ...] = ("train", "val")
    """What is copied."""


@dataclass
class Packed:
    """What a copy became: bytes on disk, and the PSNR of each frame in dB."""

    frame_bytes: int
    mask_bytes: int
    psnr: list[float]


def pack(camvid: Path, out: Path, *, quality: int, splits: tuple[str, ...]) -> Packed:
    """Copy splits of CamVid with JPEG frames, 4:4:4, and optimised PNG masks; checks what it wrote.

    Raises:
        MfpnetError: a fault of the data, or `out` holds something.
    """
    if not 1 <= quality <= 100:
        raise MfpnetError(f"--quality is {quality}: it must be 1 to 100.")
    if out.exists() and any(out.iterdir()):
        raise MfpnetError(f"'{out}' holds something already: remove it or give another folder.")
    packed = Packed(0, 0, [])
    for dataset in [CamVid(camvid, split) for split in splits]:
        for index in range(len(dataset)):
            pixels, target = load_checked(dataset, index)
            image = rgb_view(pixels)
            name = dataset.frame_name(index)
            frame = out / dataset.split / f"{name}.jpg"
            packed.frame_bytes += _write_frame(frame, image, quality)
            mask = out / f"{dataset.split}annot" / f"{name}.png"
            packed.mask_bytes += _write_mask(mask, target)
            packed.psnr.append(psnr(image, read_image(frame)))
    return packed


def _write_frame(path: Path, image: Image, quality: int) -> int:
    return _write(path, image, format="JPEG", quality=quality, subsampling=0, progressive=True)


def _write_mask(path: Path, target: Labels) -> int:
    size = _write(path, target, format="PNG", optimize=True)
    if not np.array_equal(read_labels(path), target):
        raise MfpnetError(f"'{path}' does not hold the labels that were written to it.")
    return size


def _write(path: Path, pixels: Image | Labels, format: str, **options: int) -> int:
    buffer = BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, format=format, **options)
    write_atomically(path, buffer.getvalue())
    return len(buffer.getvalue())


def psnr(image: Image, copy: Image) -> float:
    """Peak signal-to-noise ratio of a copy in dB; infinite where it is exact."""
    error = float(np.mean((image.astype(np.float64) - copy) ** 2))
    return 10 * math.log10(255**2 / error) if error else math.inf


def main() -> None:
    """Pack, and tell what became of it."""
    options = tyro.cli(PackOptions, description="Write a copy of CamVid with JPEG frames.")
    try:
        packed = pack(options.camvid, options.out, quality=options.quality, splits=options.splits)
    except MfpnetError as error:
        print(f"pack_camvid: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
    sizes = (packed.frame_bytes, packed.mask_bytes, packed.frame_bytes + packed.mask_bytes)
    frames, masks, whole = (f"{size / 2**20:.1f} MiB" for size in sizes)
    print(f"{len(packed.psnr)} frames in {frames}, masks in {masks}: {whole} in '{options.out}'")
    print(f"PSNR {statistics.mean(packed.psnr):.1f} dB, the worst {min(packed.psnr):.1f} dB")


if __name__ == "__main__":
    main()
