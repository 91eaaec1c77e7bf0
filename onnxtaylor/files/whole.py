"""Writes files whole or not at all; gives the time of writing."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from onnxtaylor.errors import OptionError, ResultError, printable

__all__ = ["time_of_writing", "write_whole"]


def time_of_writing() -> datetime:
    """The time to write into a file, in UTC: now, or that of SOURCE_DATE_EPOCH if it is set.

    Source: https://reproducible-builds.org/specs/source-date-epoch/

    Raises
    ------
    OptionError
        SOURCE_DATE_EPOCH is not a number of seconds.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if not epoch:
        return datetime.now(UTC)
    try:
        return datetime.fromtimestamp(int(epoch), UTC)
    except (ValueError, OverflowError, OSError):
        raise OptionError(
            f"SOURCE_DATE_EPOCH must be the seconds since 1970, got '{printable(epoch)}'"
        ) from None


def write_whole(path: str | os.PathLike[str], content: bytes) -> None:
    """Writes a file whole or not at all: a temporary file beside it is written, then renamed.

    Parameters
    ----------
    path
        The file; if it exists, it is replaced.
    content
        All its bytes.

    Raises
    ------
    ResultError
        The folder is missing or not writable, or the disk is full.
    """
    target = Path(path)
    temporary = None
    try:
        if target.is_dir():
            raise IsADirectoryError("it is a directory")
        if target.exists() and not target.is_file():  # /dev/stdout or a pipe must not be replaced
            target.write_bytes(content)
            return
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:40]}.")
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        # mkstemp makes the file private; a result is to be as readable as any other new file
        mask = os.umask(0)
        os.umask(mask)
        Path(temporary).chmod(0o666 & ~mask)
        Path(temporary).replace(target)
    except BaseException as error:
        if temporary is not None:
            with suppress(OSError):
                Path(temporary).unlink()
        if isinstance(error, (OSError, ValueError)):
            reason = getattr(error, "strerror", None) or error
            raise ResultError(
                f"{printable(path)}: cannot be written: {printable(reason)}"
            ) from None
        raise
