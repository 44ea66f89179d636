"""Every backend that can run a network here, by name."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mfpnet.checkpoint import load_model
from mfpnet.errors import MfpnetError, unknown_name
from mfpnet.exporting.deployed import info_of
from mfpnet.exporting.writing import SUFFIXES, write_exported
from mfpnet.foreign import file_name
from mfpnet.measuring.runners import ON_CPU, ON_GPU, Array, Job, Runner, torch_runner
from mfpnet.measuring.subjects import Subject, check_measurable, names_weights, subject_of
from mfpnet.pixels.enlarge import likeliest
from mfpnet.pixels.pictures import Image
from mfpnet.runtimes.backends import Backend, open_backend

# The runtime of each exported format, all on the CPU.
RUNTIMES: dict[str, str] = {
    "onnxruntime": "onnx",
    "openvino": "openvino",
    "openvino-bf16": "openvino",
    "torch-export": "torch-export",
    "litert": "litert",
    "executorch": "executorch",
}
# What they import. That of PyTorch's own backends is here already.
LIBRARIES: dict[str, str] = {
    "onnxruntime": "onnxruntime",
    "openvino": "openvino",
    "openvino-bf16": "openvino",
    "torch-export": "torch",
    "litert": "ai_edge_litert.interpreter",
    "executorch": "executorch.runtime",
}


def backend_names(
    device: torch.device,
    *,
    only: Sequence[str] = (),
    precisions: Sequence[str] = (),
    compiled: bool = False,
) -> list[str]:
    """The backends to measure on a device.

    Args:
        device: on a GPU, the runtimes of exported files are left out unless `only` names them.
        only: some of them, all when empty.
        precisions: of weights and features, all when empty.
        compiled: include those that go through `torch.compile`, as naming one in `only` does.

    Raises:
        MfpnetError: there is none of a name.
    """
    settings = ON_GPU if device.type == "cuda" else ON_CPU
    for name in only:
        if name not in (*settings, *RUNTIMES):
            known = (*settings, *RUNTIMES)
            raise unknown_name(f"backend on {device.type}", name, known, likeness=0.7)
    wanted = only or (*settings, *(RUNTIMES if device.type == "cpu" else ()))
    return [
        name
        for name in wanted
        if (compiled or name in only or not (name in settings and settings[name].compiled))
        and (not precisions or precision_of(name, device) in precisions)
    ]


def precision_of(backend: str, device: torch.device) -> str:
    """The precision that a backend's name stands for."""
    settings = ON_GPU if device.type == "cuda" else ON_CPU
    if backend in settings:
        return settings[backend].precision
    return "bf16" if backend.endswith("-bf16") else "fp32"


def runtime_of(path: Path) -> str:
    """The runtime of an exported file."""
    suffix = path.suffix.lower()
    return next(name for name, format in RUNTIMES.items() if SUFFIXES[format] == suffix)


def contender(subject: Subject, backend: str, job: Job, folder: Path) -> Runner:
    """A subject ready to run; a network is exported to the folder where the backend needs a file.

    Raises:
        MfpnetError: a package is missing, or the file does not fit the job.
        Exception: whatever a backend raises when it cannot run a network.
    """
    with warnings.catch_warnings():
        # Tracers and compilers speak of their own future.
        warnings.simplefilter("ignore")
        settings = ON_GPU if job.device.type == "cuda" else ON_CPU
        if subject.network is not None and backend in settings:
            return torch_runner(subject.network, settings[backend], job)
        path = subject.path or exported_file(subject, backend, job, folder)
        return file_runner(path, job, bf16=backend.endswith("-bf16"))


def import_library(backend: str) -> None:
    """Load what a backend runs in, so that it does not count as memory of a network.

    What is not installed is told of by what runs it.
    """
    if backend in LIBRARIES:
        with suppress(ImportError):
            importlib.import_module(LIBRARIES[backend])


def exported_file(subject: Subject, backend: str, job: Job, folder: Path) -> Path:
    """The network as a file for a runtime, made where it is not there yet."""
    format = RUNTIMES[backend]
    height, width = job.size
    name = f"{file_name(subject.name)}-{height}x{width}-{job.batch}-{job.output}"
    path = folder / f"{name}{SUFFIXES[format]}"
    if not path.exists():
        assert subject.network is not None
        write_exported(
            subject.network,
            path,
            format=format,
            size=job.size,
            output=job.output,
            batch=job.batch,
        )
    return path


def file_runner(path: Path, job: Job, *, bf16: bool = False) -> Runner:
    """An exported file in its runtime, which may round to bfloat16 inside (OpenVINO).

    Raises:
        MfpnetError: the file cannot be used, or does not take the job's pictures.
    """
    backend = open_backend(path, threads=job.threads, foreign=True, bf16=bf16)
    if backend.manifest:
        check_measurable(backend.manifest.info, str(path))
    _check_fits(path, backend, job)

    def load(pictures: Image) -> Array:
        return _as_input(pictures, backend)

    manifest = backend.manifest
    said = manifest.precision if manifest else "unknown"
    runner = Runner(
        load,
        _answering(backend, job, path),
        np.asarray,
        lambda: None,
        precision="bf16" if bf16 else said,
        info=manifest.info if manifest else None,
    )
    runner.run(load(np.zeros((job.batch, *job.size, 3), np.uint8)))
    return runner


def _answering(backend: Backend, job: Job, path: Path) -> Callable[[Array], Array]:
    """Runs the file; logits become labels where those are what everybody owes."""
    gives = backend.manifest.output if backend.manifest else job.output
    if gives == job.output:
        return backend.run
    if gives == "labels":
        raise MfpnetError(
            f"'{path}' gives labels, and logits are measured: leave out --output, or export it "
            f"with --output logits."
        )
    return lambda batch: np.stack([likeliest(logits) for logits in backend.run(batch)])


def _check_fits(path: Path, backend: Backend, job: Job) -> None:
    shape = backend.input_shape
    height, width = job.size
    pictures = (job.batch, height, width, 3)
    wanted = pictures if _takes_pictures(backend) else (job.batch, 3, height, width)
    if len(shape) != 4 or any(s not in (None, w) for s, w in zip(shape, wanted, strict=True)):
        takes = f"'{path}' takes {'x'.join('?' if s is None else str(s) for s in shape)}"
        if backend.manifest is None:
            raise MfpnetError(
                f"{takes}, and has no manifest that says what that means: mfpnet did not export "
                f"it. Without one, {'x'.join(map(str, wanted))} is measured: give its --size and "
                f"--batch-size, or make a file with mfpnet export."
            )
        raise MfpnetError(
            f"{takes}, and {'x'.join(map(str, wanted))} is measured: export it for this --size and "
            f"--batch-size."
        )


def own_size(subjects: Sequence[Subject]) -> tuple[int, int] | None:
    """(H, W) that exported files take; None where one is no file, takes any, or another.

    Raises:
        MfpnetError: a file cannot be opened.
    """
    found = {_file_size(subject.path) if subject.path else None for subject in subjects}
    return found.pop() if len(found) == 1 else None


def _file_size(path: Path) -> tuple[int, int] | None:
    backend = open_backend(path, foreign=True)
    shape = backend.input_shape
    if len(shape) != 4:
        return None
    height, width = shape[1:3] if _takes_pictures(backend) else shape[2:]
    return None if height is None or width is None else (height, width)


def _takes_pictures(backend: Backend) -> bool:
    if backend.manifest:
        return backend.manifest.pixels == "uint8"
    return len(backend.input_shape) == 4 and backend.input_shape[3] == 3


def _as_input(pictures: Image, backend: Backend) -> Array:
    """The pictures as the file takes them."""
    if not _takes_pictures(backend):
        scaled = pictures.transpose(0, 3, 1, 2).astype(np.float32) / 255
        return np.ascontiguousarray(scaled.astype(backend.input_dtype))
    return np.ascontiguousarray(pictures.astype(backend.input_dtype, copy=False))


def requested(subject: Subject, backend: str, job: Job, folder: Path) -> dict[str, Any]:
    """A contender as plain data, for `rebuilt` in another process; exports what that will open."""
    exported = subject.network is not None and backend in RUNTIMES
    path = exported_file(subject, backend, job, folder) if exported else subject.path
    return {
        "given": subject.given if path is None else str(path),
        "classes": len(info_of(subject.network).classes) if subject.network is not None else 0,
        "backend": backend,
        "job": asdict(job) | {"device": str(job.device)},
    }


def rebuilt(request: dict[str, Any]) -> Runner:
    """The contender that was requested, with random weights where it is a network."""
    told = request["job"]
    job = Job(**told | {"size": tuple(told["size"]), "device": torch.device(told["device"])})
    torch.set_num_threads(job.threads)
    given = request["given"]
    weights = load_model(given) if names_weights(given) else None
    subject = subject_of(given, weights, request["classes"])
    return contender(subject, request["backend"], job, Path())
