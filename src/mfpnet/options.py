"""What each verb of the program takes, as data; light, so that `--help` is there at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import OmitArgPrefixes, Positional, arg

from mfpnet.errors import MfpnetError

# Nothing is shown as the default where nothing means that the option is left out.
Json = Annotated[Path | None, arg(name="json", metavar="FILE", help_behavior_hint="")]
File = Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")]
Folder = Annotated[Path | None, arg(metavar="DIR", help_behavior_hint="")]
Name = Annotated[str | None, arg(metavar="NAME", help_behavior_hint="")]
Count = Annotated[int | None, arg(metavar="N", help_behavior_hint="")]
Flag = Annotated[bool, arg(help_behavior_hint="")]
Size = Annotated[str, arg(metavar="HxW")]
Tile = Annotated[str | None, arg(metavar="HxW", help_behavior_hint="")]
Overlap = Annotated[
    int | None,
    arg(metavar="N", help_behavior_hint="(default: 64, at most a quarter of the tile's side)"),
]
Model = Annotated[str | None, arg(metavar="MODULE:FACTORY", help_behavior_hint="")]
Weights = Annotated[Positional[str], arg(metavar="WEIGHTS")]

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
class DataChoice:
    """What the frames are taken from."""

    data: Annotated[str, arg(metavar="DIR|NAME")] = "synthetic"
    """A folder of your own with images and masks; ade20k, camvid, cityscapes, idd_lite or voc (on
    disk, see --root); or synthetic (streets drawn by mfpnet, no download)."""
    root: Folder = None
    """Where the data of that name lies: for camvid, the folder of train, trainannot, ..."""
    scenes: Annotated[int, arg(metavar="N")] = 320
    """How many scenes, for synthetic; what is evaluated during training has a fifth as many."""
    scene_size: Size = "180x240"
    """Height and width of a drawn scene."""


@dataclass(frozen=True)
class InfoOptions:
    """List networks, recipes and bundled weights, or show one of them."""

    name: Annotated[Positional[str | None], arg(metavar="[NAME]", help_behavior_hint="")] = None
    """Weights (bundled name, run folder, file), exported file, network, suite or recipe; all when
    left out."""
    json_file: Json = None
    """Write what is printed as JSON."""


@dataclass(frozen=True)
class TrainOptions:
    """Train a network and leave everything about it in a run folder."""

    data: OmitArgPrefixes[DataChoice] = field(default_factory=DataChoice)
    variant: Annotated[str, arg(metavar="NAME")] = "mfpnet"
    """Network: see `mfpnet info`."""
    model: Model = None
    """Somebody else's network instead: the code of that name is imported and run."""
    recipe: Annotated[
        str | None, arg(metavar="NAME", help_behavior_hint="(default: the data's name)")
    ] = None
    """Training set-up: see `mfpnet info`."""
    split: str = "train"
    """What is trained on: train, train+val, train-0006R0 (all but one drive), ..."""
    evaluate_split: Annotated[str | None, arg(metavar="STR", help_behavior_hint="")] = None
    """What is evaluated; nothing when left out."""
    evaluate_every: Annotated[int, arg(metavar="N")] = 0
    """Epochs between evaluations; 0 evaluates at the end only."""
    evaluate_last: Annotated[int, arg(metavar="N")] = 0
    """Evaluate after each of the last N epochs too, and record the best: optimistic."""
    out: Annotated[
        Path | None, arg(metavar="DIR", help_behavior_hint="(default: runs/VARIANT-DATA, numbered)")
    ] = None
    """Run folder."""
    resume: Annotated[Path | None, arg(metavar="RUN", help_behavior_hint="")] = None
    """Continue the run in this folder; goes with --threads, --json and the run's --model only."""
    config: File = None
    """Take the set-up from a config.yaml; goes with --out, --threads, --json, --model only."""
    init: Annotated[str | None, arg(metavar="WEIGHTS", help_behavior_hint="")] = None
    """Weights to start from, of the same variant and classes."""
    teacher: Annotated[str | None, arg(metavar="WEIGHTS[,WEIGHTS]", help_behavior_hint="")] = None
    """Learn from the opinion of these networks too (distillation)."""
    epochs: RecipeCount = None
    """Passes over the training frames."""
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
    deterministic: Flag = False
    """Bit-exact on a GPU too, slower."""
    allow_overlap: Flag = False
    """Evaluate on frames that are also trained on."""
    compile: Flag = False
    """Train through torch.compile: minutes to start, then faster on a GPU."""
    tensorboard: Flag = False
    """Write TensorBoard events too (extra `log`)."""
    json_file: Json = None
    """Write the result as JSON."""


@dataclass(frozen=True)
class EvaluateOptions:
    """Score weights on data with targets."""

    weights: Weights
    """Bundled name, run folder, .safetensors, or an exported file (.onnx, .xml, .pt2, ...)."""
    data: OmitArgPrefixes[DataChoice] = field(default_factory=DataChoice)
    split: str = "test"
    """train, val, test, train+val, train/0006R0 (one drive), train-0006R0 (all but that one)."""
    model: Model = None
    """Of weights of somebody else's network: the code of that name is imported and run."""
    device: str = "auto"
    """auto, cpu, cuda, ..."""
    flip: Flag = False
    """Look at each frame mirrored too, and average the probabilities."""
    scales: Annotated[tuple[float, ...], arg(metavar="X [X ...]")] = (1.0,)
    """Look at each frame at these factors, and average the probabilities."""
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
    """Folder of the results."""
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
class AblateOptions:
    """Train every network of a suite in the same way and compare them."""

    suite: Annotated[Positional[str], arg(metavar="SUITE")]
    """Name of the suite: see `mfpnet info`."""
    data: OmitArgPrefixes[DataChoice] = field(default_factory=DataChoice)
    split: Annotated[
        str | None,
        arg(metavar="STR", help_behavior_hint="(default: train; for camvid train-0006R0)"),
    ] = None
    """What is trained on."""
    evaluate_split: Annotated[
        str | None,
        arg(metavar="STR", help_behavior_hint="(default: val; for camvid train/0006R0)"),
    ] = None
    """What is evaluated: never a test set."""
    recipe: Annotated[str, arg(metavar="NAME")] = "short"
    """Training set-up: see `mfpnet info`."""
    seeds: Annotated[tuple[int, ...], arg(metavar="N [N ...]")] = (0,)
    """One run for each."""
    only: Annotated[tuple[str, ...], arg(metavar="NAME [NAME ...]", help_behavior_hint="")] = ()
    """Some networks of the suite."""
    foreign: Annotated[
        tuple[str, ...],
        arg(name="with", metavar="MODULE:FACTORY [...]", help_behavior_hint=""),
    ] = ()
    """Somebody else's networks beside the suite's: their code is imported and run."""
    out: Annotated[Path, arg(metavar="DIR")] = Path("runs/ablate")
    """Holds the run folders; start again to resume."""
    threads: Annotated[int, arg(metavar="N")] = 1
    """CPU threads."""
    picture: File = None
    """Draw mIoU against latency (.png, .svg or .pdf; extra `plot`)."""
    json_file: Json = None
    """Write the record as JSON."""


@dataclass(frozen=True)
class DataOptions:
    """Check that data can be trained on, or draw synthetic scenes."""

    action: Positional[Literal["check", "draw"]]
    """check reads every frame with its target; draw writes scenes, labels and overlays to --out."""
    data: OmitArgPrefixes[DataChoice] = field(default_factory=DataChoice)
    split: str = "train"
    """Which part of the data."""
    out: Annotated[Path, arg(metavar="DIR")] = Path("scenes")
    """Folder for draw."""
    json_file: Json = None
    """Write what is printed as JSON."""


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
