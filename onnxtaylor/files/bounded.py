"""Reads a file into memory if it is not larger than a limit; never waits for ever.

``/dev/zero`` has no end, and a pipe to which nobody writes no beginning: neither is read.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from pathlib import Path
from typing import IO

__all__ = ["read_bounded", "read_stream", "read_text"]

WAIT = 5.0  # seconds in which somebody must begin to write into a pipe
PART = 1 << 20  # bytes


def read_bounded(path: str | os.PathLike[str], limit: int) -> bytes:
    """Reads a file or a pipe of at most ``limit`` bytes.

    Raises
    ------
    OSError
        It cannot be read, is a folder or a device, has more bytes, or is a pipe to which nobody
        writes. Its ``strerror`` says so.
    """
    # a pipe is opened at once, whether somebody writes to it or not
    if Path(path).is_dir():
        raise IsADirectoryError(errno.EISDIR, "Is a directory", os.fspath(path))
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(handle, "rb", buffering=0) as stream:
        status = os.fstat(handle)
        if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
            raise OSError(errno.EINVAL, "is a device, not a file", os.fspath(path))
        if status.st_size > limit:
            raise _too_large(path, limit)
        if stat.S_ISFIFO(status.st_mode):
            first = _first_of_pipe(stream, path)
            os.set_blocking(handle, True)
            return read_stream(stream, limit, path, first)
        return read_stream(stream, limit, path)


def read_text(path: str | os.PathLike[str], limit: int, encoding: str = "utf-8") -> str:
    """Reads a text of at most ``limit`` bytes, whose lines may end in any way.

    Raises OSError as ``read_bounded`` does, and UnicodeDecodeError for other bytes than text.
    """
    text = read_bounded(path, limit).decode(encoding)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_stream(
    stream: IO[bytes], limit: int, name: str | os.PathLike[str] = "", begun: bytes = b""
) -> bytes:
    """Reads a stream to its end, behind what was read before.

    Raises OSError where it has more than ``limit`` bytes in all.
    """
    parts, size = [begun], len(begun)
    while part := stream.read(PART):
        parts.append(part)
        size += len(part)
        if size > limit:
            raise _too_large(name, limit)
    return b"".join(parts)


def _first_of_pipe(stream: IO[bytes], path: str | os.PathLike[str]) -> bytes:
    """Waits for the first bytes of a pipe: for ever where somebody has it open for writing."""
    end = time.monotonic() + WAIT
    while True:
        found = stream.read(PART)
        if found:
            return found
        if found is not None and time.monotonic() > end:  # None: somebody is there to write
            raise OSError(errno.EPIPE, "is a pipe to which nobody writes", os.fspath(path))
        time.sleep(0.01)


def _too_large(path: str | os.PathLike[str], limit: int) -> OSError:
    size = f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit} bytes"
    return OSError(errno.EFBIG, f"is larger than {size}", os.fspath(Path(path)))
