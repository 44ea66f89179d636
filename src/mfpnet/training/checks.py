"""Whether a run can begin: all that is known before any frame is read."""

from __future__ import annotations

import os
import shutil

from mfpnet.data.datasets import check_instances, frame_format
from mfpnet.errors import MfpnetError
from mfpnet.sources import open_dataset, open_joined
from mfpnet.training.runs import RunConfig
from mfpnet.training.setups import check_weights


def check_config(config: RunConfig) -> None:
    """Look for all that a run needs before it reads any frame and leaves anything behind.

    Raises:
        MfpnetError: no such network, weights, data or device.
    """
    from mfpnet.device import choose_device
    from mfpnet.training.teachers import check_teacher
    from mfpnet.training.transfer import frozen_parts, start_from
    from mfpnet.variants import create_network

    data = open_joined((config.data, *config.extra))
    labels, frames = data.labels, frame_format(data)
    if config.instances:
        check_instances(data)
        if config.recipe.auxiliary:
            raise MfpnetError("auxiliary heads and --instances exclude each other: auxiliary: 0.")
        if config.recipe.class_mix:
            raise MfpnetError(
                "mixed frames have no numbers of objects: with --instances no class_mix."
            )
    network = create_network(
        config.variant, labels.num_classes, frames.channels, instances=config.instances
    )
    if config.init:
        check_weights(config.init, "--init")
        start_from(config.init, network, labels)
    if config.freeze and not (config.init and frozen_parts(network)):
        raise MfpnetError(
            f"--freeze {config.freeze} keeps what --init brings, of mfpnet's own networks only: "
            f"give --init too, or leave it out."
        )
    for weights in config.teachers:
        check_weights(weights, "--teacher")
        check_teacher(weights, labels.classes, frames)
    if config.evaluate_on:
        open_dataset(config.evaluate_on.read_as(frames))
    device = choose_device(config.device).type
    _check_parts(config, device)
    if config.compile and device == "cpu":
        _check_compiler()


def _check_parts(config: RunConfig, device: str) -> None:
    parts, batch_size = config.parts or 1, config.recipe.batch_size
    if parts > batch_size:
        raise MfpnetError(f"--parts is {parts}: a batch has {batch_size} frames.")
    if parts > 1 and device != "cpu":
        raise MfpnetError(
            f"--parts is {parts}: '{device}' learns from whole batches, leave it out."
        )


def _check_compiler() -> None:
    if not any(map(shutil.which, (os.environ.get("CXX", ""), "g++", "c++", "clang++"))):
        raise MfpnetError(
            "--compile needs a C++ compiler on a CPU, and none was found: install g++ (apt install "
            "g++), name one in CXX, or leave --compile out."
        )
