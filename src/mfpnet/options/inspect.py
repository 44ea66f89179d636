"""What `mfpnet inspect` takes, as data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from mfpnet.options.types import Count, File, Json, Weights


@dataclass(frozen=True)
class StudyOptions:
    """Look at each mechanism of a trained network, and at how it fails."""

    weights: Weights
    """Bundled name, run folder or .safetensors file."""
    image: Annotated[Positional[Path | None], arg(metavar="[IMAGE]", help_behavior_hint="")] = None
    """Picture that the network is looked at with; a drawn street, whose classes are known, when
    left out."""
    target: File = None
    """Mask of the picture: the class index of each pixel."""
    only: Annotated[tuple[str, ...], arg(metavar="NAME [NAME ...]", help_behavior_hint="")] = ()
    """Some studies: residuals, receptive-field, gridding, attention, graph, long-range."""
    steps: Annotated[int, arg(metavar="N")] = 30
    """Training steps of each small network of the study of residuals."""
    out: Annotated[
        Path | None, arg(metavar="DIR", help_behavior_hint="(default: runs/inspect-WEIGHTS)")
    ] = None
    """Folder of the figures (extra `plot`)."""
    threads: Count = None
    """CPU threads; PyTorch's choice when left out."""
    json_file: Json = None
    """Write the numbers as JSON."""
