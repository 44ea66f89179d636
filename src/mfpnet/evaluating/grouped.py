"""A network and data of different classes, brought to groups that both can be scored in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import PIL.Image

from mfpnet.data.datasets import Dataset
from mfpnet.data.mapped import carried_over, check_fits
from mfpnet.data.mapping import LabelMap, Table, carried
from mfpnet.errors import MfpnetError
from mfpnet.labels import Colour, LabelSet
from mfpnet.pixels.format import Raster
from mfpnet.predict import Predictor
from mfpnet.prediction import Prediction

# What is predicted as a class of no group: it can only be wrong, and it is never left out.
OTHER = "other"
_OTHER_COLOUR: Colour = (255, 255, 255)


@dataclass(frozen=True)
class Sides:
    """What is compared with what.

    Attributes:
        predictor: of groups it gives `OTHER` too, where a class of the network is in none.
        dataset: of groups its targets are void where a class of the data is in none.
        scored: how many classes count, which is all but `OTHER`.
    """

    predictor: Predictor
    dataset: Dataset
    scored: int


def sides_of(predictor: Predictor, dataset: Dataset, label_map: LabelMap | None) -> Sides:
    """Carry predictions and targets into the groups of a map; without one both stay as they are.

    Raises:
        MfpnetError: the map does not lead from the network's classes to those of the data, or has
            a group that is called as what is in none.
    """
    if label_map is None:
        return Sides(predictor, dataset, dataset.labels.num_classes)
    check_fits(label_map, predictor.info.classes, "the weights know")
    _check_target(label_map, dataset)
    labels = _labels(label_map)
    targets = label_map.target_groups(void=labels.ignore_index)
    return Sides(
        GroupPredictor(predictor, label_map.source_groups(void=len(label_map.groups)), labels),
        carried_over(dataset, targets, labels),
        len(label_map.groups),
    )


class GroupPredictor(Predictor):
    """Another predictor whose labels go through a table.

    Args:
        predictor: whose classes go in.
        table: (C,) new label of each class.
        labels: what the new labels mean.
    """

    def __init__(self, predictor: Predictor, table: Table, labels: LabelSet) -> None:
        vars(self).update(vars(predictor))
        # Objects are no longer told apart: a group may hold things and what is none.
        self.info = replace(
            predictor.info, classes=labels.classes, palette=labels.palette, things=()
        )
        self._table = table

    @property
    def finds_instances(self) -> bool:
        """Never, whatever the network can."""
        return False

    def predict(self, image: Raster | PIL.Image.Image | str | Path) -> Prediction:
        """The groups in one picture; see `Predictor.predict`."""
        found = super().predict(image).labels
        return Prediction(carried(found, self._table, len(self._table)), self.info.classes)


def _labels(label_map: LabelMap) -> LabelSet:
    """The groups, and `OTHER` behind them where the network can answer what is in none.

    Raises:
        MfpnetError: a group is called `OTHER` too.
    """
    labels = label_map.labels
    if not label_map.ignored[0]:
        return labels
    if OTHER in labels.classes:
        raise MfpnetError(
            f"the map {label_map.name} has a group '{OTHER}', and that is what predictions of the "
            f"classes it ignores are called ({', '.join(label_map.ignored[0][:4])}): give the "
            f"group another name."
        )
    return replace(
        labels,
        classes=(*labels.classes, OTHER),
        palette=(*labels.palette, _OTHER_COLOUR),
    )


def _check_target(label_map: LabelMap, dataset: Dataset) -> None:
    found, wanted = dataset.labels.classes, label_map.target.classes
    if found != wanted:
        raise MfpnetError(
            f"the map {label_map.name} leads to {len(wanted)} classes of {label_map.target.name} "
            f"({', '.join(wanted[:4])}, ...), and {dataset.name} has {len(found)} "
            f"({', '.join(found[:4])}, ...): give a map to these."
        )
