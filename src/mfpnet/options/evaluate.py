"""What `mfpnet evaluate` takes, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from tyro.conf import OmitArgPrefixes, arg

from mfpnet.options.data import DataChoice
from mfpnet.options.types import Count, File, Flag, Json, Model, Overlap, Tile, Weights


@dataclass(frozen=True)
class EvaluateOptions:
    """Score weights on data with targets."""

    weights: Weights
    """Bundled name, run folder, .safetensors, or an exported file (.onnx, .xml, .pt2, ...)."""
    data: OmitArgPrefixes[DataChoice] = field(default_factory=DataChoice)
    split: Annotated[
        str | None,
        arg(metavar="STR", help_behavior_hint="(default: test, or a folder's val)"),
    ] = None
    """train, val, test, train+val, train/0006R0 (one drive), train-0006R0 (all but that one)."""
    model: Model = None
    """Of weights of somebody else's network: the code of that name is imported and run."""
    device: str = "auto"
    """auto, cpu, cuda, ..."""
    flip: Flag = False
    """Look at each frame mirrored too, and average the probabilities."""
    scales: Annotated[tuple[float, ...], arg(metavar="X [X ...]")] = (1.0,)
    """Look at each frame at these factors, and average the probabilities."""
    map: Annotated[str | None, arg(metavar="NAME|FILE", help_behavior_hint="")] = None
    """Score groups of classes, where the data has others than the weights know: a packaged map
    (camvid-idd_lite, ...) or a .yaml file."""
    frames: Count = None
    """Look at so many frames only, evenly spaced."""
    corruptions: Annotated[
        tuple[str, ...], arg(metavar="NAME [NAME ...]|all", help_behavior_hint="")
    ] = ()
    """Score the frames under these at five severities too: gaussian_noise, fog, jpeg, ...; beside
    it --picture draws mIoU against severity, and --maps one frame under each."""
    calibration: Flag = False
    """Measure confidence against accuracy too, with a temperature from the other drives."""
    tile: Tile = None
    """Predict in tiles of this size, and compare with the labels of whole frames."""
    overlap: Overlap = None
    """Pixels that tiles share."""
    half: Flag = False
    """Round the weights to float16 first."""
    save: File = None
    """Write the weights with these scores in their card, as float16 with --half."""
    submit: File = None
    """Write the labels for Cityscapes' evaluation server (.zip); of val, or of test, unscored."""
    picture: File = None
    """Draw the confusion matrix (.png, .svg or .pdf; extra `plot`)."""
    bars: File = None
    """Draw the IoU of each class as bars (.png, .svg or .pdf; extra `plot`)."""
    maps: File = None
    """Draw target and prediction of six frames as label maps (.png)."""
    worst: File = None
    """Draw the three frames with the lowest mIoU: target, prediction, errors (.png)."""
    reliability: File = None
    """Draw the calibration (.png, .svg or .pdf; extra `plot`); implies --calibration."""
    json_file: Json = None
    """Write the scores as JSON."""
