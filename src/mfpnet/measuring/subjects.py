"""What a benchmark measures: networks and exported files, by the names that a user gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from mfpnet.checkpoint import bundled_weights, load_model, read_info
from mfpnet.errors import MfpnetError, missing_extra, unknown_name
from mfpnet.foreign import ForeignNetwork, foreign_network, is_foreign
from mfpnet.info import ModelInfo
from mfpnet.peers import PEERS
from mfpnet.pixels.format import RGB
from mfpnet.runtimes.backends import bundled_files, is_exported
from mfpnet.suites import network_names
from mfpnet.variants import Network, create_model, list_models

DEFAULT_CLASSES = 19


@dataclass(frozen=True)
class Subject:
    """One thing to measure: a network, or an exported file in its place.

    Attributes:
        name: what tells it apart in tables: a file without its folder.
        given: what the user calls it.
        network: in eval mode and with `info`; None for a file.
        path: the exported file.
        absent: why an installed network is not here; the others are measured all the same.
    """

    name: str
    given: str
    network: Network | None = None
    path: Path | None = None
    absent: str = ""


def subjects_of(names: Sequence[str], against: Sequence[str] = ()) -> list[Subject]:
    """What the names mean; both variants where nothing is named, and then the others.

    A name is an exported file, somebody else's network (`package.module:factory`: its code is run),
    one that is installed (`segformer-b0`), a variant, or weights. Networks that come without
    weights get random ones, and as many classes as the first weights, or 19.

    Raises:
        MfpnetError: there is nothing of this name, or it fails.
    """
    wanted = list(dict.fromkeys([*(names or list_models()), *against]))
    weights = {name: _loaded(name) for name in wanted if names_weights(name)}
    known = [net.info for net in weights.values() if net.info]
    classes = len(known[0].classes) if known else DEFAULT_CLASSES
    found = [subject_of(name, weights.get(name), classes) for name in wanted]
    names = [subject.name for subject in found]
    return [replace(s, name=s.given) if names.count(s.name) > 1 else s for s in found]


def _loaded(name: str) -> Network:
    variant = read_info(name).variant
    if is_foreign(variant):
        raise MfpnetError(
            f"'{name}' holds weights of somebody else's network, which take as long as random "
            f"ones: give --against {variant} in its place."
        )
    return load_model(name)


def names_weights(name: str) -> bool:
    """Whether a name is that of bundled weights, a weights file or a run folder.

    A folder that is called like a network is named by a path, as in `./mfpnet`.
    """
    if name in bundled_weights():
        return True
    if name in PEERS or name in network_names() or is_foreign(name) or is_exported(name):
        return False
    return Path(name).exists()


def subject_of(name: str, network: Network | None, classes: int) -> Subject:
    """What a name means that is not that of weights, or is that of these; see `subjects_of`."""
    if is_exported(name):
        return _file(bundled_files().get(name) or Path(name))
    if name in PEERS and find_spec("transformers") is None:
        return Subject(name, name, absent=str(missing_extra("peers", f"measuring {name}")))
    made = network or _random(name, classes)
    made.info = made.info or random_info(name, classes)
    check_measurable(made.info, name)
    place = Path(name)
    if network and place.is_dir():  # `.` has no name before it is looked up
        place = place.resolve()
    return Subject(place.name, name, made.eval())


def check_measurable(info: ModelInfo, name: str) -> None:
    """Refuse a network of other pixels: all of a benchmark are given the same pictures.

    Raises:
        MfpnetError: it takes something else than 8-bit RGB.
    """
    if info.format != RGB:
        raise MfpnetError(f"'{name}' takes {info.format}: a benchmark draws 8-bit RGB pictures.")


def _file(path: Path) -> Subject:
    if not path.is_file():
        raise MfpnetError(f"there is no file '{path}'. Check the path.")
    return Subject(path.name, str(path), path=path)


def _random(name: str, classes: int) -> Network:
    if is_foreign(name):
        return foreign_network(name, classes)
    if name in PEERS:
        return ForeignNetwork(PEERS[name](classes), name, classes)
    variants = network_names()
    if name not in variants:
        known = {*variants, *bundled_weights(), *PEERS}
        raise unknown_name("network, weights or exported file", name, known)
    return create_model(name, num_classes=classes)


def random_info(name: str, classes: int) -> ModelInfo:
    """What has to travel with random weights so that they can be exported."""
    return ModelInfo(
        variant=name,
        classes=tuple(f"class {number}" for number in range(classes)),
        palette=tuple((number % 256, 64, 128) for number in range(classes)),
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        ignore_index=255,
        input_size=(360, 480),
    )
