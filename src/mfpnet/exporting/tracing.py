"""A deployed network as a graph of tensor operations, which every writer starts from."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.export import Dim, ExportedProgram

from mfpnet.errors import MfpnetError
from mfpnet.exporting.deployed import Deployed, example_input

# What a dynamic side may be. The upper end is a bound for the tracer's arithmetic.
SIDES = (32, 1 << 16)
# A dynamic graph must not learn anything from its example: odd sides, unlike each other.
_EXAMPLE = (97, 131)
_REGISTRY = "torch.onnx._internal.exporter._registration"


def trace(model: Deployed, size: tuple[int, int] | None, batch: int = 1) -> ExportedProgram:
    """The graph for `batch` pictures of (H, W), or of any size from 32x32 up where `size` is None.

    Raises:
        MfpnetError: somebody else's network that cannot be traced.
    """
    channels = model.info.format.channels
    example = example_input(model.pixels, size or _EXAMPLE, batch, channels)
    shapes = {"image": _free_sides(model)} if size is None else None
    try:
        with torch.no_grad(), quiet_tracer():
            # Checks on symbolic sizes that hold from 32 up, but which the tracer cannot prove,
            # become checks in the graph instead of refusals.
            return torch.export.export(
                model,
                (example,),
                dynamic_shapes=shapes,
                strict=False,
                prefer_deferred_runtime_asserts_over_guards=True,
            )
    except MfpnetError:
        raise
    except Exception as error:  # whatever is in somebody else's network
        raise MfpnetError(_untraceable(model, size, error)) from error


@contextmanager
def quiet_tracer() -> Iterator[None]:
    """Without the tracer's deprecation notes, and its words about torchvision's absence."""
    registry = logging.getLogger(_REGISTRY)
    level = registry.level
    registry.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=FutureWarning)
            warnings.filterwarnings("ignore", category=DeprecationWarning)
            warnings.filterwarnings("ignore", category=UserWarning, module=r"torch\..*")
            yield
    finally:
        registry.setLevel(level)


def _free_sides(model: Deployed) -> dict[int, Dim]:
    low, high = SIDES
    height, width = Dim("height", min=low, max=high), Dim("width", min=low, max=high)
    return {2: height, 3: width} if model.pixels == "float" else {1: height, 2: width}


def _untraceable(model: Deployed, size: tuple[int, int] | None, error: Exception) -> str:
    advice = " Give a fixed --size HxW, which asks less of it." if size is None else ""
    first = next(iter(str(error).strip().splitlines()), "no reason given")
    return (
        f"the network '{model.info.variant}' cannot be traced by torch.export "
        f"({type(error).__name__}: {first}).{advice}"
    )
