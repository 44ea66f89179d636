"""docs/layout.md as data, and who imports whom: what `test_levels` compares."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "mfpnet"
TORCH = ("torch", "torchmetrics", "safetensors.torch")

# Modules by their name below the package: `model`, `pixels.draw`.
Sources = dict[str, ast.Module]


@dataclass(frozen=True)
class Section:
    """One table of the page: what stands on which level, and what loads torch."""

    modules: dict[str, int]
    packages: dict[str, int]
    torch: tuple[str, ...]


def parse_all(folder: Path) -> Sources:
    """Every module; what a package's own `__init__` may hold has a test of its own."""
    paths = [
        path for path in folder.rglob("*.py") if path.parent == folder or path.stem != "__init__"
    ]
    names = {path: ".".join(path.relative_to(folder).with_suffix("").parts) for path in paths}
    return {names[path]: ast.parse(path.read_text("utf-8")) for path in paths}


def names_in_backticks(text: str) -> list[str]:
    """Names outside of brackets: what stands in brackets explains them."""
    return re.findall(r"`(\w+/?)`", re.sub(r"\([^)]*\)", "", text))


def read_levels(section: str) -> dict[str, int]:
    levels: dict[str, int] = {}
    for level, cells in re.findall(r"^\| *(\d+) *\| *(.+?) *\|$", section, re.MULTILINE):
        for name in names_in_backticks(cells):
            assert name not in levels, f"{name} stands on two levels of a table"
            levels[name] = int(level)
    return levels


def read_torch(section: str) -> tuple[str, ...]:
    line = re.search(r"^Load torch: (.+)\.$", section, re.MULTILINE)
    none = re.search(r"^No module here loads torch\.$", section, re.MULTILINE)
    assert (line is None) != (none is None), "a section says what of it loads torch, or that none"
    return tuple(names_in_backticks(line[1])) if line else ()


def read_sections(layout: str) -> dict[str, Section]:
    """Each section by its package, that of the top by ''; packages end in a slash."""
    parts = re.split(r"^## `mfpnet(?:\.(\w+))?`$", layout, flags=re.MULTILINE)[1:]
    sections = {}
    for package, text in zip(parts[::2], parts[1::2], strict=True):
        levels = read_levels(text)
        packages = {n.rstrip("/"): level for n, level in levels.items() if n.endswith("/")}
        modules = {n: level for n, level in levels.items() if not n.endswith("/")}
        sections[package or ""] = Section(modules, packages, read_torch(text))
    return sections


def listed(sections: dict[str, Section]) -> set[str]:
    return {
        f"{package}.{name}" if package else name
        for package, section in sections.items()
        for name in section.modules
    }


def listed_with_torch(sections: dict[str, Section]) -> set[str]:
    return {
        f"{package}.{name}" if package else name
        for package, section in sections.items()
        for name in section.torch
    }


def dotted_imports(node: ast.AST, module: str) -> Iterator[str]:
    """Full names of what one statement imports: `from a import b` may mean module a.b."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        here = [PACKAGE, *module.split(".")]
        above = here[: len(here) - node.level] if node.level else []
        parent = ".".join(filter(None, [*above, node.module]))
        yield from (f"{parent}.{alias.name}" for alias in node.names)


def imports_on_load(tree: ast.AST, module: str) -> Iterator[str]:
    """What runs when the module is imported: no function bodies, nothing for type checkers."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield from dotted_imports(node, module)
        yield from imports_on_load(node, module)


def imports_anywhere(tree: ast.AST, module: str) -> Iterator[str]:
    for node in ast.walk(tree):
        yield from dotted_imports(node, module)


def module_of(dotted: str, known: Sources) -> str:
    """The module that a name lies in; whatever is in none of them is the package's `__init__`."""
    parts = dotted.split(".")[1:]
    prefixes = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((name for name in prefixes if name in known), "__init__")


def modules_of(imports: Iterator[str], known: Sources) -> set[str]:
    """Which of our own modules the imports name."""
    return {module_of(name, known) for name in imports if f"{name}.".startswith(f"{PACKAGE}.")}


def level_beside(name: str, other: str, sections: dict[str, Section]) -> int | None:
    """The level of a module, or of its package where the other module is not in it too."""
    package, _, own = name.rpartition(".")
    if package and package == other.rpartition(".")[0]:
        return sections[package].modules.get(own)
    top = sections[""]
    return top.packages.get(package) if package else top.modules.get(name)


def upward_imports(sources: Sources, sections: dict[str, Section]) -> set[str]:
    """Imports of an equal or a higher level; modules without a level fail a test of their own."""
    found = set()
    for name, tree in sources.items():
        for used in modules_of(imports_anywhere(tree, name), sources):
            own, its = level_beside(name, used, sections), level_beside(used, name, sections)
            if own is not None and its is not None and its >= own:
                found.add(f"{name} ({own}) imports {used} ({its})")
    return found


def loads_torch(name: str, sources: Sources, seen: frozenset[str] = frozenset()) -> bool:
    imports = list(imports_on_load(sources[name], name))
    if any(f"{found}.".startswith(f"{root}.") for found in imports for root in TORCH):
        return True
    ours = modules_of(iter(imports), sources) - seen - {name}
    return any(loads_torch(used, sources, seen | {name}) for used in ours)
