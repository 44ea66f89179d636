"""A network and a run small enough for tests, and what belongs to them."""

from __future__ import annotations

import dataclasses
import functools
import io
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

from mfpnet.data.source import DataSource
from mfpnet.errors import MfpnetError
from mfpnet.foreign import ForeignNetwork
from mfpnet.info import ModelInfo
from mfpnet.labels import CAMVID
from mfpnet.model import MFPNet
from mfpnet.model_config import MFPNetConfig
from mfpnet.recipes import Recipe
from mfpnet.runtimes.openvino_backend import openvino_core
from mfpnet.suites import VARIANTS
from mfpnet.synthetic.scenes import draw_scene
from mfpnet.training.runs import RunConfig

TINY = MFPNetConfig(
    num_classes=11,
    stem_channels=8,
    stem_convs=1,
    channels=(8, 12, 16),
    strides=(4, 8, 16),
    dilations=((1,), (2,), (4,)),
    nodes=4,
    head_channels=8,
    aspp_dilations=(2,),
)
INFO = ModelInfo(
    variant="tiny",
    classes=CAMVID.classes,
    palette=CAMVID.palette,
    mean=(0.4, 0.41, 0.42),
    std=(0.3, 0.31, 0.32),
    ignore_index=11,
    input_size=(64, 96),
)
STREETS = DataSource("synthetic", "train", count=6, size=(64, 96))
UNSEEN = DataSource("synthetic", "val", count=3, size=(64, 96))
RUN = RunConfig(
    variant="tiny",
    recipe_name="custom",
    recipe=Recipe(epochs=2, batch_size=2, crop_size=(64, 64), learning_rate=3e-3),
    data=STREETS,
    device="cpu",
    threads=1,
)


def tiny_network(**changes: Any) -> MFPNet:
    """Random weights by a fixed seed; takes other values of its config."""
    torch.manual_seed(0)
    return MFPNet(dataclasses.replace(TINY, **changes))


def modest_network(**changes: Any) -> MFPNet:
    """The same in eval mode with `info`, and logits of some ten, not thousands: rounding is small.

    A network runs in another form than it was trained in.
    """
    network = tiny_network(**changes).eval()
    network.info = INFO
    with torch.no_grad():
        network.classifier.weight *= 0.01
    return network


def short_network(in_channels: int = 3) -> MFPNet:
    """`modest_network` with two stages, of both forms of graph: quicker to export."""
    return modest_network(
        channels=(8, 12),
        strides=(4, 8),
        dilations=((1,), (2,)),
        sgcn=("simple", "glore"),
        in_channels=in_channels,
    )


class Recorder(nn.Module):
    """Notes the sizes that it sees and finds nothing; wrapped, a network that is not ours."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, ...]] = []

    def forward(self, image: Tensor) -> Tensor:
        self.seen.append(tuple(image.shape[2:]))
        return torch.zeros(1, 11, *image.shape[2:])

    def as_network(self) -> ForeignNetwork:
        network = ForeignNetwork(self, "samples:Recorder", 11)
        network.info = INFO
        return network


def with_recipe(**changes: Any) -> RunConfig:
    """The run with other values of its recipe."""
    return dataclasses.replace(RUN, recipe=dataclasses.replace(RUN.recipe, **changes))


def quiet() -> Console:
    """A console that nobody reads."""
    return Console(file=io.StringIO(), width=200)


@contextmanager
def small_and_fast() -> Iterator[pytest.MonkeyPatch]:
    """`tiny` is a variant, a scene is drawn once, and the threads are given back."""
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(VARIANTS, "tiny", TINY)
        patch.setattr("mfpnet.synthetic.streets.draw_scene", functools.cache(draw_scene))
        yield patch
    torch.set_num_threads(threads)


def refused_without_bf16(backend: str) -> AbstractContextManager[object]:
    """What a test of a backend's bfloat16 stands in: a processor may have none, and says so."""
    able = openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if backend != "openvino-bf16" or "BF16" in able:
        return nullcontext()
    return pytest.raises(MfpnetError, match="no bfloat16")
