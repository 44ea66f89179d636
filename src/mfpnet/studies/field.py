"""Which pixels of the image a stage's features can see through convolutions, exactly.

Attention, the graphs and the head's pooled branch see the whole image and are left out: what is
counted is the way through convolutions, pooling and bilinear resizing. Along one axis; the other is
alike. Borders are left out of account.
"""

from __future__ import annotations

from mfpnet.model_config import MFPNetConfig

# First and last position, both seen.
Interval = tuple[int, int]


def stage_names(config: MFPNetConfig) -> tuple[str, ...]:
    """The features that `MFPNet.forward_features` names, in order of depth."""
    numbers = range(1, len(config.strides) + 1)
    encoder = [name for number in numbers for name in (f"stage{number}", f"graph{number}")]
    return ("initial", *encoder, *(f"decoder{number}" for number in reversed(numbers)), "head")


def feature_stride(config: MFPNetConfig, name: str) -> int:
    """Pixels of the image per pixel of the named features."""
    if name == "initial":
        return 2
    return config.strides[0 if name == "head" else _number(name) - 1]


def seen_interval(config: MFPNetConfig, name: str, seen: Interval) -> Interval:
    """Pixels of the image that some positions of the named features see, at most."""
    if name == "initial":
        first, last = _widened(seen, config.stem_convs - 1)
        return 2 * first - 1, 2 * last + 1
    if name == "head":
        reach = max((*config.aspp_dilations, 0)) if config.aspp else 0
        return seen_interval(config, "decoder1", _widened(seen, reach))
    number = _number(name)
    if name.startswith("graph"):
        return seen_interval(config, f"stage{number}", seen)
    seen = _widened(seen, sum(dilation + 2 for dilation in config.dilations[number - 1]))
    if name.startswith("decoder"):
        return _into_decoder(config, number, seen)
    if feature_stride(config, name) > _entered_from(config, number)[1]:
        seen = 2 * seen[0] - 1, 2 * seen[1] + 1
    return seen_interval(config, _entered_from(config, number)[0], seen)


def field_side(config: MFPNetConfig, name: str) -> int:
    """Side of the square of the image, in pixels, that one position sees at most.

    Bilinear resizing takes two positions that lie unlike about each other's middle, so that
    positions differ; the largest counts.
    """
    intervals = [seen_interval(config, name, (i, i)) for i in range(2 * max(config.strides))]
    return max(last - first + 1 for first, last in intervals)


def _number(name: str) -> int:
    return int(name.lstrip("abcdefghijklmnopqrstuvwxyz"))


def _widened(seen: Interval, reach: int) -> Interval:
    return seen[0] - reach, seen[1] + reach


def _entered_from(config: MFPNetConfig, number: int) -> tuple[str, int]:
    """Name and stride of the features that enter an encoder stage."""
    if number == 1:
        return "initial", 2
    return f"stage{number - 1}", config.strides[number - 2]


def _into_decoder(config: MFPNetConfig, number: int, seen: Interval) -> Interval:
    """What enters a decoder block: the skip, and from the deeper one its resized features."""
    skip = seen_interval(config, f"graph{number}", seen)
    if number == len(config.strides):
        return skip
    deeper = seen
    if config.strides[number] > config.strides[number - 1]:
        # Position i lies at (i + 1/2) / 2 - 1/2 of the deeper one, between two of its positions.
        deeper = (seen[0] - 1) // 2, (seen[1] - 1) // 2 + 1
    below = seen_interval(config, f"decoder{number + 1}", deeper)
    return min(skip[0], below[0]), max(skip[1], below[1])
