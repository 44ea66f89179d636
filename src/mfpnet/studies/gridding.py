"""Gridding: what a pixel sees through dilated convolutions, and what it does not.

Taps that are d apart skip the pixels between them; where every dilation of a chain shares a factor,
pixels side by side never meet (Wang et al. 2018, "Understanding convolution for semantic
segmentation"). Counted from the schedule and confirmed by the gradient of a network whose weights
are all equal.

Whole BRMs decide about a warning, not the dilated pairs alone: each of our dilations of 4, 8 and 16
has holes alone, but the 3x3 and the pair before it reach 2 pixels to each side of every tap, of
each BRM of the chain. At 16, 16, 16 that makes 13 of 16 pixels and holes remain; one BRM at 16
reaches 5 of 16.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from mfpnet.model import MFPNet
from mfpnet.model_config import MFPNetConfig
from mfpnet.studies.field import field_side
from mfpnet.studies.linearised import centre_gradient, linearised
from mfpnet.studies.path_counts import Paths, brm_paths, dilated_paths, evenness
from mfpnet.studies.study import Picture, Study
from mfpnet.views.canvas import INK, PALE_INK, SERIES, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Schedule = tuple[tuple[int, ...], ...]

_ALONE, _WHOLE = "dilated_convolutions_alone", "whole_brms"


def gridding(network: MFPNet, picture: Picture | None = None) -> Study:
    """What each stage's block sees, for the network's dilations and for others in their place.

    The picture plays no part. Warns of each stage whose whole BRMs leave holes.
    """
    config = network.config
    stages = [stage_evenness(config, number) for number in range(1, len(config.strides) + 1)]
    for stage, block in zip(stages, equal_blocks(config), strict=True):
        stage["confirmed_by_gradient"] = confirmed(config, stage["stage"], block)
    others = {
        name: schedule_evenness(replace(config, dilations=dilations))
        for name, dilations in schedules(config.dilations).items()
    }
    numbers = {"stages": stages, "schedules": others}
    return Study(
        name="gridding",
        numbers=numbers,
        warnings=tuple(hole_warning(stage) for stage in stages if has_holes(stage)),
        lines=_lines(stages, others),
        draw=lambda figure: _draw(figure, config, numbers),
        size=(8.0, 8.4),
    )


def schedules(own: Schedule) -> dict[str, Schedule]:
    """The network's dilations and others, as many for each stage; 0 stands for no dilated pair."""

    def alike(cycle: Sequence[int]) -> Schedule:
        return tuple(tuple(cycle[i % len(cycle)] for i in range(len(stage))) for stage in own)

    return {
        "none": alike([0]),
        "1-1-1": alike([1]),
        "1-2-5": alike([1, 2, 5]),
        "halved": tuple(tuple(max(d // 2, 1) for d in stage) for stage in own),
        "as it is": own,
        "doubled": tuple(tuple(2 * d for d in stage) for stage in own),
        "largest": tuple((max(stage, default=1),) * len(stage) for stage in own),
        "16-16-16": alike([16]),
    }


def schedule_evenness(config: MFPNetConfig) -> dict[str, Any]:
    """Every stage of a schedule, and what the last stage of the encoder sees of the image."""
    count = len(config.strides)
    stages = [stage_evenness(config, number) for number in range(1, count + 1)]
    return {
        "dilations": [list(stage) for stage in config.dilations],
        "encoder_field_image_pixels": field_side(config, f"stage{count}"),
        "holes": any(has_holes(stage) for stage in stages),
        "stages": stages,
    }


def stage_evenness(config: MFPNetConfig, number: int) -> dict[str, Any]:
    """How evenly one stage's block sees its field, with whole BRMs and without their other parts.

    Args:
        config: of the network.
        number: of the stage, from 1.
    """
    alone, whole = stage_paths(config, number)
    return {
        "stage": number,
        "stride": config.strides[number - 1],
        "dilations": list(config.dilations[number - 1]),
        _ALONE: evenness(alone).as_dict(),
        _WHOLE: evenness(whole).as_dict(),
    }


def stage_paths(config: MFPNetConfig, number: int) -> tuple[Paths, Paths]:
    """Numbers of paths through a stage's dilated pairs alone, and through its whole block."""
    dilations = config.dilations[number - 1]
    ways = {"residual": config.residual, "block_residual": config.block_residual}
    return dilated_paths(dilations), brm_paths(dilations, **ways)


def has_holes(stage: dict[str, Any]) -> bool:
    """Whether whole BRMs leave pixels of their field unseen."""
    return bool(stage[_WHOLE]["coverage"] < 1)


def hole_warning(stage: dict[str, Any]) -> str:
    """What is wrong with a stage that has holes, and what to do."""
    schedule, seen = "-".join(map(str, stage["dilations"])), stage[_WHOLE]
    return (
        f"Stage {stage['stage']}, dilations {schedule}: a pixel sees {100 * seen['coverage']:.1f} %"
        f" of its field of {seen['field_stage_pixels']}x{seen['field_stage_pixels']}, in a grid:"
        f" begin with smaller dilations, as in 4-8-16, so that the BRMs fill each other's holes."
    )


def equal_blocks(config: MFPNetConfig) -> list[nn.Module]:
    """Each stage's block of BRMs with two channels and nothing but equal weights."""
    count = len(config.strides)
    small = replace(
        config,
        channels=(2,) * count,
        stem_channels=2,
        stem_convs=1,
        head_channels=2,
        sgcn=(None,) * count,
        adjacency="learned",
        joint_graph=False,
        aspp=False,
    )
    with torch.random.fork_rng(devices=[]):
        return [linearised(block) for block in MFPNet(small).encoder]


def confirmed(config: MFPNetConfig, number: int, block: Any) -> bool:
    """Whether the gradient of `equal_blocks` is as many times each path as was counted."""

    def dilated(features: Tensor) -> Tensor:
        for brm in block.brms:
            features = brm.dilated(features)
        return features

    alone, whole = stage_paths(config, number)
    return _agrees(dilated, alone, 1) and _agrees(block, whole, 2)


def _agrees(function: Any, paths: Paths, channels: int) -> bool:
    """The same pixels, exactly; the same numbers, as far as float64 holds them."""
    margin = 1
    side = paths.shape[0] + 2 * margin
    found = centre_gradient(function, torch.zeros(1, channels, side, side, dtype=torch.float64))
    counted = np.pad((paths / paths.sum()).astype(np.float64), margin)
    gradient = (found / found.sum()).numpy()
    same_pixels = np.array_equal(gradient != 0, counted != 0)
    return bool(same_pixels and np.allclose(gradient, counted, rtol=1e-9, atol=0))


def _lines(stages: Sequence[dict[str, Any]], others: dict[str, Any]) -> tuple[str, ...]:
    told = [
        f"Stage {stage['stage']}, dilations {'-'.join(map(str, stage['dilations']))}: whole BRMs"
        f" see {_told(stage[_WHOLE])}; the dilated convolutions alone {_told(stage[_ALONE])}."
        for stage in stages
    ]
    agree = all(stage["confirmed_by_gradient"] for stage in stages)
    told.append(f"The gradient {'confirms' if agree else 'does NOT confirm'} every count.")
    holes = [name for name, schedule in others.items() if schedule["holes"]]
    told.append(f"With other dilations: holes at {', '.join(holes) or 'none of those tried'}.")
    return tuple(told)


def _told(seen: dict[str, Any]) -> str:
    side = seen["field_stage_pixels"]
    return f"{100 * seen['coverage']:.0f} % of {side}x{side}, waves {seen['waves']:.1f}"


def _draw(figure: Any, config: MFPNetConfig, numbers: dict[str, Any]) -> None:
    maps, below = figure.subfigures(2, 1, height_ratios=(5.2, 3.2))
    count = len(config.strides)
    maps.suptitle(
        "What one output pixel is computed from: the darker, the more paths; white, none.\n"
        "Waves: how these numbers rise and fall along a row; 1 is a single hill.",
        x=0.01,
        ha="left",
        fontsize=8,
        color=INK,
    )
    grid = maps.subplots(2, count, squeeze=False)
    for column, stage in enumerate(numbers["stages"]):
        paths = stage_paths(config, stage["stage"])
        for axes, key, counted in zip(grid[:, column], (_ALONE, _WHOLE), paths, strict=True):
            _draw_paths(axes, counted, stage, key)
    _draw_schedules(below.subplots(1, 3, sharey=True), numbers["schedules"])


def _draw_paths(axes: Axes, paths: Paths, stage: dict[str, Any], key: str) -> None:
    """Dark where many paths come from, white where none does."""
    counts = paths.astype(np.float64)
    shown = np.ma.masked_equal(counts / counts.max(), 0) ** 0.35
    reach = paths.shape[0] / 2
    axes.imshow(shown, cmap="Blues", vmin=-0.15, vmax=1, extent=(-reach, reach, -reach, reach))
    name = "dilated alone" if key == _ALONE else "whole BRMs"
    schedule = "-".join(map(str, stage["dilations"]))
    title = f"stage {stage['stage']} ({schedule}), {name}:\n{_told(stage[key])}"
    axes.set_title(title, loc="left", fontsize=8, color=INK)
    axes.set_xlabel("pixels of the stage", fontsize=8, color=INK)
    axes.tick_params(colors=PALE_INK, labelcolor=INK, labelsize=7, length=0)
    for spine in axes.spines.values():
        spine.set_color(PALE_INK)


def _draw_schedules(panels: Sequence[Axes], others: dict[str, Any]) -> None:
    """Reach, coverage and waves of each schedule, at the stage where they are worst."""
    names = list(others)
    worst = [
        {
            "coverage": 100 * min(stage[_WHOLE]["coverage"] for stage in schedule["stages"]),
            "waves": max(stage[_WHOLE]["waves"] for stage in schedule["stages"]),
            "field": schedule["encoder_field_image_pixels"],
        }
        for schedule in others.values()
    ]
    titles = {
        "field": "reach of the encoder,\npixels of the image",
        "coverage": "coverage by whole BRMs,\n% (worst stage)",
        "waves": "waves (worst stage),\n1 is even",
    }
    for axes, (key, title), colour in zip(panels, titles.items(), SERIES, strict=False):
        values = [row[key] for row in worst]
        bars = axes.barh(names, values, height=0.7, color=colour)
        labels = [f"{value:.1f}" if key == "waves" else f"{value:.0f}" for value in values]
        axes.bar_label(bars, labels, padding=2, fontsize=8, color=INK)
        axes.margins(x=0.2)
        tidy(axes, title, grid="x")
        axes.title.set_fontsize(9)
    panels[0].invert_yaxis()
