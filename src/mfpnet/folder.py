"""A folder of the user's own as a data set."""

from __future__ import annotations

from pathlib import Path

from mfpnet.pairs import PairedFiles
from mfpnet.plans import plan_of


class Folder(PairedFiles):
    """A folder with frames and masks in one of the usual layouts.

    Args:
        root: the folder.
        split: one of the folder's own, or of the automatic split; several joined by `+`; `all`.
        plan: where its classes.yaml and split lists are; None for those in the folder itself, or
            for proposed ones.

    Raises:
        MfpnetError: no pairs, no such split, or masks that cannot be read as classes.
    """

    def __init__(self, root: Path, split: str = "train", plan: Path | None = None) -> None:
        found = plan_of(root, plan)
        super().__init__(root.name, split, found.labels, found.pairs(split), found.read_mask)
