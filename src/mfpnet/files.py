"""Files that are either whole or not there: atomic writes, and JSON on top of them."""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mfpnet.errors import MfpnetError

_SURROGATES = re.compile("[\ud800-\udfff]")
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NOT_ALLOWED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield an empty temporary file beside ``path`` that becomes ``path`` when the block ends well.

    A reader, or the machine after a power cut, finds the old content or the new one, never half of
    either. Missing parent folders are made. The temporary file keeps the suffix, because writers
    choose their format by it. A symbolic link is written through, a file's permissions are kept.

    Compiled writers report a full disk by errors of their own. It is recognised all the same when
    torch is given an open file, ``with temporary.open("wb") as stream: torch.save(x, stream)``;
    for safetensors, make bytes and use :func:`write_atomically`.

    Raises:
        MfpnetError: ``path`` is a folder or a device, or an OSError came up here or in the block.
            The temporary file is gone and the previous content of ``path`` is untouched, as after
            every other exception.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".mfpnet-{secrets.token_hex(6)}{target.suffix}")
    try:
        _check_replaceable(path, target)
        _create(temporary)
        yield temporary
        _publish(temporary, target)
    except OSError as error:
        raise _not_written(path, error) from error
    except Exception as error:
        full = _full_disk_behind(error)
        if full is None:
            raise
        raise _not_written(path, full) from error
    finally:
        _remove(temporary)


@contextmanager
def staged_files(path: Path) -> Iterator[Path]:
    """Yield ``path``'s name in an empty folder beside it, for files that belong together.

    What lies there when the block ends well is moved beside ``path``, ``path`` itself last. After
    an exception nothing of it is left.

    Raises:
        MfpnetError: as :func:`atomic_path`.
    """
    target = Path(os.path.realpath(path))
    folder = target.with_name(f".mfpnet-{secrets.token_hex(6)}")
    try:
        _check_replaceable(path, target)
        folder.mkdir(parents=True)
        yield folder / target.name
        for name in sorted((entry.name for entry in folder.iterdir()), key=target.name.__eq__):
            _publish(folder / name, target.with_name(name))
    except MfpnetError as error:  # from a writer that knows the staging place only
        raise MfpnetError(str(error).replace(f"{folder}{os.sep}", _shown_folder(path))) from error
    except OSError as error:
        raise _not_written(path, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def staged_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside ``path`` that becomes ``path`` when the block ends well.

    After an exception nothing of it is left.

    Raises:
        MfpnetError: ``path`` is a file or a folder with something in it, or as :func:`atomic_path`.
    """
    target = Path(os.path.realpath(path))
    folder = target.with_name(f".mfpnet-{secrets.token_hex(6)}")
    try:
        check_free(path)
        folder.mkdir(parents=True)
        yield folder
        if target.is_dir():
            target.rmdir()
        folder.replace(target)
    except OSError as error:
        raise _not_written(path, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def check_free(path: Path) -> None:
    """Refuse a folder to be made that would take the place of something.

    Raises:
        MfpnetError: ``path`` is a file, or a folder that is not empty.
    """
    if path.is_dir():
        if any(path.iterdir()):
            raise MfpnetError(f"'{path}' is there already and not empty. Give another folder.")
    elif path.exists():
        raise MfpnetError(f"'{path}' is a file. Give the name of a new folder.")


def _shown_folder(path: Path) -> str:
    return str(path).removesuffix(path.name)


def write_atomically(path: Path, data: bytes) -> None:
    """Make ``data`` the whole content of ``path``; errors as in :func:`atomic_path`."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def readable_text(text: str) -> str:
    """The text with � in place of what UTF-8 does not have.

    Python decodes a file name of other bytes, as in Latin-1, to half of a surrogate pair for each.
    """
    return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text)


def write_json(path: Path, data: object) -> None:
    """Write ``data`` as indented UTF-8 JSON with a final newline; errors as in :func:`atomic_path`.

    Text is written as `readable_text` has it.

    Raises:
        ValueError: a NaN or an infinity, which JSON does not have.
        TypeError: an object that JSON does not have.
    """
    text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
    write_atomically(path, (readable_text(text) + "\n").encode("utf-8"))


def check_writable(path: Path) -> None:
    """Make sure, before minutes of work, that a file can be written; nothing is changed.

    Raises:
        MfpnetError: as :func:`atomic_path`.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".mfpnet-{secrets.token_hex(6)}")
    # pathlib would raise where a folder may not be looked into.
    missing = [parent for parent in target.parents if not os.path.exists(parent)]  # noqa: PTH110
    try:
        _check_replaceable(path, target)
        _create(temporary)
    except OSError as error:
        raise _not_written(path, error) from error
    finally:
        _remove(temporary)
        for parent in missing:  # the nearest first
            with suppress(OSError):
                parent.rmdir()


def read_json(path: Path) -> Any:
    """The data in a JSON file (UTF-8, with or without a byte order mark).

    Raises:
        MfpnetError: the file cannot be read, or is not JSON; the text says where it stops being so.
    """
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise MfpnetError(f"cannot read '{path}': {_reason(error)}. Check the path.") from error
    except UnicodeDecodeError as error:
        raise MfpnetError(f"'{path}' is not a JSON file: it is not UTF-8 text.") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise MfpnetError(f"'{path}' is not valid JSON: {error.msg} at {place}.") from error
    except RecursionError as error:
        raise MfpnetError(f"'{path}' is not usable JSON: it is nested too deeply.") from error


def _check_replaceable(path: Path, target: Path) -> None:
    # Replacing would turn /dev/null into an ordinary file without a word.
    if target.is_dir():
        raise MfpnetError(f"cannot write '{path}': it is a folder. Give the name of a file.")
    if target.exists() and not target.is_file():
        raise MfpnetError(f"cannot write '{path}': it is no ordinary file. Give another name.")


def _create(temporary: Path) -> None:
    temporary.parent.mkdir(parents=True, exist_ok=True)
    # tempfile would give mode 0600; a result should have the mode that any new file has.
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))


def _publish(temporary: Path, target: Path) -> None:
    descriptor = os.open(temporary, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if target.exists():
        shutil.copymode(target, temporary)
    temporary.replace(target)


def _remove(temporary: Path) -> None:
    # The error that brought us here matters more than one from tidying up.
    with suppress(OSError):
        temporary.unlink(missing_ok=True)


def _full_disk_behind(error: BaseException) -> OSError | None:
    # torch.save raises a RuntimeError while it handles the OSError of the stream it writes to.
    behind = error.__context__
    while behind is not None:
        if isinstance(behind, OSError) and behind.errno in _NO_SPACE:
            return behind
        behind = behind.__context__
    return None


def _not_written(path: Path, error: OSError) -> MfpnetError:
    advice = ""
    if error.errno in _NO_SPACE:
        advice = " Free some space or choose another disk."
    elif error.errno in _NOT_ALLOWED:
        advice = " Choose a folder that you may write to."
    return MfpnetError(
        f"cannot write '{path}': {_reason(error)}. The previous file, if any, is untouched.{advice}"
    )


def _reason(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
