"""What is known of a name: a network, a suite, a recipe, or weights with what travels with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mfpnet.cards import card_of
from mfpnet.data.map_file import find_map
from mfpnet.data.mapping import packaged_maps
from mfpnet.errors import unknown_name
from mfpnet.known_recipes import RECIPES, get_recipe
from mfpnet.recipe_parts import PARTS
from mfpnet.runtimes.backends import (
    bundled_files,
    file_bytes,
    find_exported,
    is_exported,
    open_backend,
)
from mfpnet.suites import RECIPE_SUITE, network_names, suite_names, suite_of

_MAP_SUFFIXES = (".yaml", ".yml")


def every_name() -> dict[str, list[str]]:
    """The names of each kind: variants, suites, recipes, maps and bundled weights."""
    from mfpnet.checkpoint import bundled_weights
    from mfpnet.variants import list_models

    return {
        "variants": list_models(),
        "suites": suite_names(),
        "recipes": sorted(RECIPES),
        "maps": sorted(packaged_maps()),
        "weights": sorted([*bundled_weights(), *bundled_files()]),
    }


def facts_of(name: str) -> dict[str, Any]:
    """What is known of a recipe, suite, map, network, weights (or their folder), exported file.

    Raises:
        MfpnetError: there is nothing of this name, or the weights or the map cannot be read.
    """
    if is_exported(name):
        return _exported_facts(find_exported(name))
    if name in RECIPES:
        return dict(vars(get_recipe(name)))
    if name in suite_names():
        parts = {"parts": list(PARTS)} if name == RECIPE_SUITE else {}
        return {"networks": list(suite_of(name)), **parts}
    if name in packaged_maps() or Path(name).suffix.lower() in _MAP_SUFFIXES:
        return _map_facts(name)
    networks = {*network_names()}
    if name in networks:
        return _network_facts(name)
    known = every_name()
    looks_like_path = Path(name).exists() or Path(name).suffix or "/" in name
    if name not in known["weights"] and not looks_like_path:
        raise unknown_name("name", name, {*networks, *(n for kind in known.values() for n in kind)})
    return _weights_facts(name)


def _map_facts(name: str) -> dict[str, Any]:
    """Each group with its classes on both sides."""
    found = find_map(name)
    groups = {
        group.name: f"{', '.join(group.sources)} -> {', '.join(group.targets)}"
        for group in found.groups
    }
    sides = {f"from {found.source}": found.ignored[0], f"to {found.target.name}": found.ignored[1]}
    return groups | {f"ignored {side}": list(classes) for side, classes in sides.items()}


def _network_facts(name: str) -> dict[str, Any]:
    from mfpnet.variants import count_macs, count_parameters, create_model

    network = create_model(name)
    return {
        "parameters": count_parameters(network),
        "gmacs_360x480": round(count_macs(network, (360, 480)) / 1e9, 2),
        "gmacs_512x1024": round(count_macs(network, (512, 1024)) / 1e9, 2),
        **vars(network.config),
    }


def _weights_facts(name: str) -> dict[str, Any]:
    from mfpnet.checkpoint import find_weights, load_model, read_info
    from mfpnet.foreign import is_foreign
    from mfpnet.variants import count_parameters

    info, size = read_info(name), find_weights(name).stat().st_size
    # Counting needs the network, and somebody else's code is not run to show facts.
    own = not is_foreign(info.variant)
    parameters = count_parameters(load_model(name)) if own else None
    return card_of(info, parameters=parameters, size=size)


def _exported_facts(path: Path) -> dict[str, Any]:
    backend = open_backend(path)
    manifest = backend.manifest
    assert manifest is not None  # open_backend refuses a file without
    return {
        **card_of(manifest.info, parameters=None, size=file_bytes(path)),
        "backend": backend.name,
        "precision": manifest.precision,
        "pixels": manifest.pixels,
        "output": manifest.output,
        "size": manifest.size,
    }
