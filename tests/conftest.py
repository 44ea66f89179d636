"""Fixtures that several test files use, and the rule about skipped tests."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from mfpnet.runtimes.manifest import Output, Pixels
from samples import short_network

PROJECT = Path(__file__).resolve().parents[1]
ALLOWED_SKIP = re.compile(r"\bGPU\b|\bshared\b")


@pytest.fixture(scope="session")
def camvid_root() -> Path:
    """The CamVid folder beside the project root; research data that cannot be in the repository."""
    root = PROJECT.parent / "shared" / "camvid"
    if not root.is_dir():
        pytest.skip("needs CamVid in ../shared/camvid, beside the project root")
    return root


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes the file of `samples.short_network`, each only once: exporting takes seconds.

    Takes format, and size, precision, output, pixels, batch where they are not the usual ones.
    """
    folder = tmp_path_factory.mktemp("exported")

    @functools.cache
    def made(
        format: str,
        size: tuple[int, int] | None,
        precision: str,
        output: Output,
        pixels: Pixels,
        batch: int,
    ) -> Path:
        from mfpnet.export import SUFFIXES, export

        name = f"{format}-{size}-{precision}-{output}-{pixels}-{batch}{SUFFIXES[format]}"
        export(
            short_network(),
            folder / name,
            format=format,
            size=size,
            precision=precision,
            output=output,
            pixels=pixels,
            batch=batch,
            threads=1,
        )
        return folder / name

    def file_of(
        format: str,
        *,
        size: tuple[int, int] | None = (64, 96),
        precision: str = "fp32",
        output: Output = "logits",
        pixels: Pixels = "uint8",
        batch: int = 1,
    ) -> Path:
        return made(format, size, precision, output, pixels, batch)

    return file_of


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first, so that no process waits at the end for it alone."""
    items.sort(key=lambda item: item.path.name != "test_tutorial.py")


def skip_reasons(config: pytest.Config) -> Counter[str]:
    """Each reason for which tests were skipped so far, and how many they were."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    reports = reporter.stats.get("skipped", []) if reporter else []
    return Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in reports)


def forbidden(reasons: Counter[str]) -> list[str]:
    """The reasons that hide a test that could have run."""
    return [reason for reason in reasons if not ALLOWED_SKIP.search(reason)]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A skip for any other reason than missing data or hardware fails a run that had passed."""
    if exitstatus == pytest.ExitCode.OK and forbidden(skip_reasons(session.config)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Says at the end, where it is read, what this run did not test."""
    reasons = skip_reasons(config)
    terminalreporter.section("skipped tests")
    terminalreporter.line(f"{reasons.total()} skipped")
    for reason, count in reasons.most_common():
        terminalreporter.line(f"  {count}: {reason}")
    for reason in forbidden(reasons):
        terminalreporter.line(
            f"FAILED: a test may be skipped for want of a GPU or of shared data, not for: {reason}",
            red=True,
        )
