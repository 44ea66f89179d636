from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import mfpnet
from mfpnet.errors import MfpnetError
from mfpnet.files import (
    atomic_path,
    check_writable,
    read_json,
    write_atomically,
    write_json,
)


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def in_child(code: str, folder: Path) -> str:
    """What `code` prints in a child with `folder` as its first argument; MfpnetError is printed."""
    program = f"""
import sys
from pathlib import Path
from mfpnet.errors import MfpnetError
from mfpnet.files import atomic_path, write_atomically
folder = Path(sys.argv[1])
try:
{textwrap.indent(textwrap.dedent(code), "    ")}
except MfpnetError as error:
    print("MfpnetError:", error)
"""
    source = str(Path(mfpnet.__path__[0]).parent)
    child = subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    return child.stdout


def test_write_makes_the_file_and_its_parents(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.bin"
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert names_in(path.parent) == ["file.bin"]


def test_write_replaces_the_whole_content(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    write_atomically(path, b"a long first content")
    write_atomically(path, b"short")
    assert path.read_bytes() == b"short"


def test_temporary_file_is_beside_the_target_and_keeps_its_suffix(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "weights.safetensors") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".safetensors"
        assert not (tmp_path / "weights.safetensors").exists()


def write_half(path: Path, error: BaseException) -> None:
    with atomic_path(path) as temporary:
        temporary.write_bytes(b"half of the n")
        raise error


@pytest.mark.parametrize("error", [KeyError("bug"), KeyboardInterrupt()])
def test_failing_block_keeps_the_previous_file(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    with pytest.raises(type(error)):
        write_half(path, error)
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["file.bin"]


def test_new_file_has_the_mode_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    write_atomically(tmp_path / "atomic", b"")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_replaced_file_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "private"
    path.write_bytes(b"old")
    path.chmod(0o600)
    write_atomically(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_symbolic_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link.bin"
    link.symlink_to(tmp_path / "real" / "file.bin")
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert (tmp_path / "real" / "file.bin").read_bytes() == b"new"


def test_folder_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(MfpnetError, match="is a folder"):
        write_atomically(tmp_path, b"")


def test_pipe_is_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(MfpnetError, match="no ordinary file"):
        write_atomically(pipe, b"")
    assert pipe.is_fifo()


def test_file_in_place_of_a_parent_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(MfpnetError, match=r"cannot write '.*result.json'"):
        write_atomically(tmp_path / "file" / "result.json", b"")
    assert (tmp_path / "file").read_bytes() == b"old"


def test_a_check_leaves_everything_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    check_writable(tmp_path / "file")
    check_writable(tmp_path / "new")
    with pytest.raises(MfpnetError, match=r"cannot write '.*result.json'"):
        check_writable(tmp_path / "file" / "result.json")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


def test_folder_without_permission(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    (folder / "file.bin").write_bytes(b"old")
    folder.chmod(0o555)
    # pytest's own folders are closed to others; the child enters before it gives up being root.
    code = """
    import os
    os.chdir(folder)
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    write_atomically(Path("file.bin"), b"new")
    """
    output = in_child(code, folder)
    folder.chmod(0o755)
    assert output.startswith("MfpnetError: cannot write 'file.bin': Permission denied")
    assert "untouched" in output
    assert "may write to" in output
    assert (folder / "file.bin").read_bytes() == b"old"
    assert names_in(folder) == ["file.bin"]


FULL_DISK = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
"""
BYTES = FULL_DISK + "write_atomically(folder / 'file.bin', bytes(100_000))"
TORCH = (
    "import torch\n"
    + FULL_DISK
    + "with atomic_path(folder / 'file.bin') as path, path.open('wb') as stream:\n"
    + "    torch.save(torch.zeros(100_000), stream)\n"
)


@pytest.mark.parametrize("code", [BYTES, TORCH], ids=["bytes", "torch.save"])
def test_full_disk_keeps_the_previous_file(tmp_path: Path, code: str) -> None:
    (tmp_path / "file.bin").write_bytes(b"old")
    output = in_child(code, tmp_path)
    assert output.startswith(f"MfpnetError: cannot write '{tmp_path / 'file.bin'}': File too large")
    assert "Free some space" in output
    assert (tmp_path / "file.bin").read_bytes() == b"old"
    assert names_in(tmp_path) == ["file.bin"]


def test_json_comes_back(tmp_path: Path) -> None:
    data = {"name": "Straße", "miou": 0.53, "iou": [None, 1.0]}
    write_json(tmp_path / "r.json", data)
    assert read_json(tmp_path / "r.json") == data
    text = (tmp_path / "r.json").read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert "Straße" in text


def test_json_has_names_that_are_no_utf_8(tmp_path: Path) -> None:
    name = os.fsdecode("café.png".encode("latin-1"))
    write_json(tmp_path / "a.json", {name: [name, "café"]})
    assert read_json(tmp_path / "a.json") == {"caf\ufffd.png": ["caf\ufffd.png", "café"]}


def test_json_has_no_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "r.json", {"loss": float("nan")})
    assert names_in(tmp_path) == []


def test_json_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(json.dumps([1]), encoding="utf-8-sig")
    assert read_json(tmp_path / "r.json") == [1]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "line 1, column 1"),
        (b'{"a": 1,\n "b": }', "line 2, column 7"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
    ],
    ids=["empty", "broken", "binary", "deep"],
)
def test_unusable_json_is_named(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "r.json"
    path.write_bytes(content)
    with pytest.raises(MfpnetError, match=complaint) as caught:
        read_json(path)
    assert str(path) in str(caught.value)


def test_missing_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(MfpnetError, match=r"cannot read '.*none.json'"):
        read_json(tmp_path / "none.json")
