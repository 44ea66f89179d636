from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from mfpnet import records

PROJECT = Path(__file__).resolve().parents[1]


def git(*arguments: str) -> str | None:
    done = subprocess.run(["git", "-C", str(PROJECT), *arguments], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def test_the_environment_is_plain_data_without_paths_or_host_name() -> None:
    text = json.dumps(records.environment())
    assert str(PROJECT) not in text
    assert str(Path.home()) not in text
    assert '"torch"' in text


def test_the_commit_is_the_checkouts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MFPNET_COMMIT", raising=False)
    commit = records.environment()["commit"]
    if (PROJECT / ".git").exists():
        assert isinstance(commit, str)
        assert re.fullmatch(r"[0-9a-f]{40}(\+changes)?", commit)
        assert commit.startswith(git("rev-parse", "HEAD") or "?")


def test_without_git_the_commit_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MFPNET_COMMIT", raising=False)
    monkeypatch.setenv("PATH", "")
    assert records.environment()["commit"] is None


def test_a_copy_without_history_can_be_told_its_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("MFPNET_COMMIT", "0123abcd")
    assert records.environment()["commit"] == "0123abcd"


def test_every_result_names_what_made_it() -> None:
    results = sorted((PROJECT / "results").glob("*.json"))
    assert results
    for path in results:
        record = json.loads(path.read_text())
        assert record["environment"]["packages"]["torch"], path.name
        assert record["environment"]["commit"], path.name
        assert not re.search(r'"/(?!shared)[a-z]+/', path.read_text()), path.name
