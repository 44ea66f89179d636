"""Shapes drawn on demand as a data set: sixty classes without a download."""

from __future__ import annotations

from mfpnet.pixels.pictures import Image, Labels
from mfpnet.synthetic.drawn import Drawn
from mfpnet.synthetic.shape_classes import SHAPES60
from mfpnet.synthetic.shape_scenes import draw_shapes


class Shapes60(Drawn):
    """Pictures drawn by `mfpnet.synthetic.shape_scenes`, in its sixty classes; see `Drawn`."""

    name = "shapes60"
    labels = SHAPES60

    def load(self, index: int) -> tuple[Image, Labels]:
        """The picture (H, W, 3) and labels (H, W)."""
        return draw_shapes(self.seed(index), self.size)
