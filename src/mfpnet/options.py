"""What each verb of the program takes, as data; light, so that `--help` is there at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import OmitArgPrefixes, Positional, arg

from mfpnet.errors import MfpnetError

DataName = Literal["camvid", "synthetic"]
Json = Annotated[Path | None, arg(name="json", metavar="FILE")]


def parse_size(text: str, option: str) -> tuple[int, int]:
    """`360x480` as (H, W).

    Raises:
        MfpnetError: another form.
    """
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise MfpnetError(f"{option} is '{text}': write height x width, as in 360x480.")
    return int(parts[0]), int(parts[1])


@dataclass(frozen=True)
class DataChoice:
    """Which data."""

    data: DataName = "synthetic"
    """camvid (on disk, see --root) or synthetic (streets drawn by mfpnet, no download)."""
    root: Path | None = None
    """Folder of the data on disk: for camvid, the one that holds train, trainannot, ..."""
    scenes: int = 320
    """How many scenes, for synthetic."""
    scene_size: str = "180x240"
    """HxW of a drawn scene."""


@dataclass(frozen=True)
class InfoOptions:
    """List variants, recipes and bundled weights, or show one of them."""

    name: Annotated[Positional[str | None], arg(metavar="NAME")] = None
    """Weights (bundled name, run folder, file), variant or recipe; everything when left out."""
    json_file: Json = None
    """Write what is printed as JSON."""


@dataclass(frozen=True)
class TrainOptions:
    """Train a network and leave everything about it in a run folder."""

    data: OmitArgPrefixes[DataChoice] = field(default_factory=DataChoice)
    variant: str = "mfpnet"
    """Network: see `mfpnet info`."""
    recipe: str | None = None
    """Training set-up: see `mfpnet info`. The one named like the data when left out."""
    split: str = "train"
    """What is trained on: train, train+val, train-0006R0 (all but one drive), ..."""
    evaluate_split: str | None = None
    """What is evaluated; nothing when left out."""
    evaluate_every: int = 0
    """Epochs between evaluations; 0 evaluates at the end only."""
    out: Path | None = None
    """Run folder; runs/VARIANT-DATA, numbered, when left out."""
    resume: Annotated[Path | None, arg(metavar="RUN")] = None
    """Continue the run in this folder; its own config counts, other options do not."""
    config: Annotated[Path | None, arg(metavar="FILE")] = None
    """Take the set-up from a config.yaml; other options but --out do not count."""
    init: str | None = None
    """Weights to start from, of the same variant and classes."""
    epochs: int | None = None
    """In place of the recipe's."""
    batch_size: int | None = None
    """In place of the recipe's."""
    accumulate: int | None = None
    """In place of the recipe's: steps whose gradients are summed."""
    learning_rate: float | None = None
    """In place of the recipe's."""
    crop_size: str | None = None
    """In place of the recipe's, HxW."""
    ohem_threshold: float | None = None
    """Count only pixels whose true class is less likely than this."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] | None = None
    """In place of the recipe's."""
    seed: int = 0
    """Of weights, order and augmentation."""
    device: str = "auto"
    """auto, cpu, cuda, ..."""
    threads: int | None = None
    """CPU threads."""
    deterministic: bool = False
    """Bit-exact on a GPU too, slower."""
    allow_overlap: bool = False
    """Evaluate on frames that are also trained on."""
    tensorboard: bool = False
    """Write TensorBoard events too (extra `log`)."""
    json_file: Json = None
    """Write the result as JSON."""


@dataclass(frozen=True)
class EvaluateOptions:
    """Score weights on a data set with targets."""

    weights: Annotated[Positional[str], arg(metavar="WEIGHTS")]
    """Bundled name, run folder or .safetensors."""
    data: OmitArgPrefixes[DataChoice] = field(default_factory=DataChoice)
    split: str = "test"
    """Which part of the data."""
    device: str = "auto"
    """auto, cpu, cuda, ..."""
    picture: Annotated[Path | None, arg(metavar="FILE")] = None
    """Draw the confusion matrix (.png, .svg or .pdf; extra `plot`)."""
    json_file: Json = None
    """Write the scores as JSON."""


@dataclass(frozen=True)
class PredictOptions:
    """Segment pictures: index map, overlay and class fractions for each."""

    weights: Annotated[Positional[str], arg(metavar="WEIGHTS")]
    """Bundled name, run folder or .safetensors."""
    images: Annotated[Positional[tuple[str, ...]], arg(metavar="IMAGE|FOLDER|GLOB")]
    """What to segment; several may be given."""
    out: Path = Path("predictions")
    """Folder of the results."""
    device: str = "auto"
    """auto, cpu, cuda, ..."""
    full_size: bool = False
    """Predict large pictures at their own size instead of the training frames'."""
    json_file: Json = None
    """Write the fractions of all pictures as JSON."""


@dataclass(frozen=True)
class AblateOptions:
    """Train every network of a suite in the same way and compare what each costs and reaches."""

    suite: Annotated[Positional[str], arg(metavar="SUITE")]
    """Name of the suite."""
    data: OmitArgPrefixes[DataChoice] = field(default_factory=DataChoice)
    split: str = "train-0006R0"
    """What is trained on."""
    evaluate_split: str = "train/0006R0"
    """What is evaluated: never a test set."""
    recipe: str = "short"
    """Training set-up."""
    seeds: tuple[int, ...] = (0,)
    """One run for each."""
    only: tuple[str, ...] = ()
    """Some networks of the suite."""
    out: Path = Path("runs/ablate")
    """Holds the run folders; start again to resume."""
    threads: int = 1
    """CPU threads."""
    json_file: Json = None
    """Write the record as JSON."""


@dataclass(frozen=True)
class BenchmarkOptions:
    """Training throughput of each variant, eager float32 against faster settings, in one run."""

    size: str = "360x480"
    """HxW of the images."""
    batch_size: int = 8
    """Images a step."""
    rounds: int = 5
    """Timed steps of each setting."""
    compiled: bool = True
    """Include torch.compile, which takes minutes to start on a CPU."""
    device: str = "auto"
    """auto, cpu, cuda, ..."""
    threads: int | None = None
    """CPU threads."""
    json_file: Json = None
    """Write the record as JSON."""


@dataclass(frozen=True)
class DataOptions:
    """Check that a data set can be trained on, or draw synthetic scenes."""

    action: Positional[Literal["check", "draw"]]
    """check reads every pair; draw writes scenes, labels and overlays to --out."""
    data: OmitArgPrefixes[DataChoice] = field(default_factory=DataChoice)
    split: str = "train"
    """Which part of the data."""
    out: Path = Path("scenes")
    """Folder for draw."""
    json_file: Json = None
    """Write what is printed as JSON."""


@dataclass(frozen=True)
class DemoOptions:
    """Train on drawn streets for about two minutes, then score and draw scenes never seen."""

    out: Path | None = None
    """Run folder; runs/demo, numbered, when left out."""
    seed: int = 0
    """Of the training."""
    json_file: Json = None
    """Write the result as JSON."""
