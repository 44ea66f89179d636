"""What each verb of the program takes, as data; light, so that `--help` is there at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import OmitArgPrefixes, Positional, arg

from mfpnet.errors import MfpnetError
from mfpnet.options.data import DataChoice
from mfpnet.options.types import (
    Count,
    File,
    Flag,
    Json,
    Model,
    Overlap,
    Tile,
    Weights,
)

_RECIPE = "(default: the recipe's)"
RecipeCount = Annotated[int | None, arg(metavar="N", help_behavior_hint=_RECIPE)]
RecipeNumber = Annotated[float | None, arg(metavar="X", help_behavior_hint=_RECIPE)]
RecipeSize = Annotated[str | None, arg(metavar="HxW", help_behavior_hint=_RECIPE)]

Precision = Literal["auto", "fp32", "bf16", "fp16"]


def parse_size(text: str, option: str) -> tuple[int, int]:
    """`360x480` as (H, W).

    Raises:
        MfpnetError: another form.
    """
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise MfpnetError(f"{option} is '{text}': write height x width, as in 360x480.")
    return int(parts[0]), int(parts[1])


def parse_picture_size(text: str) -> tuple[int, int]:
    """`--size` as (H, W) that the network can take.

    Raises:
        MfpnetError: another form, or too small.
    """
    size = parse_size(text, "--size")
    if min(size) < 32:
        raise MfpnetError(f"--size is '{text}': at least 32x32.")
    return size


def parse_tile(tile: str | None, overlap: int | None) -> tuple[int, int] | None:
    """The (H, W) of `--tile`, None without it.

    Raises:
        MfpnetError: another form, or an overlap of no tiles.
    """
    if tile is None and overlap is not None:
        raise MfpnetError("--overlap is of tiles: give --tile too, as in --tile 720x960.")
    return parse_size(tile, "--tile") if tile else None


def check_at_least(least: int, **numbers: int | None) -> None:
    """Refuse numbers that are too small; the keyword is the option's name.

    Raises:
        MfpnetError: one of them is; None is not looked at.
    """
    for name, value in numbers.items():
        if value is not None and value < least:
            option = f"--{name.replace('_', '-')}"
            raise MfpnetError(f"{option} is {value}: it must be at least {least}.")


@dataclass(frozen=True)
class InfoOptions:
    """List networks, recipes and bundled weights, or show one of them."""

    name: Annotated[Positional[str | None], arg(metavar="[NAME]", help_behavior_hint="")] = None
    """Weights (bundled name, run folder, file), exported file, network, suite, recipe or map
    (a packaged one or a .yaml file); all when left out."""
    json_file: Json = None
    """Write what is printed as JSON."""


@dataclass(frozen=True)
class TrainOptions:
    """Train a network and leave everything about it in a run folder."""

    data: OmitArgPrefixes[DataChoice] = field(default_factory=DataChoice)
    variant: Annotated[
        str | None,
        arg(metavar="NAME", help_behavior_hint="(default: mfpnet; mfpnet_fast for a folder)"),
    ] = None
    """Network: see `mfpnet info`."""
    model: Model = None
    """Somebody else's network instead: the code of that name is imported and run."""
    extra: Annotated[
        tuple[str, ...], arg(metavar="NAME[:SPLIT]=DIR[@MAP] ...", help_behavior_hint="")
    ] = ()
    """More data to train on, its classes carried into the data's by a map (see `mfpnet info`):
    --extra camvid:train+val=DIR@camvid-idd_lite. Its frames are brought to the data's size."""
    recipe: Annotated[
        str | None,
        arg(metavar="NAME", help_behavior_hint="(default: the data's, or one made for a folder)"),
    ] = None
    """Training set-up: see `mfpnet info`."""
    split: str = "train"
    """What is trained on: train, train+val, train-0006R0 (all but one drive), ..."""
    frames: Count = None
    """Train on so many frames only, spread evenly over the split: what more labels are worth."""
    evaluate_split: Annotated[str | None, arg(metavar="STR", help_behavior_hint="")] = None
    """What is evaluated; when left out, val of a folder of your own, nothing of other data."""
    evaluate_every: Annotated[int, arg(metavar="N")] = 0
    """Epochs between evaluations; 0 evaluates at the end only."""
    evaluate_last: Annotated[int, arg(metavar="N")] = 0
    """Evaluate after each of the last N epochs too, and record the best: optimistic."""
    out: Annotated[
        Path | None, arg(metavar="DIR", help_behavior_hint="(default: runs/VARIANT-DATA, numbered)")
    ] = None
    """Run folder."""
    resume: Annotated[Path | None, arg(metavar="RUN", help_behavior_hint="")] = None
    """Continue the run in this folder; beside --root, --extra, --threads, --json, --model only."""
    config: File = None
    """Take the set-up from a config.yaml; goes with --out, --threads, --json, --model only."""
    instances: Flag = False
    """Learn to tell objects apart too: of data with instances, as drawn streets are."""
    init: Annotated[str | None, arg(metavar="WEIGHTS", help_behavior_hint="")] = None
    """Weights to start from, of the same variant; of other classes too (the classifier is new)."""
    freeze: Annotated[
        Literal["encoder"] | None, arg(metavar="{encoder}", help_behavior_hint="")
    ] = None
    """Leave this part as the weights of --init have it: for few labelled images."""
    teacher: Annotated[str | None, arg(metavar="WEIGHTS[,WEIGHTS]", help_behavior_hint="")] = None
    """Learn from the opinion of these networks too (distillation)."""
    epochs: RecipeCount = None
    """Passes over the training frames."""
    minutes: Annotated[
        float | None, arg(metavar="X", help_behavior_hint="(default: 4 for a folder)")
    ] = None
    """As many epochs as take so long on this machine, in the place of --epochs."""
    batch_size: RecipeCount = None
    """Frames a step."""
    accumulate: RecipeCount = None
    """Steps whose gradients are summed."""
    learning_rate: RecipeNumber = None
    """Its peak."""
    crop_size: RecipeSize = None
    """Height and width of a training crop."""
    ohem_threshold: RecipeNumber = None
    """Count only pixels whose true class is less likely than this."""
    precision: Annotated[
        Precision | None,
        arg(metavar="{auto,fp32,bf16,fp16}", help_behavior_hint=_RECIPE),
    ] = None
    """Of the arithmetic; auto is bf16 on a GPU that has it, fp32 elsewhere."""
    set: Annotated[tuple[str, ...], arg(metavar="NAME=VALUE ...", help_behavior_hint="")] = ()
    """Any other value of the recipe: --set lovasz=0.5 loss_stride=2."""
    seed: Annotated[int, arg(metavar="N")] = 0
    """Of weights, order and augmentation."""
    device: str = "auto"
    """auto, cpu, cuda, ..."""
    threads: Count = None
    """CPU threads; PyTorch's choice when left out."""
    parts: Count = None
    """Learn from a batch in so many parts at once, each with threads and batch statistics of its
    own; one for each thread, of four frames at least, when left out."""
    deterministic: Flag = False
    """Bit-exact on a GPU too, slower."""
    allow_overlap: Flag = False
    """Evaluate on frames that are also trained on."""
    compile: Flag = False
    """Train through torch.compile: minutes to start, once for each crop size; then faster on a GPU,
    and mfpnet_fast on a CPU too."""
    tensorboard: Flag = False
    """Write TensorBoard events too (extra `log`)."""
    json_file: Json = None
    """Write the result as JSON."""


@dataclass(frozen=True)
class PredictOptions:
    """Segment pictures: label map, overlay and class fractions of each."""

    weights: Weights
    """Bundled name, run folder, .safetensors, or an exported file (.onnx, .xml, .pt2, ...)."""
    images: Annotated[
        Positional[tuple[str, ...]],
        arg(metavar="IMAGE|FOLDER|GLOB ...", help_behavior_hint="(required)"),
    ]
    """What to segment; several may be given."""
    out: Annotated[Path, arg(metavar="DIR")] = Path("predictions")
    """Folder of the results; not one in which the pictures lie."""
    model: Model = None
    """Of weights of somebody else's network: the code of that name is imported and run."""
    device: str = "auto"
    """auto, cpu, cuda, ..."""
    full_size: Flag = False
    """Predict large pictures at their own size instead of the training frames'."""
    tile: Tile = None
    """Predict them so in blended tiles of this size: bounded memory, however large they are."""
    overlap: Overlap = None
    """Pixels that tiles share."""
    json_file: Json = None
    """Write the fractions of all pictures as JSON."""


@dataclass(frozen=True)
class DemoOptions:
    """Train on drawn streets for about two minutes, then score and draw new ones."""

    out: Annotated[
        Path | None, arg(metavar="DIR", help_behavior_hint="(default: runs/demo, numbered)")
    ] = None
    """Run folder."""
    seed: Annotated[int, arg(metavar="N")] = 0
    """Of the training."""
    json_file: Json = None
    """Write the result as JSON."""
