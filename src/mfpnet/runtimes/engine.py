"""What a `Predictor` runs: the one face of PyTorch and of exported files."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

from mfpnet.info import ModelInfo
from mfpnet.instances.grouping import Floats
from mfpnet.pixels.enlarge import Logits
from mfpnet.pixels.format import Raster
from mfpnet.pixels.pictures import Labels


@runtime_checkable
class Engine(Protocol):
    """What runs a network: PyTorch, or the runtime of an exported file.

    Its logits are a torch tensor on its device, or a numpy array; only it does something to them.

    Attributes:
        info: what travels with the weights.
        size: (H, W) that a picture may have at most, None for any.
        gives_logits: False for a file that gives labels only.
        finds_instances: whether `maps` can be asked for.
        backend: its name.
        package: the Python package that runs.
        precision: of the weights and what is computed, as in `fp32`.
    """

    info: ModelInfo
    size: tuple[int, int] | None
    gives_logits: bool
    finds_instances: bool
    backend: str
    package: str
    precision: str

    def where(self) -> dict[str, object]:
        """What a record says about where something ran."""

    def logits(self, pixels: Raster) -> Any:
        """(H, W, channels) uint8 or uint16 -> (1, C, H, W) float32."""

    def maps(self, pixels: Raster) -> tuple[Any, Floats, Floats]:
        """The logits of pixels; centres (H, W) and offsets (2, H, W) of the objects in them."""

    def told_of(self, picture: Raster) -> AbstractContextManager[None]:
        """Within it, pictures are taken for tiles of this one, which is given in reduced form."""

    def labels(self, pixels: Raster, size: tuple[int, int]) -> Labels:
        """(h, w, channels) uint8 or uint16 -> labels (H, W) of a picture of this size."""

    def labels_at(self, logits: Any, size: tuple[int, int]) -> Labels:
        """Logits (1, C, h, w) -> labels (H, W) of a picture of this size."""

    def to_numpy(self, logits: Any) -> Logits:
        """Logits (1, C, h, w) as an array."""

    def log_probability(self, logits: Any, size: tuple[int, int], *, mirrored: bool) -> Any:
        """Logits (1, C, h, w) -> (1, C, *size) logarithms of probabilities, turned back."""

    def logaddexp(self, first: Any, second: Any) -> Any:
        """The logarithm of the sum of what two logarithms stand for."""
