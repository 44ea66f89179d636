"""Trained networks whose opinion a smaller one learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mfpnet.checkpoint import load_model, read_info
from mfpnet.errors import MfpnetError
from mfpnet.foreign import is_foreign
from mfpnet.info import ModelInfo
from mfpnet.pixels.format import RGB, PixelFormat


@dataclass(frozen=True)
class Teacher:
    """One of them, and how its view of a picture differs from the pupil's.

    Attributes:
        network: in eval mode, on the device that trains.
        gain: (3, 1, 1) factor from the pupil's normalised images to the teacher's.
        shift: (3, 1, 1) what is added to them.
    """

    network: nn.Module
    gain: Tensor
    shift: Tensor


class Teachers:
    """The mean opinion of one or more trained networks.

    Args:
        teachers: at least one.
        temperature: divides the logits; above 1 for softer opinions.
        dtype: of autocast, None for plain float32.
    """

    def __init__(
        self, teachers: Sequence[Teacher], *, temperature: float, dtype: torch.dtype | None
    ) -> None:
        self.teachers = teachers
        self.temperature, self.dtype = temperature, dtype

    @torch.no_grad()
    def __call__(self, images: Tensor, stride: int = 1) -> Tensor:
        """Normalised as for the pupil, (B, 3, H, W), 0 outside -> probabilities (B, C, h, w)."""
        inside = images.any(dim=1, keepdim=True)
        views = [self._opinion(each, images, inside, stride) for each in self.teachers]
        return torch.stack(views).mean(dim=0)

    def _opinion(self, teacher: Teacher, images: Tensor, inside: Tensor, stride: int) -> Tensor:
        # What lies outside the frame was 0 for the teacher too, whatever its statistics.
        seen = (images * teacher.gain + teacher.shift) * inside
        with torch.autocast(images.device.type, dtype=self.dtype, enabled=self.dtype is not None):
            logits = teacher.network(seen, stride=stride)
        return torch.softmax(logits.float() / self.temperature, dim=1)


def load_teachers(
    names: Sequence[str],
    pupil: ModelInfo,
    *,
    device: torch.device,
    temperature: float,
    dtype: torch.dtype | None,
) -> Teachers:
    """Read trained weights as teachers of a network with this info.

    Args:
        names: bundled names, run folders or .safetensors files.
        pupil: what the pupil knows.
        device: where it trains.
        temperature: see `Teachers`.
        dtype: see `Teachers`.

    Raises:
        MfpnetError: weights cannot be read, or know other classes.
    """
    teachers = [_load(name, pupil, device) for name in names]
    return Teachers(teachers, temperature=temperature, dtype=dtype)


def check_teacher(name: str, classes: tuple[str, ...], frames: PixelFormat = RGB) -> ModelInfo:
    """What travels with a teacher's weights, if they can teach a network with these classes.

    Raises:
        MfpnetError: they cannot be read, are somebody else's network's, know other classes, or
            take other pixels than `frames`.
    """
    info = read_info(name)
    if is_foreign(info.variant):
        raise MfpnetError(
            f"the teacher '{name}' is somebody else's network ({info.variant}): a teacher must be "
            f"one of mfpnet itself."
        )
    if info.classes != classes:
        raise MfpnetError(
            f"the teacher '{name}' knows {len(info.classes)} classes "
            f"({', '.join(info.classes[:4])}, ...), the data has {len(classes)} "
            f"({', '.join(classes[:4])}, ...): a teacher must know the same, in one order."
        )
    if info.format != frames:
        raise MfpnetError(
            f"the teacher '{name}' takes {info.format}, and the frames have {frames}: a teacher "
            f"must see what its pupil sees."
        )
    return info


def _load(name: str, pupil: ModelInfo, device: torch.device) -> Teacher:
    info, network = check_teacher(name, pupil.classes, pupil.format), load_model(name)
    ours, theirs = (
        [torch.tensor(values).view(-1, 1, 1) for values in (each.mean, each.std)]
        for each in (pupil, info)
    )
    gain, shift = ours[1] / theirs[1], (ours[0] - theirs[0]) / theirs[1]
    frozen = network.requires_grad_(False).to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Teacher(frozen.eval(), gain.to(device), shift.to(device))
