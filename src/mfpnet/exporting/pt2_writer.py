"""torch.export files (.pt2): for a PyTorch without this package, or for ahead-of-time compiling."""

from __future__ import annotations

import io
from pathlib import Path

import torch

from mfpnet.exporting.deployed import Deployed
from mfpnet.exporting.tracing import quiet_tracer, trace
from mfpnet.files import write_atomically
from mfpnet.runtimes.manifest import MANIFEST_FILE, Manifest

# Where each operation comes from: half of a small file, and it names folders of this machine.
_NOTES = ("stack_trace", "nn_module_stack", "torch_fn")


def write_pt2(path: Path, model: Deployed, manifest: Manifest, batch: int = 1) -> None:
    """Write the traced network, with the manifest as an extra file inside.

    Raises:
        MfpnetError: the network cannot be traced, or the file cannot be written.
    """
    program = trace(model, manifest.size, batch)
    program.example_inputs = None  # as large as a picture
    for node in program.graph.nodes:
        for note in _NOTES:
            node.meta.pop(note, None)
    stream = io.BytesIO()
    with quiet_tracer():
        torch.export.save(program, stream, extra_files={MANIFEST_FILE: manifest.to_json()})
    write_atomically(path, stream.getvalue())
