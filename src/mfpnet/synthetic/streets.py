"""Streets drawn on demand as a data set: CamVid's classes without a download."""

from __future__ import annotations

from mfpnet.labels import CAMVID
from mfpnet.pixels.pictures import Image, Instances, Labels
from mfpnet.synthetic.drawn import Drawn
from mfpnet.synthetic.scenes import Scene, draw_scene


class SyntheticStreets(Drawn):
    """Street scenes drawn by `mfpnet.synthetic.scenes`, with CamVid's classes; see `Drawn`."""

    name = "synthetic"
    labels = CAMVID
    _last: tuple[int, Scene] | None = None

    def load(self, index: int) -> tuple[Image, Labels]:
        """The scene's picture (H, W, 3) and labels (H, W)."""
        scene = draw_scene(self.seed(index), self.size)
        self._last = index, scene
        return scene.image, scene.labels

    def instances(self, index: int) -> Instances:
        """(H, W) 1, 2, ... for each car, pedestrian and bicyclist of the scene, else 0."""
        if self._last is None or self._last[0] != index:
            self.load(index)
        assert self._last is not None
        return self._last[1].instances
