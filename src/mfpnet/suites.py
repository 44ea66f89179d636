"""Networks that are compared with each other, as data: entries of tables, never subclasses.

A fixed suite names whole networks. An ablation names what it changes in a baseline, which may be
any variant: `without-sgcn` of `mfpnet_fast` is the network `mfpnet_fast-without-sgcn`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any

from mfpnet.errors import unknown_name
from mfpnet.model_config import MFPNetConfig

_PAPER = MFPNetConfig()
_FAST = replace(_PAPER, strides=(4, 8, 16))
_LIGHT = replace(_FAST, stem_channels=16, stem_convs=2)
_NARROW = replace(_LIGHT, channels=(24, 72, 128))

# Ways of spending the same 1.00 M parameters. `mfpnet ablate spending` compares them; the record
# from which the two variants below were chosen is results/spending.json.
SPENDING: dict[str, MFPNetConfig] = {
    "paper-table": _PAPER,
    "paper-light-stem-wide-head": replace(_PAPER, stem_channels=16, stem_convs=2, head_channels=48),
    "fast-table": _FAST,
    "fast-light-stem-wide-head": replace(_LIGHT, head_channels=48),
    "fast-light-stem-narrow-top": _NARROW,
    "fast-one-conv-stem-narrow-top": replace(_NARROW, stem_channels=32, stem_convs=1),
}

VARIANTS: dict[str, MFPNetConfig] = {
    "mfpnet": SPENDING["paper-table"],
    "mfpnet_fast": SPENDING["fast-light-stem-wide-head"],
}

# Wider than the budget allows: what `mfpnet train --teacher` learns from, never what is deployed.
TEACHERS: dict[str, MFPNetConfig] = {
    "mfpnet-wide": replace(_PAPER, channels=(48, 96, 192), head_channels=64),
    "mfpnet-wider": replace(_PAPER, channels=(64, 128, 256), head_channels=64),
}

# Suites of whole networks.
SUITES: dict[str, dict[str, MFPNetConfig]] = {
    "spending": SPENDING,
    "teachers": TEACHERS,
    "variants": VARIANTS,
}

Changes = Mapping[str, Any]

# Its name says what is left. `-matched`: as many parameters as the baseline within 1.5 per
# cent, by other widths; without such a control a comparison also compares sizes.
_COMPONENTS: dict[str, Changes] = {
    "without-sgcn": {"sgcn": (None, None, None)},
    "without-sgcn-matched": {"sgcn": (None, None, None), "channels": (34, 68, 128)},
    "sgcn-at-one-scale": {"sgcn": (None, None, "simple")},
    "sgcn-at-two-scales": {"sgcn": (None, "simple", "simple")},
    "without-attention": {"attention": False},
    "without-dilation": {"dilations": ((1, 1, 1),) * 3},
    "without-block-residual": {"block_residual": False},
    "without-any-residual": {"block_residual": False, "residual": False},
    "without-aspp": {"aspp": False},
    "without-aspp-matched": {"aspp": False, "channels": (36, 66, 130)},
}

# BRMs in each block, their dilations spaced geometrically between the stage's smallest and
# largest; a single one gets the mean of these. The controls keep the parameters by their width.
_DEPTH: dict[str, Changes] = {
    "depth-1": {"dilations": ((2,), (4,), (8,))},
    "depth-1-matched": {"dilations": ((2,), (4,), (8,)), "channels": (52, 104, 200)},
    "depth-2": {"dilations": ((1, 4), (2, 8), (4, 16))},
    "depth-2-matched": {"dilations": ((1, 4), (2, 8), (4, 16)), "channels": (38, 78, 152)},
    "depth-4": {"dilations": ((1, 2, 3, 4), (2, 3, 5, 8), (4, 6, 10, 16))},
    "depth-4-matched": {
        "dilations": ((1, 2, 3, 4), (2, 3, 5, 8), (4, 6, 10, 16)),
        "channels": (28, 56, 112),
    },
    "depth-6": {"dilations": ((1, 1, 2, 2, 3, 4), (2, 3, 3, 5, 6, 8), (4, 5, 7, 9, 12, 16))},
    "depth-6-matched": {
        "dilations": ((1, 1, 2, 2, 3, 4), (2, 3, 3, 5, 6, 8), (4, 5, 7, 9, 12, 16)),
        "channels": (24, 44, 94),
    },
}

# Each schedule names all three stages; the baseline has (1, 2, 4), (2, 4, 8), (4, 8, 16). None has
# no dilated convolutions, 1-1-1 has them without a dilation.
_DILATION: dict[str, Changes] = {
    "dilation-none": {"dilations": ((0, 0, 0),) * 3},
    "dilation-1-1-1": {"dilations": ((1, 1, 1),) * 3},
    "dilation-halved": {"dilations": ((1, 1, 2), (1, 2, 4), (2, 4, 8))},
    "dilation-doubled": {"dilations": ((2, 4, 8), (4, 8, 16), (8, 16, 32))},
    "dilation-1-2-5": {"dilations": ((1, 2, 5),) * 3},
    "dilation-largest": {"dilations": ((4, 4, 4), (8, 8, 8), (16, 16, 16))},
}

_GRAPH: dict[str, Changes] = {
    "graph-glore": {"sgcn": ("glore", "glore", "glore")},
    "graph-4-nodes": {"nodes": 4},
    "graph-8-nodes": {"nodes": 8},
    "graph-32-nodes": {"nodes": 32},
    "graph-64-nodes": {"nodes": 64},
    "graph-one-step": {"steps": 1},
    "graph-likeness": {"adjacency": "data"},
    "graph-no-adjacency": {"adjacency": "none"},
    "graph-joint": {"joint_graph": True},
    "graph-pooling": {"sgcn": ("pool", "pool", "pool")},
}

_WIDTH: dict[str, Changes] = {
    "width-0.5": {"channels": (16, 32, 64)},
    "width-0.75": {"channels": (24, 48, 96)},
    "width-1.25": {"channels": (40, 80, 160)},
    "width-1.5": {"channels": (48, 96, 192)},
}

# Suites of changes to a baseline's wiring.
ABLATIONS: dict[str, dict[str, Changes]] = {
    "components": _COMPONENTS,
    "depth": _DEPTH,
    "dilation": _DILATION,
    "graph": _GRAPH,
    "width": _WIDTH,
}

# The suite of one network that is trained in several ways (`recipe_parts`).
RECIPE_SUITE = "recipe"


def suite_names() -> list[str]:
    """Every suite, sorted."""
    return sorted([*SUITES, *ABLATIONS, RECIPE_SUITE])


def suite_of(name: str, base: str = "mfpnet_fast") -> dict[str, MFPNetConfig]:
    """The networks of a suite by their names; of an ablation the baseline comes first.

    The suite of recipes has only that.

    Args:
        name: of the suite.
        base: the variant that an ablation changes; a fixed suite has none.

    Raises:
        MfpnetError: there is no such suite or variant.
    """
    if name in SUITES:
        return SUITES[name]
    if name not in suite_names():
        raise unknown_name("suite", name, suite_names())
    if base not in VARIANTS:
        raise unknown_name("variant", base, VARIANTS)
    return {base: VARIANTS[base], **_changed(base, ABLATIONS.get(name, {}))}


def baseline_of(name: str, base: str) -> str | None:
    """The network that the others of a suite are compared with; None of a fixed suite."""
    return None if name in SUITES else base


def find_network(name: str) -> MFPNetConfig | None:
    """The network of this name in any suite, None where there is none."""
    for suite in (VARIANTS, *SUITES.values()):
        if name in suite:
            return suite[name]
    for base, ablation in product(VARIANTS, ABLATIONS.values()):
        change = name.removeprefix(f"{base}-")
        if change != name and change in ablation:
            return replace(VARIANTS[base], **ablation[change])
    return None


def network_names() -> list[str]:
    """Every network of every suite."""
    changes = [change for ablation in ABLATIONS.values() for change in ablation]
    return [*fixed_names(), *(f"{base}-{change}" for base in VARIANTS for change in changes)]


def fixed_names() -> list[str]:
    """The networks that are no ablation: few enough to be listed in an error."""
    return list(dict.fromkeys(name for suite in (VARIANTS, *SUITES.values()) for name in suite))


def _changed(base: str, ablation: Mapping[str, Changes]) -> dict[str, MFPNetConfig]:
    return {f"{base}-{name}": replace(VARIANTS[base], **ablation[name]) for name in ablation}
