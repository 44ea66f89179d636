"""Every number of the wiring of `mfpnet.model`, as frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

GraphForm = Literal["simple", "glore", "pool"]
Adjacency = Literal["learned", "data", "none"]


@dataclass(frozen=True)
class MFPNetConfig:
    """Every number of the wiring.

    Attributes:
        num_classes: channels of the logits.
        in_channels: channels of the image.
        stem_channels: width of the initial block.
        stem_convs: 3x3 convolutions in it, the first with stride 2.
        channels: width of each stage.
        strides: pixels of the image per pixel of each stage.
        dilations: for each stage, the dilation of each of its BRMs, 0 for none; the decoder mirrors
            them.
        attention: channel attention inside each BRM.
        residual: the residual connection of each BRM.
        block_residual: the residual connection around each block of BRMs.
        sgcn: form of the graph convolution at each stage, None for none; "pool" is a control in
            its place, see `graph_controls`.
        nodes: graph nodes.
        steps: powers of the adjacency in the simple form (K).
        adjacency: what the simple form propagates along: a learned matrix, one made of the nodes'
            likeness, or nothing.
        joint_graph: one graph over the nodes of all stages together.
        aspp: the multi-scale head; a single 1x1 convolution in its place when off.
        aspp_dilations: dilations of its 3x3 branches.
        head_channels: width of each of its branches and of their projection.
        instances: a second head, that tells objects apart; see `instances.head`.
    """

    num_classes: int = 19
    in_channels: int = 3
    stem_channels: int = 32
    stem_convs: int = 3
    channels: tuple[int, ...] = (32, 64, 128)
    strides: tuple[int, ...] = (2, 4, 8)
    dilations: tuple[tuple[int, ...], ...] = ((1, 2, 4), (2, 4, 8), (4, 8, 16))
    attention: bool = True
    residual: bool = True
    block_residual: bool = True
    sgcn: tuple[GraphForm | None, ...] = field(default=("simple", "simple", "simple"))
    nodes: int = 16
    steps: int = 2
    adjacency: Adjacency = "learned"
    joint_graph: bool = False
    aspp: bool = True
    aspp_dilations: tuple[int, ...] = (6, 12, 18)
    head_channels: int = 32
    instances: bool = False

    def __post_init__(self) -> None:
        stages = {len(self.channels), len(self.strides), len(self.dilations), len(self.sgcn)}
        if len(stages) != 1 or not self.channels:
            raise ValueError("channels, strides, dilations and sgcn need one entry for each stage")
        steps = [b / a for a, b in zip((2, *self.strides), self.strides, strict=False)]
        if any(step not in (1, 2) for step in steps):
            raise ValueError(f"strides {self.strides} must start at 2 or 4 and keep or double")
        if not set(self.sgcn) <= {*get_args(GraphForm), None}:
            raise ValueError(f"sgcn {self.sgcn}: each entry is 'simple', 'glore', 'pool' or None")
        if self.adjacency not in get_args(Adjacency):
            raise ValueError(f"adjacency '{self.adjacency}' is none of {get_args(Adjacency)}")
        if (self.joint_graph or self.adjacency != "learned") and set(self.sgcn) != {"simple"}:
            raise ValueError("another adjacency, and a joint graph, need sgcn 'simple' everywhere")
        if min(self.num_classes, self.in_channels, self.stem_convs, self.nodes) < 1:
            raise ValueError("num_classes, in_channels, stem_convs and nodes must be at least 1")
