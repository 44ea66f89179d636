"""LiteRT files (.tflite), converted from the traced network by litert-torch."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path

import torch

from mfpnet.exporting.deployed import Deployed, example_input
from mfpnet.exporting.tracing import quiet_tracer
from mfpnet.runtimes.appended import write_with_manifest
from mfpnet.runtimes.manifest import Manifest


def write_litert(path: Path, model: Deployed, manifest: Manifest, batch: int = 1) -> None:
    """Write the network for pictures of one size, channels last inside.

    Raises:
        MfpnetError: the file cannot be written.
        ImportError: litert-torch is not installed.
    """
    import litert_torch

    assert manifest.size is not None  # writing.check_target
    example = example_input(model.pixels, manifest.size, batch, model.info.format.channels)
    # It tells the standard output about each of its steps.
    with torch.no_grad(), quiet_tracer(), redirect_stdout(sys.stderr):
        converted = litert_torch.convert(model, (example,))
        write_with_manifest(path, manifest, lambda file: converted.export(str(file)))
