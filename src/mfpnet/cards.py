"""What weights are, what they are worth and where they end: the card that `mfpnet info` shows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mfpnet.info import ModelInfo
from mfpnet.views.condensed import listed

_LICENCES = {
    "ade20k": "non-commercial research and teaching only, as ADE20K's pictures themselves",
    "camvid": "research use only, as CamVid itself",
    "cityscapes": "non-commercial use only, as Cityscapes itself",
    "idd_lite": "research use only, as IDD itself",
    "shapes60": "no limit: the scenes are drawn by mfpnet",
    "synthetic": "no limit: the scenes are drawn by mfpnet",
}
# Where the frames of data come from.
_PLACES = {
    "camvid": "One city (Cambridge), seen from a car by daylight and at dusk",
    "cityscapes": "Cities of Germany and its neighbours, seen from a car by day in fair weather",
    "idd_lite": "Hyderabad, Bangalore and their outskirts, seen from a car by daylight",
}
_LIMITS = {
    "place": "{places}: nothing is known of other cities, other viewpoints, night, rain or snow.",
    "size": "Learnt from frames of {size}: larger pictures are scaled down to that, and what is "
    "small in them is lost.",
    "drawn": "Learnt from drawn scenes: not for real pictures.",
    "classes": "{count} classes: whatever is none of them is called one of them all the same.",
}
# Of all pixels that are such a class or are called it, more than half are wrong.
WEAK_IOU = 0.5


def licence_of(data: str, sources: Iterable[str] = ()) -> str:
    """The limit on weights: of the training data, and of all weights that they learnt from.

    Args:
        data: name of the training data; of several a + between their names.
        sources: licences of weights that the training went on from or was taught by.
    """
    own = [_LICENCES.get(name, "that of the training data") for name in data.split("+")]
    limits = [each for each in dict.fromkeys((*own, *sources)) if each != _LICENCES["synthetic"]]
    return "; ".join(limits) or own[0]


def limits_of(info: ModelInfo) -> list[str]:
    """What is known not to work, in sentences: by the training data, and read off the scores."""
    limits = _limits_by_data(info)
    if info.score is None:
        return [*limits, "Nobody has measured what these weights are worth."]
    scored = list(zip(info.classes, info.iou, strict=False))
    weak = sorted((iou, name) for name, iou in scored if iou is not None and iou < WEAK_IOU)
    if weak:
        named = listed([f"{name} {100 * iou:.0f}" for iou, name in weak])
        limits.append(f"Weak classes, more often wrong than right (IoU in %): {named}.")
    if absent := [name for name, iou in scored if iou is None]:
        limits.append(f"Not scored, because {info.score_on} has none: {listed(absent)}.")
    return limits


def _limits_by_data(info: ModelInfo) -> list[str]:
    names = info.data.split("+")
    places = [_PLACES[name] for name in names if name in _PLACES]
    limits = []
    if places:
        limits += [_LIMITS["place"].format(places="; ".join(places))]
        limits += [_LIMITS["size"].format(size="x".join(map(str, info.input_size)))]
    elif {"shapes60", "synthetic"} & set(names):
        limits += [_LIMITS["drawn"]]
    return [*limits, _LIMITS["classes"].format(count=len(info.classes))] if limits else []


def card_of(info: ModelInfo, *, parameters: int | None, size: int) -> dict[str, Any]:
    """The whole card as plain data.

    Args:
        info: what travels with the weights.
        parameters: how many the network has, None where that is not known.
        size: of the file, in bytes.
    """
    return {
        "parameters": parameters,
        "bytes": size,
        **info.as_dict(),
        "limits": limits_of(info),
    }
