"""A pixel's class and the object it belongs to in one number, so that both are moved as one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

# Classes end below it; objects count in steps of it.
OBJECT = 1 << 16

Codes = npt.NDArray[np.int32]


def pixel_codes(labels: npt.NDArray[np.integer], instances: npt.NDArray[np.integer]) -> Codes:
    """Labels below 65536 and instances below 32768, both (H, W) -> codes (H, W)."""
    return labels.astype(np.int32) + instances.astype(np.int32) * OBJECT


def labels_in(codes: Tensor) -> Tensor:
    """The labels of codes, any shape and type; labels alone are their own codes."""
    return codes if codes.dtype == torch.uint8 else codes & (OBJECT - 1)


def instances_in(codes: Tensor) -> Tensor:
    """The instances of codes of int32 or int64, any shape; 0 for none."""
    return codes // OBJECT
