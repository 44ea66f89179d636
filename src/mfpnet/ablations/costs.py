"""What the networks of a comparison cost: parameters, multiplications, milliseconds."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mfpnet.measuring.contenders import contender
from mfpnet.measuring.runners import Job
from mfpnet.measuring.subjects import Subject, random_info
from mfpnet.runtimes.latency import interleaved_medians
from mfpnet.variants import Network, count_macs, count_parameters

LATENCY_SIZE = (360, 480)
LATENCY_CLASSES = 19


def costs_of(networks: Mapping[str, Network], threads: int) -> dict[str, dict[str, Any]]:
    """`parameters`, `gmacs` and `openvino_ms` (a median) of each network, of LATENCY_SIZE.

    Raises:
        MfpnetError: OpenVINO is not installed, or it cannot run one of them.
    """
    counts = {
        name: {
            "parameters": count_parameters(network),
            "gmacs": round(count_macs(network, LATENCY_SIZE) / 1e9, 3),
        }
        for name, network in networks.items()
    }
    with tempfile.TemporaryDirectory(prefix="mfpnet-") as folder:
        runners = {n: openvino_runner(n, net, threads, Path(folder)) for n, net in networks.items()}
        medians = interleaved_medians(runners)
    return {name: counts[name] | {"openvino_ms": round(medians[name], 2)} for name in networks}


def openvino_runner(
    name: str, network: Network, threads: int, folder: Path
) -> Callable[[], object]:
    """A function that runs one picture through the network as it is deployed.

    Raises:
        MfpnetError: OpenVINO is not installed, or it cannot run the network.
    """
    network.info = random_info(name, LATENCY_CLASSES)
    job = Job(LATENCY_SIZE, 1, "logits", torch.device("cpu"), threads)
    runner = contender(Subject(name, name, network), "openvino", job, folder)
    picture = runner.load(np.zeros((1, *LATENCY_SIZE, 3), np.uint8))
    return partial(runner.run, picture)
