"""The classes of an import: what the background is, colours, and the label that is ignored."""

from __future__ import annotations

from collections.abc import Sequence

from mfpnet.errors import MfpnetError
from mfpnet.labels import Colour, LabelSet
from mfpnet.masks.class_file import usual_palette
from mfpnet.options.importing import Background

BACKGROUND = "background"
# Labels of 8-bit masks go to 254, and 255 is what is ignored.
_MOST_IN_8_BITS = 255


def label_set(
    name: str, classes: Sequence[str], palette: Sequence[Colour] | None = None
) -> LabelSet:
    """Classes with colours, and the ignored label that fits their number.

    Raises:
        MfpnetError: there are fewer than two.
    """
    if len(classes) < 2:
        held = f"one class only, '{classes[0]}'" if classes else "no class at all"
        raise MfpnetError(
            f"the {name} labels hold {held}: there is nothing to tell apart. Without "
            f"--background ignore, the background is a class too."
        )
    black = ((0, 0, 0),) if is_background(classes[0]) else ()
    colours = palette or (*black, *usual_palette(len(classes) - len(black)))
    ignore = 255 if len(classes) <= _MOST_IN_8_BITS else 65535
    return LabelSet(name, tuple(classes), tuple(colours), ignore)


def is_background(name: str) -> bool:
    """Whether a class is called background, in whatever way."""
    return name.strip("_ ").lower() == BACKGROUND


def empty_value(labels: LabelSet, background: Background) -> int:
    """The label of what no object covers."""
    own = [index for index, name in enumerate(labels.classes) if is_background(name)]
    return own[0] if own and background == "class" else labels.ignore_index


def with_background(names: Sequence[str], background: Background) -> list[str]:
    """The classes, the background first where it is to be one of them."""
    if background == "ignore":
        return list(names)
    own = [name for name in names if is_background(name)] or [BACKGROUND]
    return [own[0], *(name for name in names if name != own[0])]
