"""The parts of a recipe, as data: what each is without it and with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mfpnet.recipes import Recipe

# By its name a field of `Recipe`, its value without the part, and a usual one with it.
PARTS: dict[str, tuple[str, Any, Any]] = {
    "class-weights": ("class_weights", False, True),
    "hard-pixels": ("ohem_threshold", None, 0.7),
    "lovasz": ("lovasz", 0.0, 0.5),
    "auxiliary": ("auxiliary", 0.0, 0.4),
    "branches": ("branches", False, True),
    "rare-crops": ("rare_crops", 0.0, 0.3),
    "class-mix": ("class_mix", 0.0, 0.5),
    "flip": ("flip", False, True),
    "scale": ("scale", (1.0, 1.0), (0.5, 2.0)),
    "colour": ("colour", 0.0, 0.35),
    "noise": ("noise", 0.0, 0.05),
    "blur": ("blur", 0.0, 1.0),
    "full-frames": ("full_frame_epochs", 0, 2),
    "loss-stride": ("loss_stride", 1, 2),
    "ema": ("ema", 0.0, 0.99),
    "precise-bn": ("precise_bn", False, True),
}


def recipe_changes(recipe: Recipe) -> dict[str, Mapping[str, Any]]:
    """One change of the recipe for each part: `without-ema` where it is there, else `with-ema`."""
    return dict(_change(recipe, part) for part in PARTS)


def _change(recipe: Recipe, part: str) -> tuple[str, Mapping[str, Any]]:
    field, without, with_it = PARTS[part]
    if getattr(recipe, field) == without:
        return f"with-{part}", {field: with_it}
    return f"without-{part}", {field: without}
