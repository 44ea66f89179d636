"""Peak memory, measured in a process that does nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mfpnet.errors import MfpnetError
from mfpnet.measuring.contenders import LIBRARIES, RUNTIMES, contender, rebuilt, requested
from mfpnet.measuring.footprint import footprint
from mfpnet.measuring.runners import Job
from mfpnet.measuring.subjects import subjects_of
from mfpnet.runtimes.backends import runtime_packages
from samples import refused_without_bf16

JOB = Job((64, 96), 8, "logits", torch.device("cpu"), 1)


def test_a_process_tells_what_a_network_takes() -> None:
    (subject,) = subjects_of(["mfpnet_fast"])
    found = footprint(requested(subject, "eager", JOB, Path()))
    # The logits alone are 8 x 19 x 64 x 96 numbers of four bytes.
    assert 3 <= (found["memory_mib"] or 0) < 2000
    assert (found["gpu_memory_mib"] is None) is not torch.cuda.is_available()


def test_a_process_that_fails_says_why() -> None:
    (subject,) = subjects_of(["mfpnet_fast"])
    request = requested(subject, "eager", JOB, Path()) | {"given": "mfpnet_fats"}
    with pytest.raises(MfpnetError, match=r"memory failed: .*Did you mean 'mfpnet_fast'"):
        footprint(request)


@pytest.mark.parametrize("backend", ["inference-bf16", "openvino", "openvino-bf16"])
def test_what_is_rebuilt_computes_as_what_was_requested(backend: str, tmp_path: Path) -> None:
    (subject,) = subjects_of(["mfpnet_fast"])
    with refused_without_bf16(backend):
        made = contender(subject, backend, JOB, tmp_path)
        again = rebuilt(requested(subject, backend, JOB, tmp_path))
        assert made.precision == again.precision == ("fp32" if backend == "openvino" else "bf16")


def test_every_runtime_has_a_library_that_does_not_count() -> None:
    assert LIBRARIES.keys() == RUNTIMES.keys()
    packages = runtime_packages()
    for name, module in LIBRARIES.items():
        package = packages[name.removesuffix("-bf16")]
        assert module.split(".")[0] == package.replace("-", "_")
