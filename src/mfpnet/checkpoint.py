"""Weights, which are for everybody, and checkpoints, from which a training run continues.

Weights are safetensors with a `ModelInfo` and the network's config in the header; somebody else's
network has its name there, which only the caller can make us import. A checkpoint is a PyTorch file
of tensors and plain types, opened with `weights_only=True`: neither can run code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any, overload

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from mfpnet.errors import MfpnetError, unknown_name
from mfpnet.files import atomic_path, write_atomically
from mfpnet.foreign import ForeignNetwork, check_consent, foreign_network
from mfpnet.info import ModelInfo, frozen
from mfpnet.model import MFPNet
from mfpnet.model_config import MFPNetConfig
from mfpnet.variants import Network

WEIGHTS_FILE = "weights.safetensors"
CHECKPOINT_FILE = "checkpoint.pt"

# How a pickle begins, for each protocol that writes a number.
_PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def bundled_weights() -> dict[str, Path]:
    """The weights that come with the package: name -> file."""
    folder = Path(str(resources.files("mfpnet"))) / "weights"
    return {path.stem: path for path in sorted(folder.glob("*.safetensors"))}


def find_weights(name_or_path: str | Path) -> Path:
    """The safetensors file that a bundled name, a run folder or a path stands for.

    Raises:
        MfpnetError: there is none.
    """
    path, bundled = Path(name_or_path), bundled_weights()
    if str(name_or_path) in bundled:
        return bundled[str(name_or_path)]
    if path.is_dir():
        if (path / WEIGHTS_FILE).is_file():
            return path / WEIGHTS_FILE
        raise MfpnetError(f"'{path}' holds no {WEIGHTS_FILE}: has its training run ended?")
    if path.is_file():
        return path
    if path.suffix or "/" in str(name_or_path):
        raise MfpnetError(f"'{path}' does not exist. Give a file, a run folder or a bundled name.")
    raise unknown_name("weights", str(name_or_path), bundled)


def save_weights(path: Path, model: Network, info: ModelInfo, *, half: bool = False) -> None:
    """Write the network's weights with what travels with them, atomically; as float16 if `half`.

    Raises:
        MfpnetError: the file cannot be written, or a weight is too large for float16.
    """
    # A copy of each: the format refuses tensors that share memory, and tied weights do.
    tensors = {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in (_halved(model) if half else _deployed(model)).items()
    }
    header = {"info": json.dumps(info.as_dict()), **_identity(model)}
    write_atomically(path, _in_order(save(tensors, header)))


def round_to_half(model: Network) -> None:
    """Give the network the weights that its float16 file would have; they stay float32.

    Raises:
        MfpnetError: a weight is too large for float16.
    """
    weights = _deployed(model)
    for name, value in _halved(model).items():
        weights[name].copy_(value)


def _halved(model: Network) -> dict[str, Tensor]:
    state = _deployed(model)
    halved = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    if broken := [name for name, value in halved.items() if not value.isfinite().all()]:
        raise MfpnetError(
            f"{broken[0]} holds a weight that float16 cannot hold ({len(broken)} tensors do): "
            f"leave out --half."
        )
    return halved


def _identity(model: Network) -> dict[str, str]:
    """The entry of the header from which the network is built anew."""
    if isinstance(model, ForeignNetwork):
        return {"model": model.spec}
    return {"config": json.dumps(asdict(model.config))}


def _in_order(data: bytes) -> bytes:
    """The same safetensors with its header sorted: the library writes it in a random order."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


@overload
def load_model(name_or_path: str | Path, model: None = None) -> MFPNet: ...


@overload
def load_model(name_or_path: str | Path, model: str | None) -> Network: ...


def load_model(name_or_path: str | Path, model: str | None = None) -> Network:
    """A trained network in eval mode on the CPU, with `info`; takes normalised RGB (B, 3, H, W).

    Args:
        name_or_path: a bundled name (`mfpnet info` lists them), a run folder or a .safetensors.
        model: for weights of somebody else's network, its `package.module:factory`: that code is
            run because the caller names it, never because the file does.

    Raises:
        MfpnetError: no such weights, not safetensors, truncated, or from another network.
    """
    path = find_weights(name_or_path)
    tensors, header = _read_safetensors(path)
    info, own = _parse_header(header, path)
    check_consent(model, header.get("model"), path)
    network = own or foreign_network(header["model"], len(info.classes), len(info.mean))
    network.info = info
    load_tensors(network, tensors, path)
    return network.eval()


def read_info(name_or_path: str | Path) -> ModelInfo:
    """What travels with weights, without their network.

    Raises:
        MfpnetError: as `load_model`.
    """
    return read_weights(name_or_path)[1]


def _parse_header(header: Mapping[str, str], path: Path) -> tuple[ModelInfo, MFPNet | None]:
    """What travels with the weights, and the network with random ones where it is one of ours."""
    if "info" not in header or not {"config", "model"} & set(header):
        raise MfpnetError(f"'{path}' has no mfpnet header: it was not saved by mfpnet.")
    try:
        info = ModelInfo.from_dict(json.loads(header["info"]))
        if "model" in header:
            return info, None
        return info, MFPNet(MFPNetConfig(**frozen(json.loads(header["config"]))))
    except (MfpnetError, ValueError, TypeError) as error:
        raise MfpnetError(
            f"'{path}' has a header that this mfpnet cannot use ({str(error).rstrip('.')}). "
            f"Upgrade mfpnet, or save the weights anew."
        ) from error


def load_tensors(model: Network, tensors: Mapping[str, Tensor], origin: Path) -> None:
    """Copy weights into a network, all or nothing.

    Raises:
        MfpnetError: a name or a shape differs; names the first one and the classes of both sides.
    """
    wanted = _deployed(model)
    if differing := sorted(set(wanted) ^ set(tensors)):
        side = "missing in" if differing[0] in wanted else "unknown to the network but in"
        raise MfpnetError(
            f"'{origin}' is from another network: {differing[0]} is {side} the file "
            f"({len(differing)} names differ). Is it of another --variant? mfpnet info tells."
        )
    for name, value in tensors.items():
        if value.shape != wanted[name].shape:
            raise MfpnetError(
                f"'{origin}' does not fit: {name} is {tuple(value.shape)} in the file and "
                f"{tuple(wanted[name].shape)} here. Another number of classes, or another variant?"
            )
    for name, value in tensors.items():
        wanted[name].copy_(value)


def read_weights(name_or_path: str | Path) -> tuple[dict[str, Tensor], ModelInfo, Path]:
    """The tensors of weights, what travels with them, and their file.

    Raises:
        MfpnetError: as `load_model`.
    """
    path = find_weights(name_or_path)
    tensors, header = _read_safetensors(path)
    return tensors, _parse_header(header, path)[0], path


def _deployed(model: Network) -> dict[str, Tensor]:
    """The state that a prediction needs: batch norm's step counter is of use to training only."""
    state = model.state_dict()
    return {name: value for name, value in state.items() if "num_batches_tracked" not in name}


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            return {name: file.get_tensor(name) for name in file.keys()}, header  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise MfpnetError(
            f"'{path}' cannot be read as weights: {_diagnosis(path, error)}"
        ) from error


def _diagnosis(path: Path, error: Exception) -> str:
    if not isinstance(error, SafetensorError):
        return f"{error}."
    if path.suffix == ".bin" and path.with_suffix(".xml").is_file():
        return f"it belongs to an OpenVINO model. Give '{path.with_suffix('.xml')}' instead."
    with path.open("rb") as stream:
        start = stream.read(4)
    if start[:2] in _PICKLES or start == b"PK\x03\x04":
        return (
            "it is a PyTorch pickle, which can run code when opened. mfpnet reads safetensors "
            "only; a run's weights are in its weights.safetensors."
        )
    return f"{error}. It is truncated or no safetensors file: copy it again."


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write a training state (tensors, plain types) atomically; a full disk keeps the old one."""
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        torch.save(dict(state), stream)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a training state onto the CPU.

    Raises:
        MfpnetError: missing, truncated, or holding anything but tensors and plain types.
    """
    if not path.is_file():
        raise MfpnetError(f"'{path}' does not exist: nothing to resume from.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load has no common error for what a broken file can be
        raise MfpnetError(
            f"'{path}' is no checkpoint or a truncated one ({type(error).__name__}). "
            f"Start the run anew, or restore the file."
        ) from error
    if not isinstance(state, dict) or "step" not in state:
        raise MfpnetError(f"'{path}' is a PyTorch file but no mfpnet checkpoint.")
    return state
