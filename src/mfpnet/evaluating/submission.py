"""Predictions as Cityscapes' evaluation server takes them: a zip of label-id pictures.

The server and the official script look for `CITY_SEQUENCE_FRAME*.png` for each frame, 8-bit
pictures of label ids (not train ids) at the frame's own size; each name may match once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import numpy as np
import PIL.Image

from mfpnet.data.cityscapes import Cityscapes
from mfpnet.data.cityscapes_labels import label_ids_of
from mfpnet.data.datasets import Dataset
from mfpnet.errors import MfpnetError
from mfpnet.files import atomic_path
from mfpnet.pixels.pictures import Labels

SPLITS = ("val", "test")
# (H, W) of every frame of Cityscapes; the server takes no other.
OFFICIAL_SIZE = (1024, 2048)

AddLabels = Callable[[int, Labels], None]


def submittable(dataset: Dataset) -> Cityscapes:
    """The data set, if the server takes predictions of it.

    Raises:
        MfpnetError: other data, or another part than the whole of val or test.
    """
    if not isinstance(dataset, Cityscapes):
        raise MfpnetError(
            f"--submit is for Cityscapes' own server, and the data is {dataset.name}: give --data "
            f"cityscapes --root DIR, or use mfpnet predict for label maps of other pictures."
        )
    if dataset.split not in SPLITS:
        raise MfpnetError(
            f"--submit needs every frame of val or of test, and --split is {dataset.split}: give "
            f"--split {' or '.join(SPLITS)}."
        )
    return dataset


@contextmanager
def submission(path: Path, dataset: Cityscapes) -> Iterator[AddLabels]:
    """Within it, a function adds a frame's train ids (H, W) by the frame's index.

    The file is there once the block has ended well. Equal labels give equal bytes.

    Raises:
        MfpnetError: the file cannot be written.
    """
    with atomic_path(path) as temporary, ZipFile(temporary, "w") as archive:

        def add(index: int, labels: Labels) -> None:
            # A ZipInfo of its own has a fixed date; PNGs are compressed already.
            archive.writestr(ZipInfo(f"{dataset.frame_name(index)}_pred.png"), _png(labels))

        yield add


def _png(train_ids: Labels) -> bytes:
    buffer = BytesIO()
    ids = np.ascontiguousarray(label_ids_of(train_ids))
    PIL.Image.fromarray(ids).save(buffer, format="PNG")
    return buffer.getvalue()
