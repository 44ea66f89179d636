"""ExecuTorch files (.pte), whose convolutions are XNNPACK's."""

from __future__ import annotations

from pathlib import Path

from mfpnet.exporting.deployed import Deployed
from mfpnet.exporting.tracing import quiet_tracer, trace
from mfpnet.runtimes.appended import write_with_manifest
from mfpnet.runtimes.manifest import Manifest


def write_executorch(path: Path, model: Deployed, manifest: Manifest, batch: int = 1) -> None:
    """Write the network for pictures of one size.

    Raises:
        MfpnetError: the network cannot be traced, or the file cannot be written.
        ImportError: ExecuTorch is not installed.
    """
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    program = trace(model, manifest.size, batch)
    with quiet_tracer():
        lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
        content = lowered.to_executorch().buffer
    write_with_manifest(path, manifest, lambda file: file.write_bytes(content))
