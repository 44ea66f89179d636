"""The tables in docs/layout.md are the truth about which module may import which."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import mfpnet
from layout_page import (
    Sources,
    listed,
    listed_with_torch,
    loads_torch,
    parse_all,
    read_sections,
    upward_imports,
)

FOLDER = Path(mfpnet.__file__).parent
LAYOUT = Path(__file__).parents[1] / "docs" / "layout.md"

SOURCES = parse_all(FOLDER)
SECTIONS = read_sections(LAYOUT.read_text("utf-8"))


def test_the_tables_list_every_module_and_no_other() -> None:
    assert set(SOURCES) - listed(SECTIONS) == set()
    assert listed(SECTIONS) - set(SOURCES) == set()


def test_every_package_has_a_level_and_a_section() -> None:
    folders = {path.parent for path in FOLDER.rglob("*.py")} - {FOLDER}
    assert {folder.parent for folder in folders} == {FOLDER}
    assert {folder.name for folder in folders} == set(SECTIONS[""].packages)
    assert {folder.name for folder in folders} == set(SECTIONS) - {""}


def test_packages_hold_a_docstring_and_nothing_else() -> None:
    for package in SECTIONS[""].packages:
        tree = ast.parse((FOLDER / package / "__init__.py").read_text("utf-8"))
        assert ast.get_docstring(tree), package
        assert len(tree.body) == 1, package


def test_imports_go_down_the_levels() -> None:
    assert upward_imports(SOURCES, SECTIONS) == set()


def test_the_page_says_what_loads_torch() -> None:
    assert {name for name in SOURCES if loads_torch(name, SOURCES)} == listed_with_torch(SECTIONS)


TABLE = """# Layout

## `mfpnet`

| level | packages | modules |
|---|---|---|
| 0 | `deep/` |  |
| 1 |  | `low` (not `__init__`), `same` |
| 2 | `pack/` | `high` |
| 10 |  | `__init__` |

Load torch: `low`, `high`.

## `mfpnet.deep`

| level | modules |
|---|---|
| 7 | `base` |

No module here loads torch.

## `mfpnet.pack`

| level | modules |
|---|---|
| 0 | `a` (words), `b` |
| 1 | `c` |

Load torch: `c`.
"""
NAMES = ("deep.base", "low", "same", "high", "pack.a", "pack.b", "pack.c", "__init__")


def sources_with(module: str, line: str) -> Sources:
    return {name: ast.parse(line if name == module else "") for name in NAMES}


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("low", "from mfpnet.high import x"),
        ("low", "from mfpnet import high"),
        ("low", "import mfpnet.high as h"),
        ("low", "from .high import x"),
        ("low", "from . import high"),
        ("low", "def f():\n    from mfpnet.high import x"),
        ("low", "class A:\n    def f(self):\n        if True:\n            import mfpnet.high"),
        ("low", "from mfpnet.same import x"),
        ("low", "from mfpnet.pack.a import x"),
        ("low", "from mfpnet.pack import a"),
        ("low", "from mfpnet import load_model"),
        ("low", "import mfpnet"),
        ("high", "import mfpnet.pack.a"),
        ("pack.c", "from mfpnet import high"),
        ("pack.c", "import mfpnet.pack"),
        ("pack.a", "from mfpnet.pack.c import x"),
        ("pack.a", "from mfpnet.pack import b"),
        ("pack.a", "from .c import x"),
        ("pack.a", "from ..high import x"),
        ("deep.base", "from mfpnet.low import x"),
    ],
)
def test_an_upward_or_sideways_import_is_found(module: str, line: str) -> None:
    assert len(upward_imports(sources_with(module, line), read_sections(TABLE))) == 1


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("low", "from mfpnet.deep.base import x"),
        ("pack.a", "import mfpnet.low, mfpnet.deep.base, pathlib"),
        ("pack.c", "from mfpnet.pack import a, b"),
        ("pack.c", "from . import a\nfrom ..low import x"),
        ("__init__", "from mfpnet.high import x"),
    ],
)
def test_downward_imports_are_fine(module: str, line: str) -> None:
    assert upward_imports(sources_with(module, line), read_sections(TABLE)) == set()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("import torch", True),
        ("import torch.nn.functional as F", True),
        ("from torch import nn", True),
        ("from safetensors.torch import load_file", True),
        ("try:\n    import torch\nexcept ImportError:\n    pass", True),
        ("class A:\n    import torch", True),
        ("from mfpnet.pack.middle import x", True),
        ("from mfpnet.pack import middle", True),
        ("def f():\n    import torch", False),
        ("async def f():\n    from mfpnet.pack import middle", False),
        ("if TYPE_CHECKING:\n    import torch", False),
        ("import torchlight, safetensors.numpy", False),
    ],
)
def test_torch_is_found_where_loading_a_module_imports_it(line: str, expected: bool) -> None:
    middle = "import mfpnet.pack.deep"
    names = {"a": line, "pack.middle": middle, "pack.deep": "import torch", "__init__": ""}
    sources = {name: ast.parse(text) for name, text in names.items()}
    assert loads_torch("a", sources) is expected


def test_the_tables_are_read_as_written() -> None:
    sections = read_sections(TABLE)
    assert listed(sections) == set(NAMES)
    assert sections[""].packages == {"deep": 0, "pack": 2}
    assert sections["pack"].modules == {"a": 0, "b": 0, "c": 1}
    assert listed_with_torch(sections) == {"low", "high", "pack.c"}
    with pytest.raises(AssertionError, match="two levels"):
        read_sections(TABLE.replace("| 1 | `c` |", "| 1 | `a` |"))
    with pytest.raises(AssertionError, match="loads torch"):
        read_sections(TABLE.replace("No module here loads torch.", ""))


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
