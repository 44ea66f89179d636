"""classes.yaml: the names and colours of classes, and how masks hold them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import yaml

from mfpnet.errors import MfpnetError
from mfpnet.files import write_atomically
from mfpnet.labels import Colour, LabelSet, code_colour, voc_colour
from mfpnet.masks.class_rows import ClassRows, Masks, Unlisted, check_rows, shown_value
from mfpnet.masks.files import read_saved_mask
from mfpnet.pixels.pictures import Labels

CLASS_FILE = "classes.yaml"
# The same in C, where PyYAML has it: a thousand classes take it a quarter of the time.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_HEADER = """\
# The classes of this folder's masks. mfpnet reads this file; change it as you like.
#   name          of the label set
#   masks         index (grey or palette values), colour, or binary (0 and 255, or 65535)
#   ignore_index  what is never counted, in targets; above the classes
#   ignore        values or colours of masks that are never counted
#   unlisted      error, or ignore: what becomes of all other values, such as blended borders
#   classes       in order; several values may be one class: `id: [7, 8]`. With colour masks,
#                 `colour` is what the masks hold; with others, what the class is drawn in.
# The shortest such file, for masks with 0, 1 and so on: `classes: [road, sky]`
"""


class UnlistedValuesError(MfpnetError):
    """A mask has values that its classes.yaml does not know.

    Attributes:
        counts: pixels of each, by value or colour code.
    """

    def __init__(self, text: str, counts: Mapping[int, int]) -> None:
        super().__init__(text)
        self.counts = dict(counts)


@dataclass(frozen=True)
class ClassFile:
    """What a classes.yaml says.

    Attributes:
        labels: what the integers of a target mean.
        values: what class i is in a mask: ids, or colours as `labels.colour_code` writes them.
        masks: what masks hold.
        ignore: values, or colours, that become the ignored label.
        unlisted: what becomes of all others.
        place: the file, or where it would be written.
    """

    labels: LabelSet
    values: tuple[tuple[int, ...], ...]
    masks: Masks = "index"
    ignore: tuple[int, ...] = ()
    unlisted: Unlisted = "error"
    place: Path | None = field(default=None, compare=False)

    def read_mask(self, path: Path) -> Labels:
        """A mask's file as (H, W) targets, uint8, or uint16 where a label is beyond 255.

        Raises:
            UnlistedValuesError: it holds values that are neither a class's nor ignored.
            MfpnetError: it cannot be read, or is of another kind than `masks`.
        """
        raw = self._raw(path)
        slots = _slots(self.values, self.ignore, self.masks)[raw]
        unlisted = len(self.values) + 1
        if self.unlisted == "error" and (slots == unlisted).any():
            raise self._complaint(path, raw[slots == unlisted])
        targets = np.arange(unlisted + 1)
        targets[-2:] = self.labels.ignore_index
        kind = np.uint8 if targets.max() < 256 else np.uint16
        found: Labels = targets.astype(kind)[slots]
        return found

    def _raw(self, path: Path) -> npt.NDArray[np.unsignedinteger]:
        saved = read_saved_mask(path)
        if self.masks == "colour":
            return saved.codes()
        values = saved.values()
        if values is None:
            raise MfpnetError(
                f"'{path}' holds colours, and `masks` is {self.masks} in "
                f"{self.place or CLASS_FILE}: save it as the other masks are, or write `masks: "
                f"colour` and the colour of each class."
            )
        return values * np.uint8(255) if self.masks == "binary" and saved.bits == 1 else values

    def _complaint(
        self, path: Path, values: npt.NDArray[np.unsignedinteger]
    ) -> UnlistedValuesError:
        found, pixels = np.unique(values, return_counts=True)
        counts = dict(zip(found.tolist(), pixels.tolist(), strict=True))
        held = described(counts, self.masks)
        text = f"'{path}' holds {held}, which no class has. {self.fix(counts)}"
        return UnlistedValuesError(text, counts)

    def fix(self, counts: Mapping[int, int]) -> str:
        """What to do so that these values are ignored, as a sentence."""
        if self.place and self.place.is_file():
            values = ", ".join(shown_value(v, self.masks) for v in (*self.ignore, *sorted(counts)))
            return (
                f"If that is no class, write `ignore: [{values}]` in {self.place}; else give it "
                f"a row under `classes` there, or add it to the "
                f"`{'colour' if self.masks == 'colour' else 'id'}` of one."
            )
        folder = shlex.quote(str(self.place.parent)) if self.place else "DIR"
        values = " ".join(argument(value, self.masks) for value in sorted(counts))
        return (
            f"If that is no class, run: mfpnet data inspect --data {folder} --write --ignore "
            f"{values}"
        )


def argument(value: int, masks: str) -> str:
    """A value as the command line takes it."""
    return f"'#{value:06x}'" if masks == "colour" else str(value)


def described(counts: Mapping[int, int], masks: str, most: int = 5) -> str:
    """`7 (120 pixels), 9 (1 pixel)`, the most frequent first."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    parts = [
        f"{shown_value(v, masks)} ({n} pixel{'' if n == 1 else 's'})" for v, n in ranked[:most]
    ]
    more = [f"and {len(ranked) - most} more"] if len(ranked) > most else []
    what = "colour" if masks == "colour" else "value"
    return f"the {what}{'' if len(ranked) == 1 else 's'} {', '.join([*parts, *more])}"


@lru_cache(maxsize=4)
def _slots(
    values: tuple[tuple[int, ...], ...], ignore: tuple[int, ...], masks: Masks
) -> npt.NDArray[np.uint16]:
    """From a value to its class, then come ignored (n) and unlisted (n + 1)."""
    table = np.full(1 << 24 if masks == "colour" else 1 << 16, len(values) + 1, dtype=np.uint16)
    for index, several in enumerate(values):
        table[list(several)] = index
    table[list(ignore)] = len(values)
    return table


def read_classes(path: Path) -> ClassFile:
    """The inverse of `write_classes`; see the top of a written file for what it may say.

    Raises:
        MfpnetError: the file cannot be read or used; says what was found and what to do.
    """
    try:
        loaded = yaml.load(path.read_bytes(), _LOADER)
        rows = check_rows(loaded, path.absolute().parent.name or "own")
    except OSError as error:
        raise MfpnetError(f"cannot read '{path}': {error.strerror}. Check the path.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        reason = getattr(error, "problem", None) or "it is not UTF-8 text"
        raise MfpnetError(f"'{path}' is not valid YAML: {reason}{where}.") from error
    except MfpnetError as error:
        raise MfpnetError(f"'{path}' cannot be used: {error}") from error
    return _class_file(rows, path)


def _class_file(rows: ClassRows, path: Path) -> ClassFile:
    drawn = tuple(
        row.colour or (code_colour(row.values[0]) if rows.masks == "colour" else usual)
        for row, usual in zip(rows.rows, usual_palette(len(rows.rows)), strict=True)
    )
    names = tuple(row.name for row in rows.rows)
    labels = LabelSet(rows.name, names, drawn, rows.ignore_index)
    values = tuple(row.values for row in rows.rows)
    return ClassFile(labels, values, rows.masks, rows.ignore, rows.unlisted, path)


def usual_palette(count: int) -> tuple[Colour, ...]:
    """Colours for classes that have none: VOC's colour map after its black."""
    return tuple(map(voc_colour, range(1, count + 1)))


def write_classes(path: Path, classes: ClassFile) -> None:
    """Write a classes.yaml with an explanation at its top, atomically.

    Raises:
        MfpnetError: it cannot be written.
    """
    labels, masks = classes.labels, classes.masks
    rows = [
        _row_text(name, values, colour, masks)
        for name, values, colour in zip(labels.classes, classes.values, labels.palette, strict=True)
    ]
    ignored = ", ".join(shown_value(value, masks) for value in classes.ignore)
    text = (
        f"{_HEADER}name: {_yaml(labels.name)}\nmasks: {masks}\n"
        f"ignore_index: {labels.ignore_index}\nignore: [{ignored}]\n"
        f"unlisted: {classes.unlisted}\nclasses:\n{''.join(rows)}"
    )
    write_atomically(path, text.encode())


def _row_text(name: str, values: tuple[int, ...], colour: Colour, masks: str) -> str:
    held = ", ".join(shown_value(value, masks) for value in values)
    held = f"[{held}]" if len(values) > 1 else held
    drawn = held if masks == "colour" else str(list(colour))
    number = "" if masks == "colour" else f"id: {held}, "
    return f"- {{name: {_yaml(name)}, {number}colour: {drawn}}}\n"


def _yaml(text: str) -> str:
    """Text as a value in flow style, in quotes where it needs them."""
    dumped = yaml.safe_dump([text], default_flow_style=True, width=10**6, allow_unicode=True)
    return dumped.strip()[1:-1]
