"""What the README and the pages promise is there: commands, make targets, links, names."""

from __future__ import annotations

import ast
import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

from mfpnet.checkpoint import bundled_weights
from mfpnet.cli import parse
from mfpnet.known_recipes import RECIPES
from mfpnet.options.verbs import PredictOptions, TrainOptions
from mfpnet.runtimes.backends import bundled_files
from mfpnet.variants import variant_config

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def code_blocks(text: str, language: str = "") -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def command_lines(text: str) -> list[str]:
    """Lines of code, indented by four or fenced, without their prompt, joined at a backslash."""
    fenced = [
        line
        for lang in ("", "sh", "bash", "console")
        for b in code_blocks(text, lang)
        for line in re.sub(r"\\\n\s*", "", b).splitlines()
    ]
    indented = re.findall(r"^ {4}(\S.*)$", re.sub(r"\\\n\s*", "", text), re.MULTILINE)
    return [line.strip().removeprefix("$ ") for line in (*indented, *fenced)]


def mfpnet_commands(text: str) -> list[list[str]]:
    words = [shlex.split(line, comments=True) for line in command_lines(text)]
    return [line[1:] for line in words if line and line[0] == "mfpnet"]


def links(text: str) -> list[str]:
    """Targets of the links and pictures that stay inside the project."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", prose) + re.findall(r'(?:src|href)="([^"]+)"', prose)
    return [t.split("#")[0] for t in targets if not re.match(r"[a-z]+:|#", t)]


def test_commands_are_found() -> None:
    text = (
        "Run\n\n    mfpnet a b  # why\n    make x\n\n```sh\n$ mfpnet c \\\n   d\n```\n`mfpnet e`\n"
    )
    assert mfpnet_commands(text) == [["a", "b"], ["c", "d"]]
    assert links("[a](b.md#c) ![d](e.png) [f](https://g) [h](#i)\n```\n[j](k)\n```\n") == [
        "b.md",
        "e.png",
    ]
    assert len(mfpnet_commands(README)) >= 7


@pytest.mark.parametrize(
    ("page", "line"),
    [(page.name, line) for page in PAGES for line in mfpnet_commands(page.read_text("utf-8"))],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_command_is_understood(page: str, line: list[str]) -> None:
    """A mistake ends in SystemExit, which fails the test and names page and line."""
    options = parse(line)
    if isinstance(options, TrainOptions):
        variant_config(options.variant or "mfpnet")
        assert options.recipe is None or options.recipe in RECIPES


def test_named_weights_come_with_the_package() -> None:
    parsed = [parse(line) for line in mfpnet_commands(README) if line[0] in ("predict", "info")]
    named = {o.weights if isinstance(o, PredictOptions) else o.name for o in parsed}
    named |= set(re.findall(r"""(?:Predictor|load_model)\("(\w+)"\)""", README))
    assert named == {"mfpnet_fast_camvid", "mfpnet_fast_camvid_int8"}
    assert named <= {*bundled_weights(), *bundled_files()}


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    lines = [line for page in PAGES for line in command_lines(page.read_text("utf-8"))]
    named = {line.split()[1] for line in lines if line.startswith("make ")}
    named |= set(re.findall(r"`make ([a-z-]+)", "".join(p.read_text("utf-8") for p in PAGES)))
    assert {"demo", "test"} <= named
    assert named <= targets


@pytest.mark.parametrize(
    ("page", "link"),
    [(page, link) for page in PAGES for link in links(page.read_text("utf-8"))],
    ids=lambda value: value.name if isinstance(value, Path) else value,
)
def test_link_leads_somewhere(page: Path, link: str) -> None:
    assert (page.parent / link).exists()


def test_files_in_backticks_exist() -> None:
    named = re.findall(r"`((?:docs|src|tests|results)/[\w./-]*)`", README)
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_python_blocks_compile_and_import_what_exists() -> None:
    blocks = code_blocks(README, "python")
    assert blocks
    for block in blocks:
        compile(block, "README.md", "exec")
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom):
                module = import_module(str(node.module))
                for alias in node.names:
                    assert getattr(module, alias.name, None) is not None, alias.name


def test_options_in_the_text_exist(capsys: pytest.CaptureFixture[str]) -> None:
    helps = ""
    for verb in ("train", "evaluate", "predict", "ablate", "benchmark", "data", "demo", "info"):
        with pytest.raises(SystemExit):
            parse([verb, "--help"])
        helps += capsys.readouterr().out
    named = set(re.findall(r"`(--[a-z-]+)", README)) - {"--help"}
    assert {option for option in named if not re.search(rf"{option}\b", helps)} == set()
