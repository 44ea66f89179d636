from __future__ import annotations

import pytest
import torch

from mfpnet.device import autocast_dtype, choose_device
from mfpnet.errors import MfpnetError

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "cuda:99", ""])
def test_a_device_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(MfpnetError, match=f"device '{name}'.*--device auto"):
        choose_device(name)


def test_auto_precision_on_a_cpu_is_float32() -> None:
    assert autocast_dtype("auto", CPU) is None
    assert autocast_dtype("fp32", CPU) is None


def test_a_precision_that_is_asked_for_is_taken() -> None:
    assert autocast_dtype("bf16", CPU) is torch.bfloat16
    assert autocast_dtype("fp16", torch.device("cuda")) is torch.float16


def test_float16_on_a_cpu_is_refused() -> None:
    with pytest.raises(MfpnetError, match="--precision bf16 or fp32"):
        autocast_dtype("fp16", CPU)
