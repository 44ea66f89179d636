"""What a network gathers over a picture, told to the tiles of it.

Channel attention, the nodes of the graph and the head's pooled branch are means over the picture.
A tile has means of its own, which are far from the picture's where it is small beside it. Half of
each is taken from the whole picture, reduced to the size of a tile: all of it would be worse,
because a network finds other features in a reduced picture (docs/log.md has the numbers).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from torch import Tensor, nn

from mfpnet.layers import Gathered

SHARE = 0.5

_Hook = Callable[[nn.Module, object, Tensor], Tensor | None]


@contextmanager
def told_of_picture(network: nn.Module, look: Callable[[], object]) -> Iterator[None]:
    """Within it, the network mixes what it gathers with what it gathered in `look`.

    Args:
        network: its `layers.Gathered` modules are told; without any, nothing happens.
        look: runs the network once, on the reduced whole picture.
    """
    places = [module for module in network.modules() if isinstance(module, Gathered)]
    if not places:
        yield
        return
    seen: dict[nn.Module, Tensor] = {}

    def remember(place: nn.Module, _: object, gathered: Tensor) -> None:
        seen[place] = gathered

    def mix(place: nn.Module, _: object, gathered: Tensor) -> Tensor:
        return gathered.lerp(seen[place], SHARE)

    with _hooked(places, remember):
        look()
    with _hooked(places, mix):
        yield


@contextmanager
def _hooked(places: list[Gathered], hook: _Hook) -> Iterator[None]:
    with ExitStack() as hooks:
        for place in places:
            hooks.enter_context(place.register_forward_hook(hook))
        yield
