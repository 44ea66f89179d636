"""How long a network takes in OpenVINO, the backend of a small computer without a GPU."""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import nn

from mfpnet.errors import missing_extra


def openvino_runner(model: nn.Module, size: tuple[int, int], threads: int) -> Callable[[], None]:
    """A function that runs one (1, 3, H, W) image through the compiled network.

    Raises:
        MfpnetError: OpenVINO is not installed.
    """
    try:
        import openvino
    except ImportError as error:
        raise missing_extra("openvino", "measuring OpenVINO latency") from error
    image = torch.zeros(1, 3, *size)
    with torch.no_grad(), warnings.catch_warnings():
        # It traces, which PyTorch deprecates, and a trace fixes the size: that is wanted here.
        warnings.simplefilter("ignore")
        converted = openvino.convert_model(model.eval(), example_input=image)
    converted.reshape([1, 3, *size])
    options = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.compile_model(converted, "CPU", options)
    pixels = np.zeros((1, 3, *size), dtype=np.float32)
    return lambda: compiled(pixels)


def interleaved_medians(
    runners: Mapping[str, Callable[[], object]], *, rounds: int = 20, warmup: int = 3
) -> dict[str, float]:
    """Median milliseconds of each runner, one run of each in turn, so that drift hits all alike."""
    times: dict[str, list[float]] = {name: [] for name in runners}
    for number in range(warmup + rounds):
        for name, run in runners.items():
            begun = time.perf_counter()
            run()
            if number >= warmup:
                times[name].append((time.perf_counter() - begun) * 1000)
    return {name: statistics.median(values) for name, values in times.items()}
