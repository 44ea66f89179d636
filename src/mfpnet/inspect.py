"""`mfpnet inspect`: each mechanism of a trained network and its failure, in figures and numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from mfpnet.checkpoint import find_weights, load_model, read_info
from mfpnet.errors import MfpnetError, unknown_name
from mfpnet.foreign import is_foreign
from mfpnet.model import MFPNet
from mfpnet.records import environment
from mfpnet.runtimes.backends import is_exported
from mfpnet.studies.attention import attention_study
from mfpnet.studies.graph import graph_study
from mfpnet.studies.gridding import gridding
from mfpnet.studies.long_range import long_range
from mfpnet.studies.receptive_field import receptive_field
from mfpnet.studies.residuals import STEPS, residuals
from mfpnet.studies.study import Picture, Study
from mfpnet.suites import network_names
from mfpnet.views.canvas import check_drawable, new_figure, save_figure

STUDIES: dict[str, Callable[[MFPNet, Picture], Study]] = {
    "residuals": residuals,
    "receptive-field": receptive_field,
    "gridding": gridding,
    "attention": attention_study,
    "graph": graph_study,
    "long-range": long_range,
}


def inspect(
    network: MFPNet,
    picture: Picture,
    *,
    only: Sequence[str] = (),
    steps: int = STEPS,
    threads: int | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> list[Study]:
    """Look at a network with a picture.

    Args:
        network: in eval mode, with `info`.
        picture: what it looks at; see `studies.picture`.
        only: names of `STUDIES`; all when empty.
        steps: of training, of each small network of the study of residuals.
        threads: of the CPU, PyTorch's choice if None.
        told: is told the name of each study before it begins.

    Raises:
        MfpnetError: no study has one of the names.
    """
    check_names(only)
    if threads:
        torch.set_num_threads(threads)
    studies = STUDIES | {"residuals": partial(residuals, steps=steps)}
    found = []
    for name in dict.fromkeys(only or STUDIES):
        told(name)
        found.append(studies[name](network, picture))
    return found


def check_names(names: Sequence[str]) -> None:
    """Refuse what is no study.

    Raises:
        MfpnetError: one of them is none; the text names those there are.
    """
    for name in names:
        if name not in STUDIES:
            raise unknown_name("study", name, STUDIES)


def load_inspected(weights: str) -> MFPNet:
    """A trained network of ours, in eval mode.

    Args:
        weights: a bundled name, a run folder or a .safetensors file.

    Raises:
        MfpnetError: it is an exported file, a network without weights or somebody else's network,
            or `load_model` cannot load it.
    """
    if is_exported(weights):
        raise MfpnetError(
            f"'{weights}' is an exported file, which cannot be looked into: give the weights that "
            f"it was made from."
        )
    if weights in network_names():
        raise MfpnetError(
            f"'{weights}' is a network without weights, and what it learns is looked at: give a "
            f"run folder, a .safetensors file or a bundled name (see mfpnet info)."
        )
    if is_foreign(read_info(weights).variant):
        raise MfpnetError(
            f"'{find_weights(weights)}' is of somebody else's network: inspect looks into the parts"
            f" of mfpnet's own."
        )
    return load_model(weights)


def draw_studies(studies: Sequence[Study], folder: Path) -> list[Path]:
    """One picture for each study, named after it.

    Raises:
        MfpnetError: matplotlib is missing, or a file cannot be written.
    """
    paths = [folder / f"{study.name}.png" for study in studies]
    for study, path in zip(studies, paths, strict=True):
        figure = new_figure(*study.size)
        study.draw(figure)
        save_figure(figure, path)
    return paths


def check_folder(folder: Path) -> None:
    """Make sure, before minutes of work, that the figures can be drawn.

    Raises:
        MfpnetError: matplotlib is missing, or the folder is a file or cannot be written to.
    """
    if folder.exists() and not folder.is_dir():
        raise MfpnetError(f"--out is '{folder}', which is a file: give a folder.")
    check_drawable(folder / "any.png")


def record_of(weights: str, picture: Picture, studies: Sequence[Study]) -> dict[str, Any]:
    """Everything found as plain data, ready for JSON."""
    return {
        "weights": Path(weights).name,
        "picture": picture.name,
        "picture_size": list(picture.view.shape[:2]),
        "classes_counted": picture.labels is not None,
        "why_not": picture.unlabelled or None,
        "studies": {
            study.name: {"numbers": study.numbers, "warnings": list(study.warnings)}
            for study in studies
        },
        "environment": environment(),
    }
