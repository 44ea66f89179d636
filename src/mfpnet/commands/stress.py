"""`mfpnet evaluate --corruptions`, step by step: what is scored and what is drawn of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mfpnet.commands.scoring import open_sides, origin, whence
from mfpnet.errors import MfpnetError
from mfpnet.evaluate import Evaluation
from mfpnet.evaluating.corruptions import SEVERITIES
from mfpnet.evaluating.grouped import Sides
from mfpnet.evaluating.maps import one_frame
from mfpnet.evaluating.robustness import Robustness, chosen_corruptions, corrupted, robustness
from mfpnet.options.evaluate import EvaluateOptions
from mfpnet.pixels.pictures import write_png
from mfpnet.views.corruption_chart import corruption_picture
from mfpnet.views.runlog import progress_bar
from mfpnet.views.show import ERR, percent, say, show_rows

# What the sheet of label maps shows: bad, but not hopeless.
SHOWN_SEVERITY = 3


@dataclass(frozen=True)
class Stressed:
    """What was asked and what came of it.

    Attributes:
        options: of the command line.
        sides: the network and the data.
        found: the scores.
        record: all of it as data, ready for JSON.
    """

    options: EvaluateOptions
    sides: Sides
    found: Robustness
    record: dict[str, Any]


def stress(options: EvaluateOptions) -> Stressed:
    """Score the weights on frames as they are and under each corruption, a line for each.

    Raises:
        MfpnetError: options that exclude each other, no such corruption, or as in `scoring.score`.
    """
    names = chosen_corruptions(options.corruptions)
    predictor, sides, label_map = open_sides(options)
    if predictor.info.format.bits != 8 or predictor.info.format.channels not in (1, 3):
        raise MfpnetError(
            f"--corruptions are of 8-bit photos, and the network takes {predictor.info.format}: "
            f"leave it out."
        )

    def tell(condition: str, scores: Evaluation) -> None:
        say(f"{condition}: mIoU {percent(scores.scores.miou)} %")

    total = len(sides.dataset) * (1 + len(names) * len(SEVERITIES))
    title = f"evaluating {sides.dataset.name} {sides.dataset.split}"
    with progress_bar(ERR, title, total) as bar:
        found = robustness(sides, names, on_frame=lambda _: bar.advance(), on_condition=tell)
    record = origin(options, predictor, label_map) | found.as_dict() | whence(predictor)
    return Stressed(options, sides, found, record)


def show(stressed: Stressed) -> None:
    """Print the mIoU in % of each corruption and severity."""
    found, rows = stressed.found, []
    titles = (*map(str, SEVERITIES), "mean")
    for name, scored in found.corrupted.items():
        mious = [100 * each.scores.miou for each in scored]
        values = [round(value, 1) for value in (*mious, sum(mious) / len(mious))]
        rows.append({"corruption": name, **dict(zip(titles, values, strict=True))})
    show_rows(rows, ("corruption", *titles))
    say(
        f"mIoU {percent(found.clean.scores.miou)} % on the frames as they are, "
        f"{percent(found.mean_miou)} % on the mean of the corrupted ones"
    )


def draw(stressed: Stressed) -> None:
    """Draw every picture that was asked for."""
    options, sides, found = stressed.options, stressed.sides, stressed.found
    if options.picture:
        mious = {
            name: [each.scores.miou for each in scored] for name, scored in found.corrupted.items()
        }
        corruption_picture(found.clean.scores.miou, mious, options.picture)
        say(f"mIoU against severity: {options.picture}")
    if options.maps:
        shown = {
            name.replace("_", " "): corrupted(sides.dataset, name, SHOWN_SEVERITY)
            for name in found.corrupted
        }
        sheet = one_frame(sides.predictor, {"as it is": sides.dataset, **shown})
        write_png(options.maps, sheet)
        say(f"one frame under each corruption: {options.maps}")
