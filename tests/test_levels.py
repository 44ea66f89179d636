"""The table in docs/layout.md is the truth about which module may import which."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import mfpnet

PACKAGE = "mfpnet"
FOLDER = Path(mfpnet.__file__).parent
LAYOUT = Path(__file__).parents[1] / "docs" / "layout.md"
TORCH = ("torch", "torchmetrics", "safetensors.torch")

Sources = dict[str, ast.Module]


def parse_all(folder: Path) -> Sources:
    return {path.stem: ast.parse(path.read_text("utf-8")) for path in folder.glob("*.py")}


def names_in_backticks(text: str) -> list[str]:
    """Names outside of brackets: what stands in brackets explains them."""
    return re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", text))


def read_levels(layout: str) -> dict[str, int]:
    levels: dict[str, int] = {}
    for level, cell in re.findall(r"^\| *(\d+) *\| *(.+?) *\|$", layout, re.MULTILINE):
        for name in names_in_backticks(cell):
            assert name not in levels, f"{name} stands on two levels of the table"
            levels[name] = int(level)
    return levels


def read_torch_free(layout: str) -> list[str]:
    paragraph = re.search(r"^Torch-free:(.+?)(?:\n\n|\Z)", layout, re.MULTILINE | re.DOTALL)
    assert paragraph, "the layout page has no paragraph that begins with 'Torch-free:'"
    return names_in_backticks(paragraph[1])


def dotted_imports(node: ast.AST) -> Iterator[str]:
    """Full names of what one statement imports: `from a import b` may mean module a.b."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        parent = ".".join(filter(None, [PACKAGE if node.level else "", node.module]))
        yield from (f"{parent}.{alias.name}" for alias in node.names)


def imports_on_load(tree: ast.AST) -> Iterator[str]:
    """What runs when the module is imported: no function bodies, nothing for type checkers."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield from dotted_imports(node)
        yield from imports_on_load(node)


def imports_anywhere(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        yield from dotted_imports(node)


def modules_of(imports: Iterator[str], known: Sources) -> set[str]:
    """Which of our own modules the imports name; a bare name of the package is its __init__."""
    parts = [name.split(".") for name in imports]
    ours = [part[1] if len(part) > 1 else "__init__" for part in parts if part[0] == PACKAGE]
    return {name if name in known else "__init__" for name in ours}


def upward_imports(sources: Sources, levels: dict[str, int]) -> set[str]:
    """Imports of an equal or a higher level; modules without a level fail a test of their own."""
    return {
        f"{name} ({levels[name]}) imports {used} ({levels[used]})"
        for name, tree in sources.items()
        for used in modules_of(imports_anywhere(tree), sources)
        if name in levels and used in levels and levels[used] >= levels[name]
    }


def loads_torch(name: str, sources: Sources, seen: frozenset[str] = frozenset()) -> bool:
    imports = list(imports_on_load(sources[name]))
    if any(f"{found}.".startswith(f"{root}.") for found in imports for root in TORCH):
        return True
    ours = modules_of(iter(imports), sources) - seen - {name}
    return any(loads_torch(used, sources, seen | {name}) for used in ours)


SOURCES = parse_all(FOLDER)
LEVELS = read_levels(LAYOUT.read_text("utf-8"))
TORCH_FREE = read_torch_free(LAYOUT.read_text("utf-8"))


def test_the_table_lists_every_module_and_no_other() -> None:
    assert set(SOURCES) - set(LEVELS) == set()
    assert set(LEVELS) - set(SOURCES) == set()
    assert [path.name for path in FOLDER.iterdir() if list(path.glob("*.py"))] == []


def test_imports_go_down_the_levels() -> None:
    assert upward_imports(SOURCES, LEVELS) == set()


def test_torch_free_modules_exist() -> None:
    assert sorted(set(TORCH_FREE) - set(SOURCES)) == []


def test_torch_free_modules_load_no_torch() -> None:
    present = [name for name in TORCH_FREE if name in SOURCES]
    assert [name for name in present if loads_torch(name, SOURCES)] == []


def test_the_network_does_load_torch() -> None:
    assert loads_torch("model", SOURCES)


@pytest.mark.parametrize(
    "line",
    [
        "from mfpnet.high import x",
        "from mfpnet import high",
        "import mfpnet.high as h",
        "from .high import x",
        "from . import high",
        "def f():\n    from mfpnet.high import x",
        "class A:\n    def f(self):\n        if True:\n            import mfpnet.high",
        "from mfpnet.same import x",
        "from mfpnet import load_model",
        "import mfpnet",
    ],
)
def test_an_upward_or_sideways_import_is_found(line: str) -> None:
    names = {"low": line, "same": "", "high": "from mfpnet.low import x", "__init__": ""}
    sources = {name: ast.parse(text) for name, text in names.items()}
    levels = {"low": 1, "same": 1, "high": 2, "__init__": 3}
    assert len(upward_imports(sources, levels)) == 1


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("import torch", True),
        ("import torch.nn.functional as F", True),
        ("from torch import nn", True),
        ("from safetensors.torch import load_file", True),
        ("try:\n    import torch\nexcept ImportError:\n    pass", True),
        ("class A:\n    import torch", True),
        ("from mfpnet.middle import x", True),
        ("from mfpnet import middle", True),
        ("def f():\n    import torch", False),
        ("async def f():\n    from mfpnet import middle", False),
        ("if TYPE_CHECKING:\n    import torch", False),
        ("import torchlight, safetensors.numpy", False),
    ],
)
def test_torch_is_found_where_loading_a_module_imports_it(line: str, expected: bool) -> None:
    names = {"a": line, "middle": "import mfpnet.deep", "deep": "import torch", "__init__": ""}
    sources = {name: ast.parse(text) for name, text in names.items()}
    assert loads_torch("a", sources) is expected


def test_the_table_is_read_as_written() -> None:
    table = "| level | modules |\n|---|---|\n| 0 | `a` (not `b`), `c` |\n| 12 | `d` |\n"
    page = f"{table}\nTorch-free: `a`,\n`d`.\n"
    assert read_levels(page) == {"a": 0, "c": 0, "d": 12}
    assert read_torch_free(page) == ["a", "d"]
    with pytest.raises(AssertionError, match="two levels"):
        read_levels(table + "| 13 | `a` |\n")


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter that finds the package where this one found it."""
    paths = [str(FOLDER.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-2000:]
    return done


@pytest.mark.parametrize("arguments", [("-c", "import mfpnet"), ("-m", "mfpnet", "--help")])
def test_a_fresh_interpreter_imports_no_torch(arguments: tuple[str, ...]) -> None:
    report = run_python("-X", "importtime", *arguments).stderr
    imported = {line.rsplit("|", 1)[-1].strip() for line in report.splitlines()}
    assert "mfpnet" in imported
    assert "torch" not in imported


def test_help_is_instant() -> None:
    times: list[float] = []
    while len(times) < 8 and min(times, default=1.0) >= 0.5:
        start = time.perf_counter()
        assert "evaluate" in run_python("-m", "mfpnet", "--help").stdout
        times.append(time.perf_counter() - start)
    assert min(times) < 0.5
