"""From the name of data to the data: every data set the package knows, and folders of one's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mfpnet.camvid import CamVid
from mfpnet.data_source import DATASETS, FOLDER, DataSource
from mfpnet.datasets import Dataset
from mfpnet.errors import MfpnetError, unknown_name
from mfpnet.folder import Folder
from mfpnet.idd_lite import IddLite
from mfpnet.streets import SyntheticStreets

_READERS: dict[str, Callable[[Path, str], Dataset]] = {
    "camvid": CamVid,
    "idd_lite": IddLite,
}


def open_dataset(source: DataSource) -> Dataset:
    """The data set that a source names.

    Raises:
        MfpnetError: no such data, no root where one is needed, or a fault of the data itself.
    """
    if source.name == "synthetic":
        return SyntheticStreets(source.split, source.count, source.size)
    if source.name not in (*_READERS, FOLDER):
        raise unknown_name("data", source.name, DATASETS)
    if source.root is None:
        raise MfpnetError(f"{source.name} lies on disk: say where with --root DIR.")
    root = Path(source.root)
    if source.name == FOLDER:
        return Folder(root, source.split, plan=Path(source.plan) if source.plan else None)
    return _READERS[source.name](root, source.split)
