"""Starting from trained weights: of the same classes, or of others with the classifier replaced."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from mfpnet.checkpoint import load_tensors, read_weights
from mfpnet.labels import LabelSet
from mfpnet.model import MFPNet
from mfpnet.training.input_layer import FIRST, adapt_input
from mfpnet.variants import Network

CLASSIFIER = "classifier"
# The names of an instance head's weights begin with it.
INSTANCES = "instances."


def start_from(weights: str | Path, network: Network, labels: LabelSet) -> str | None:
    """Copy trained weights into a network, whatever classes they know.

    Where the classes differ, the classifier keeps its random weights but for the classes of the
    same name, which keep theirs. Of other channels, the first convolution gets the mean over those
    that the weights know. A network of somebody else's has to know the same numbers.

    Args:
        weights: a bundled name, a run folder or a file.
        network: with random weights; of the same variant.
        labels: the classes it is to learn.

    Returns:
        What happened to the classifier, the instance head and the first convolution; None where all
        was copied.

    Raises:
        MfpnetError: the weights cannot be read, or are of another variant.
    """
    tensors, info, path = read_weights(weights)
    note = None
    channels = network.config.in_channels if isinstance(network, MFPNet) else len(info.mean)
    if channels != len(info.mean) and FIRST in tensors:
        tensors[FIRST] = adapt_input(tensors[FIRST], channels)
        note = (
            f"{_named(path)} takes {info.format}: the first convolution begins with their mean for "
            f"each of {channels}."
        )
    tensors, told = _with_instances(tensors, network, _named(path))
    notes = [each for each in (note, told) if each]
    if info.classes == labels.classes or not isinstance(network, MFPNet):
        load_tensors(network, tensors, path)
        return " ".join(notes) or None
    kept = [name for name in labels.classes if name in info.classes]
    load_tensors(network, {**tensors, **_classifier(network, tensors, info.classes, labels)}, path)
    known = f"{len(kept)} of the same name kept ({', '.join(kept)})" if kept else "none is kept"
    anew = (
        f"{_named(path)} knows {len(info.classes)} other classes: the classifier starts anew for "
        f"the {labels.num_classes} of {labels.name}; {known}."
    )
    return " ".join([anew, *notes])


def _with_instances(
    tensors: dict[str, Tensor], network: Network, called: str
) -> tuple[dict[str, Tensor], str | None]:
    """The weights with an instance head if the network has one, and what became of the head."""
    own = {n: value for n, value in network.state_dict().items() if n.startswith(INSTANCES)}
    theirs = [name for name in tensors if name.startswith(INSTANCES)]
    if bool(own) == bool(theirs):
        return tensors, None
    if theirs:
        kept = {name: value for name, value in tensors.items() if name not in theirs}
        return kept, f"{called} tells objects apart: that head is left out."
    random = {name: value.clone() for name, value in own.items() if "num_batches" not in name}
    return {**tensors, **random}, f"{called} has no instance head: it starts anew."


def _named(path: Path) -> str:
    """What weights are called: bundled ones by their file, others by their run."""
    return path.stem if path.parent.name == "weights" else path.parent.name


def _classifier(
    network: MFPNet, tensors: Mapping[str, Tensor], known: tuple[str, ...], labels: LabelSet
) -> dict[str, Tensor]:
    """The network's random classifier with the rows of classes that the weights know."""
    rows = {}
    for name, value in network.classifier.state_dict().items():
        rows[f"{CLASSIFIER}.{name}"] = value.clone()
        for index, label in enumerate(labels.classes):
            if label in known:
                trained = tensors[f"{CLASSIFIER}.{name}"][known.index(label)]
                rows[f"{CLASSIFIER}.{name}"][index] = trained
    return rows


def frozen_parts(network: nn.Module) -> list[nn.Module]:
    """The encoder of a network: what `--freeze encoder` leaves as it is.

    Everything that comes before the graphs and the decoder; empty for somebody else's network.
    """
    if not isinstance(network, MFPNet):
        return []
    return [network.initial, network.entries, network.encoder]
