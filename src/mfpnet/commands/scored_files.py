"""What `mfpnet evaluate` is to write: options that exclude each other, and files, checked first."""

from __future__ import annotations

from pathlib import Path

from mfpnet.errors import MfpnetError
from mfpnet.files import check_writable
from mfpnet.options.evaluate import EvaluateOptions
from mfpnet.runtimes.backends import find_exported, is_exported
from mfpnet.views.canvas import check_drawable

CHART, MAP = (".png", ".svg", ".pdf"), (".png",)
SUFFIXES = {
    "save": (".safetensors",),
    "submit": (".zip",),
    "picture": CHART,
    "bars": CHART,
    "reliability": CHART,
    "maps": MAP,
    "worst": MAP,
}
# Options, what cannot stand beside each, and what that is of.
EXCLUDED = (
    ("tile", ("save", "calibration", "reliability"), "whole frames"),
    ("map", ("save", "submit", "calibration", "reliability"), "the network's own classes"),
    ("frames", ("save", "submit"), "all frames"),
    (
        "corruptions",
        ("save", "submit", "tile", "calibration", "reliability", "bars", "worst"),
        "frames as they are",
    ),
)


def check_files(options: EvaluateOptions) -> None:
    """Refuse what could not be written, or not beside the rest, before minutes are spent on it.

    Raises:
        MfpnetError: options that exclude each other, a file that cannot be written or would take
            the place of another one or of the weights, or there are no such weights.
    """
    views = {"--flip": options.flip, "--scales": options.scales != (1.0,)}
    if options.save and (asked := " and ".join(name for name, given in views.items() if given)):
        raise MfpnetError(
            f"--save cannot stand beside {asked}: a card states the plain score. Leave out one or "
            f"the other."
        )
    for option, excluded, what in EXCLUDED:
        for name in excluded:
            if getattr(options, option) and getattr(options, name):
                raise MfpnetError(f"--{name} is of {what}: leave out --{option}, or --{name}.")
    for name, suffixes in SUFFIXES.items():
        path: Path | None = getattr(options, name)
        if path and path.suffix.lower() not in suffixes:
            ending = " or ".join(suffixes)
            raise MfpnetError(f"--{name} is '{path}': give a name that ends in {ending}.")
        if path:
            (check_drawable if suffixes is CHART else check_writable)(path)
    _check_apart(options)


def _check_apart(options: EvaluateOptions) -> None:
    """Refuse two outputs on one path, and one on the weights, which `--save` alone may replace."""
    taken: dict[Path, str] = {}
    for name in (*SUFFIXES, "json_file"):
        path: Path | None = getattr(options, name)
        if path is None:
            continue
        option, place = f"--{name.removesuffix('_file')}", path.resolve()
        if place in taken:
            raise MfpnetError(f"{taken[place]} and {option} are both '{path}': give two names.")
        if name != "save" and place == _weights_file(options.weights):
            raise MfpnetError(f"{option} is '{path}', the weights themselves: give another name.")
        taken[place] = option


def _weights_file(weights: str) -> Path:
    if is_exported(weights):  # needs no torch, which the other loads
        return find_exported(weights).resolve()
    from mfpnet.checkpoint import find_weights

    return find_weights(weights).resolve()
