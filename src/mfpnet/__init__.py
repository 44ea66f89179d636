"""MFPNet, semantic segmentation in a megabyte. Names load on first use: importing is light."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mfpnet.checkpoint import load_model
    from mfpnet.model import MFPNet
    from mfpnet.model_config import MFPNetConfig
    from mfpnet.predict import Predictor
    from mfpnet.variants import create_model, list_models

__version__ = "0.1.0"

__all__ = [
    "MFPNet",
    "MFPNetConfig",
    "Predictor",
    "create_model",
    "list_models",
    "load_model",
]

_HOMES = {
    "MFPNet": "model",
    "MFPNetConfig": "model_config",
    "Predictor": "predict",
    "create_model": "variants",
    "list_models": "variants",
    "load_model": "checkpoint",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'mfpnet' has no attribute {name!r}")
    return getattr(import_module(f"mfpnet.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
