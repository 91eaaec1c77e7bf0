"""A lock on a folder: one process at a time works in it, and the next one is told which."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from onnxtaylor.errors import OptionError, ResultError, printable

__all__ = ["locked"]

NAME = "in-use.json"


@contextmanager
def locked(folder: Path, *, option: str) -> Iterator[None]:
    """Holds the lock of a folder; it ends with the process, however that ends.

    The operating system keeps the lock, the file in the folder says who holds it. A file that a
    killed process left behind locks nothing. Where a file system has no locks, the process that the
    file names is looked for, on the same host.

    Parameters
    ----------
    folder
        The folder, which exists.
    option
        The option that named it, for messages.

    Raises
    ------
    OptionError
        Another process works in the folder.
    ResultError
        The file cannot be written.
    """
    path = folder / NAME
    try:
        handle = _open_locked(path, option)
    except OSError as error:
        reason = printable(error.strerror or error)
        raise ResultError(f"{printable(path)}: cannot be written: {reason}") from None
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(_own()).encode(), 0)
        yield
    finally:
        with suppress(OSError):
            path.unlink()
        os.close(handle)


def _open_locked(path: Path, option: str) -> int:
    """Opens and locks the file. Raises OptionError where another process holds it."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if not _lock(handle) and _is_alive(_read(handle)):
                raise BlockingIOError
            # who held it before may have removed the file while this process opened it
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        except FileNotFoundError:
            pass
        except BlockingIOError:
            held = _read(handle)
            os.close(handle)
            raise _in_use(path, held, option) from None
        os.close(handle)


def _lock(handle: int) -> bool:
    """Locks an open file, or raises BlockingIOError; False where the file system has no locks."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        return False
    return True


def _own() -> dict[str, Any]:
    """Describes this process."""
    return {"host": socket.gethostname(), "process": os.getpid()}


def _read(handle: int) -> dict[str, Any]:
    """Reads who holds the lock; empty where the file does not say it."""
    try:
        found = json.loads(os.pread(handle, 4096, 0))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _is_alive(held: dict[str, Any]) -> bool:
    """Whether the process that a file names may still run: on another host nobody can tell."""
    process = held.get("process")
    if not isinstance(process, int) or process <= 0:
        return False
    if held.get("host") != socket.gethostname():
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return process != os.getpid()


def _in_use(path: Path, held: dict[str, Any], option: str) -> OptionError:
    who = f"process {printable(held.get('process', '?'), 20)} on {printable(held.get('host', '?'))}"
    return OptionError(
        f"{printable(path.parent)} is in use by {who}: wait for it, choose another folder, or"
        f" delete {path.name} in it if that process is gone",
        option=option,
    )
