"""Peak memory, measured in a process that does nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mfpnet.errors import MfpnetError
from mfpnet.measuring.contenders import requested
from mfpnet.measuring.footprint import footprint
from mfpnet.measuring.runners import Job
from mfpnet.measuring.subjects import subjects_of

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
