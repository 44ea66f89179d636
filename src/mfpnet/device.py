"""Which device, and how exactly."""

from __future__ import annotations

import torch

from mfpnet.errors import MfpnetError


def choose_device(name: str) -> torch.device:
    """`auto` is a GPU where there is one; anything else is PyTorch's own name for a device.

    Raises:
        MfpnetError: the name is unknown, or the device is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise MfpnetError(
            f"device '{name}' cannot be used here: {str(error).splitlines()[0]}. Try --device auto."
        ) from error
    return device


def used_device(device: torch.device) -> dict[str, object]:
    """What a record says about where something ran."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {"device": device.type, "gpu": name, "threads": torch.get_num_threads()}


def make_deterministic(device: torch.device) -> None:
    """Ask for kernels that give the same bits every time; on a GPU this costs speed."""
    if device.type == "cuda":
        # cuBLAS reads this when it is first used; without it, the next line makes it refuse.
        import os

        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)


def autocast_dtype(precision: str, device: torch.device) -> torch.dtype | None:
    """The type that a precision means on a device, None for plain float32.

    `auto` is bfloat16 on a GPU that has it and float32 elsewhere: of CPUs only
    those with instructions for it gain.

    Raises:
        MfpnetError: float16 on a CPU, whose range would need scaling that it does not gain from.
    """
    if precision == "auto":
        fast = device.type == "cuda" and torch.cuda.is_bf16_supported()
        return torch.bfloat16 if fast else None
    if precision == "fp16" and device.type == "cpu":
        raise MfpnetError("fp16 trains on a GPU only: use --precision bf16 or fp32 on a CPU.")
    return {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
