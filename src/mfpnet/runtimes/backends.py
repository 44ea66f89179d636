"""Exported files, each in its own runtime, behind one face: a batch in, a batch out, in numpy."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any, Protocol

import numpy.typing as npt

from mfpnet.errors import MfpnetError, missing_extra
from mfpnet.runtimes.executorch_backend import ExecuTorchBackend
from mfpnet.runtimes.litert_backend import LiteRtBackend
from mfpnet.runtimes.manifest import Manifest
from mfpnet.runtimes.onnx_backend import OnnxBackend
from mfpnet.runtimes.openvino_backend import OpenVinoBackend
from mfpnet.runtimes.torch_export_backend import TorchExportBackend

_Runtime = (
    type[OnnxBackend]
    | type[OpenVinoBackend]
    | type[TorchExportBackend]
    | type[LiteRtBackend]
    | type[ExecuTorchBackend]
)
_RUNTIMES: dict[str, _Runtime] = {
    ".onnx": OnnxBackend,
    ".xml": OpenVinoBackend,
    ".pt2": TorchExportBackend,
    ".tflite": LiteRtBackend,
    ".pte": ExecuTorchBackend,
}
EXPORTED = tuple(_RUNTIMES)
_INPUT = "image"


class Backend(Protocol):
    """An opened file.

    Attributes:
        name: of the runtime: `onnxruntime`, `openvino`, `torch-export`, `litert`, `executorch`.
        package: the Python package that the runtime is in.
        manifest: what the file says of itself; None for a foreign one.
        input_name: what its input is called, empty where the format has no names.
        input_shape: of the input, None for a side that can be any.
        input_dtype: its numpy type, as in `uint8`.
    """

    name: str
    package: str
    manifest: Manifest | None
    input_name: str
    input_shape: tuple[int | None, ...]
    input_dtype: str

    def run(self, batch: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The output for a batch of the input's shape and type."""


def is_exported(name_or_path: str | Path) -> bool:
    """Whether a name is that of an exported file: by its ending, or because it is bundled."""
    return _has_ending(Path(name_or_path)) or str(name_or_path) in bundled_files()


def bundled_files() -> dict[str, Path]:
    """The exported files that come with the package: name without its ending -> file."""
    folder = Path(str(resources.files("mfpnet"))) / "weights"
    return {path.stem: path for path in sorted(folder.iterdir()) if _has_ending(path)}


def runtime_packages() -> dict[str, str]:
    """The Python package that each runtime is in, by the runtime's name."""
    return {runtime.name: runtime.package for runtime in _RUNTIMES.values()}


def _has_ending(path: Path) -> bool:
    return path.suffix.lower() in EXPORTED


def find_exported(name_or_path: str | Path) -> Path:
    """The file that a path or the name of a bundled file stands for.

    Raises:
        MfpnetError: there is none, or its ending is not one of `EXPORTED`.
    """
    path = Path(name_or_path)
    if not is_exported(path):
        raise MfpnetError(f"'{path}' is no exported file: those end in {', '.join(EXPORTED)}.")
    if path.is_file():
        return path
    bundled = bundled_files()
    if str(name_or_path) in bundled:
        return bundled[str(name_or_path)]
    if path.exists():
        raise MfpnetError(f"'{path}' is a folder: an exported {path.suffix} is a file.")
    known = f", or a bundled one: {', '.join(bundled)}" if bundled else ""
    raise MfpnetError(f"'{path}' does not exist. Give a file{known}.")


def file_bytes(path: Path) -> int:
    """The bytes of an exported file, with those of the weights beside it where it has some."""
    beside = [path.with_suffix(".bin")] if path.suffix.lower() == ".xml" else []
    beside += [Path(f"{path}.data")] if path.suffix.lower() == ".onnx" else []
    return sum(file.stat().st_size for file in (path, *beside) if file.is_file())


def open_backend(
    path: str | Path,
    *,
    threads: int | None = None,
    foreign: bool = False,
    bf16: bool = False,
) -> Backend:
    """Open an exported file in its runtime, and check that it takes what it says.

    Args:
        path: the file, or the name of a bundled one; its ending says which runtime.
        threads: that work on one batch; the runtime's choice when left out.
        foreign: take a file without a manifest too, as of somebody else's network.
        bf16: round to bfloat16 inside, which OpenVINO can.

    Raises:
        MfpnetError: no such file, no runtime for it here, a broken or a foreign file, or one whose
            input is another than its manifest says.
    """
    path = find_exported(path)
    runtime = _RUNTIMES[path.suffix.lower()]
    backend = _opened(runtime, path, threads, bf16=bf16)
    if backend.manifest is not None:
        _check_input(backend, backend.manifest, path)
    elif not foreign:
        raise MfpnetError(
            f"'{path}' was not exported by mfpnet: it has no manifest, so nobody knows its classes "
            f"and what its input means ({_input_of(backend)}). Make one with `mfpnet export`."
        )
    return backend


def _opened(runtime: _Runtime, path: Path, threads: int | None, *, bf16: bool) -> Backend:
    if bf16 and runtime is not OpenVinoBackend:
        raise MfpnetError(f"'{path}' runs in {runtime.name}, which has no bfloat16 of its own.")
    try:
        return OpenVinoBackend(path, threads, bf16=True) if bf16 else runtime(path, threads)
    except MfpnetError:
        raise
    except ImportError as error:
        if runtime.extra:
            raise missing_extra(runtime.extra, f"running '{path}'") from error
        raise MfpnetError(
            f"running '{path}' needs a package that is not installed here: "
            f"pip install {runtime.package}."
        ) from error
    except Exception as error:  # the runtimes' errors have nothing in common
        raise MfpnetError(
            f"'{path}' cannot be opened by {runtime.name}: {_reason(error)}. It is damaged, "
            f"another kind of file, or for a newer {runtime.package}: copy or export it again."
        ) from error


def _reason(error: Exception) -> str:
    """The line of a runtime's complaint that says what is wrong, without its own source's place."""
    lines = [line.strip() for line in str(error).splitlines()]
    told = [line for line in lines if line and not line.startswith(("Exception from", "Check '"))]
    line = (told or [type(error).__name__])[0]
    return line.rsplit("failed:", 1)[-1].rsplit(" : ", 1)[-1].rstrip(".")


def _check_input(backend: Backend, manifest: Manifest, path: Path) -> None:
    height, width = manifest.size or (None, None)
    channels = manifest.info.format.channels
    planes = manifest.pixels == "float"
    sides = (channels, height, width) if planes else (height, width, channels)
    shape_fits = len(backend.input_shape) == 4 and backend.input_shape[1:] == sides
    name_fits = backend.input_name in ("", _INPUT)
    if not (shape_fits and name_fits and backend.input_dtype == manifest.dtype):
        wanted = f"'{_INPUT}', {manifest.dtype} {_shape((None, *sides))}"
        raise MfpnetError(
            f"'{path}' takes another input than its manifest says: {_input_of(backend)}, and not "
            f"{wanted}. Something changed the file after its export: export it again."
        )


def _input_of(backend: Backend) -> str:
    named = f"'{backend.input_name}', " if backend.input_name else ""
    return f"{named}{backend.input_dtype} {_shape(backend.input_shape)}"


def _shape(sides: tuple[int | None, ...]) -> str:
    return f"({', '.join('any' if side is None else str(side) for side in sides)})"
