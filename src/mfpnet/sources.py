"""From the name of data to the data: every data set the package knows, and folders of one's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mfpnet.data.ade20k import Ade20k
from mfpnet.data.camvid import CamVid
from mfpnet.data.cityscapes import Cityscapes
from mfpnet.data.datasets import Dataset
from mfpnet.data.idd_lite import IddLite
from mfpnet.data.map_file import find_map
from mfpnet.data.mapped import Joined, into_target
from mfpnet.data.source import DATASETS, FOLDER, DataSource
from mfpnet.data.subset import Subset
from mfpnet.data.voc import PascalVoc
from mfpnet.errors import MfpnetError, unknown_name
from mfpnet.folders.folder import Folder
from mfpnet.synthetic.drawn import Drawn
from mfpnet.synthetic.shapes import Shapes60
from mfpnet.synthetic.streets import SyntheticStreets

_READERS: dict[str, Callable[[Path, str], Dataset]] = {
    "ade20k": Ade20k,
    "camvid": CamVid,
    "cityscapes": Cityscapes,
    "idd_lite": IddLite,
    "voc": PascalVoc,
}
_DRAWN: dict[str, type[Drawn]] = {"shapes60": Shapes60, "synthetic": SyntheticStreets}


def open_dataset(source: DataSource) -> Dataset:
    """The data set that a source names, its targets in the classes that its map leads to.

    Raises:
        MfpnetError: no such data or map, no root where one is needed, or a fault of the data.
    """
    dataset = _open_plain(source)
    if source.frames is not None:
        dataset = Subset(dataset, source.frames)
    return into_target(dataset, find_map(source.mapping)) if source.mapping else dataset


def open_joined(sources: Sequence[DataSource]) -> Dataset:
    """The data sets of several sources as one; of one source it is the data set itself.

    Raises:
        MfpnetError: as `open_dataset`, or one has other classes than the first.
    """
    datasets = [open_dataset(source) for source in sources]
    return datasets[0] if len(datasets) == 1 else Joined(datasets)


def _open_plain(source: DataSource) -> Dataset:
    if source.name in _DRAWN:
        return _DRAWN[source.name](source.split, source.count, source.size)
    if source.name not in (*_READERS, FOLDER):
        raise unknown_name("data", source.name, DATASETS)
    if source.root is None:
        raise MfpnetError(f"{source.name} lies on disk: say where with --root DIR.")
    root = Path(source.root)
    if source.name == FOLDER:
        plan, classes = (Path(at) if at else None for at in (source.plan, source.classes))
        return Folder(root, source.split, plan, classes, source.channels, source.bits)
    return _READERS[source.name](root, source.split)
