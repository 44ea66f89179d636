"""What an export reads: the pixels it is made for, and the data it is fitted to and scored on."""

from __future__ import annotations

from mfpnet.data.source import DataSource
from mfpnet.info import ModelInfo
from mfpnet.options.deploy import ExportOptions
from mfpnet.runtimes.manifest import Pixels
from mfpnet.training.settled import evaluated_source, planned_source
from mfpnet.training.setups import check_calibration, data_source, few_scenes
from mfpnet.views.show import warn


def taken_pixels(options: ExportOptions, info: ModelInfo) -> Pixels:
    """What was asked for, or integers of as many bits as the network's."""
    return options.pixels or ("uint8" if info.bits == 8 else "uint16")


def scored_source(options: ExportOptions, info: ModelInfo) -> DataSource:
    """What the file is compared on; of a folder without a test split val, by default."""
    split = None if options.split == ExportOptions.split else options.split
    return evaluated_source(options.data, split, options.weights).read_as(info.format)


def fitted_sources(options: ExportOptions, info: ModelInfo) -> tuple[DataSource, DataSource]:
    """What int8 is calibrated on, and what it is scored on.

    Raises:
        MfpnetError: it is other data than the network was trained on.
    """
    check_calibration(info.data, options.data)
    source = data_source(options.data, options.calibrate_split)
    calibrated = planned_source(source, options.weights).read_as(info.format)
    return calibrated, few_scenes(scored_source(options, info))


def warn_of_left_out(info: ModelInfo) -> None:
    """Tell what a file of these weights will not do."""
    if info.things:
        warn(
            f"note: these weights tell objects apart ({', '.join(info.things)}), and a file does "
            f"not: it has their classes only. mfpnet predict with the weights draws the objects."
        )
