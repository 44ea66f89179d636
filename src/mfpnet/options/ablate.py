"""What `mfpnet ablate` takes, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from tyro.conf import OmitArgPrefixes, Positional, arg

from mfpnet.options.data import DataChoice
from mfpnet.options.types import File, Flag, Json

Seeds = Annotated[tuple[int, ...], arg(metavar="N [N ...]")]


@dataclass(frozen=True)
class AblateOptions:
    """Train every network of a suite, or one by several recipes, and compare them."""

    suite: Annotated[Positional[str], arg(metavar="SUITE")]
    """Name of the suite: see `mfpnet info`."""
    variant: Annotated[str, arg(metavar="NAME")] = "mfpnet_fast"
    """The baseline of components, depth, dilation, graph and width, or what recipe trains."""
    quick: Flag = False
    """Five minutes or less, on drawn streets: to see how it works, not what is true."""
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
    """What is evaluated: a test set only to report, never to choose by."""
    recipe: Annotated[
        str | None,
        arg(metavar="NAME", help_behavior_hint="(default: short; ablation of an ablation)"),
    ] = None
    """Training set-up: see `mfpnet info`."""
    set: Annotated[tuple[str, ...], arg(metavar="NAME=VALUE ...", help_behavior_hint="")] = ()
    """Any value of the recipe: --set epochs=100."""
    seeds: Seeds = (0,)
    """One run of each network for each."""
    baseline_seeds: Annotated[
        tuple[int, ...],
        arg(metavar="N [N ...]", help_behavior_hint="(default: --seeds, and more to make three)"),
    ] = ()
    """Likewise of the baseline, whose spread decides what is resolved."""
    only: Annotated[tuple[str, ...], arg(metavar="NAME [NAME ...]", help_behavior_hint="")] = ()
    """Some networks of the suite, beside the baseline."""
    foreign: Annotated[
        tuple[str, ...],
        arg(name="with", metavar="MODULE:FACTORY [...]", help_behavior_hint=""),
    ] = ()
    """Somebody else's networks beside the suite's: their code is imported and run."""
    out: Annotated[Path, arg(metavar="DIR")] = Path("runs/ablate")
    """Holds the run folders; start again to resume."""
    device: str = "auto"
    """auto, cpu, cuda, ..."""
    threads: Annotated[int, arg(metavar="N")] = 1
    """CPU threads."""
    picture: File = None
    """Draw the differences, or without a baseline mIoU against latency (.png, .svg or .pdf)."""
    json_file: Json = None
    """Keep the record as JSON after each run; one that is there is continued."""
