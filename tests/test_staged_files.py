from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from mfpnet.errors import MfpnetError
from mfpnet.files import staged_files, write_atomically
from test_files import in_child, names_in


def test_files_that_belong_together_arrive_together(tmp_path: Path) -> None:
    path = tmp_path / "new" / "net.xml"
    with staged_files(path) as staged:
        assert staged.name == "net.xml"
        staged.write_bytes(b"graph")
        staged.with_suffix(".bin").write_bytes(b"weights")
        assert not path.exists()
    assert names_in(path.parent) == ["net.bin", "net.xml"]
    assert path.read_bytes() == b"graph"


def test_the_named_file_is_the_last_to_arrive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    monkeypatch.setattr("mfpnet.files._publish", lambda _, target: order.append(target.name))
    with staged_files(tmp_path / "m.xml") as staged:
        for name in ("m.xml", "a.bin", "z.json"):
            staged.with_name(name).write_bytes(b"")
    assert order == ["a.bin", "z.json", "m.xml"]


def test_after_an_error_the_previous_files_are_untouched(tmp_path: Path) -> None:
    path = tmp_path / "net.xml"
    path.write_bytes(b"old")
    with suppress(ZeroDivisionError), staged_files(path) as staged:
        staged.write_bytes(b"new")
        raise ZeroDivisionError
    assert names_in(tmp_path) == ["net.xml"]
    assert path.read_bytes() == b"old"


def test_an_error_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "net.xml"
    with (
        pytest.raises(MfpnetError, match=f"cannot write '{tmp_path}/net.xml/net.bin'"),
        staged_files(path) as staged,
    ):
        write_atomically(_as_file(staged) / "net.bin", b"")
    assert names_in(tmp_path) == []


def _as_file(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def test_a_folder_cannot_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "net.xml").mkdir()
    with pytest.raises(MfpnetError, match="it is a folder"), staged_files(tmp_path / "net.xml"):
        pass
    assert names_in(tmp_path) == ["net.xml"]


def test_a_folder_without_permission(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o555)
    code = """
    import os
    from mfpnet.files import staged_files
    os.chdir(folder)
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    with staged_files(Path("net.xml")):
        print("the work begins")
    """
    output = in_child(code, folder)
    folder.chmod(0o755)
    assert output.startswith(f"MfpnetError: cannot write 'net.xml': {os.strerror(13)}")
    assert names_in(folder) == []
