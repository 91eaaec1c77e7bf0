"""Writes files whole or not at all; gives the time of writing."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from onnxtaylor.errors import OptionError, ResultError, printable
from onnxtaylor.supervision.work import removed_after

__all__ = ["time_of_writing", "write_all", "write_whole"]

LINKS = 40  # that lead on to one another


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
        The file; if it exists, it is replaced. A link to a file stays: what it leads to is
        written. A device, a pipe, and what leads to an open file, such as /dev/stdout, are written
        to as they are.
    content
        All its bytes.

    Raises
    ------
    ResultError
        The folder is missing or not writable, or the disk is full.
    """
    target = Path(path)
    if _is_stream(target):
        with _failures_of(path):
            _write_stream(target, content)
        return
    write_all({target: content})


def _is_stream(target: Path) -> bool:
    """Whether a file must not be replaced: a device, a pipe, or an open file by its number."""
    step, links = target, 0
    while step.is_symlink() and links < LINKS:
        step, links = step.parent / step.readlink(), links + 1
        if step.is_relative_to("/proc") or step.is_relative_to("/dev"):
            return True
    return target.exists() and not target.is_file() and not target.is_dir()


def _write_stream(target: Path, content: bytes) -> None:
    """Writes behind what was printed, where the file is stdout or stderr; else behind its end."""
    for own in (sys.stdout, sys.stderr):
        same = False
        with suppress(OSError, ValueError, AttributeError):
            same = os.path.samestat(os.fstat(own.fileno()), target.stat())
        if same and hasattr(own, "buffer"):
            own.flush()
            own.buffer.write(content)
            own.buffer.flush()
            return
    with target.open("ab") as stream:
        stream.write(content)


def write_all(contents: Mapping[Path, bytes]) -> None:
    """Writes files that belong together, all of them or none.

    All temporary files are written before the first one is renamed.

    Parameters
    ----------
    contents
        The bytes of each file; files that exist are replaced.

    Raises
    ------
    ResultError
        A folder is missing or not writable, or the disk is full.
    """
    temporary: dict[Path, Path] = {}
    with ExitStack() as stack:
        for place, content in contents.items():
            target = place.resolve() if place.is_symlink() else place
            with _failures_of(target):
                temporary[target] = _written_beside(target, content, stack)
        for target, written in temporary.items():
            with _failures_of(target):
                written.replace(target)


def _written_beside(target: Path, content: bytes, stack: ExitStack) -> Path:
    """Writes a temporary file in the folder of a file, with the rights of a new file.

    ``stack`` removes it, unless it has been renamed.
    """
    if target.is_dir():
        raise IsADirectoryError("it is a directory")
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:40]}.")
    stack.callback(_remove, Path(name))
    stack.enter_context(removed_after(name))
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
    # mkstemp makes the file private; a result is to be as readable as any other new file
    mask = os.umask(0)
    os.umask(mask)
    Path(name).chmod(0o666 & ~mask)
    return Path(name)


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


@contextmanager
def _failures_of(path: str | os.PathLike[str]) -> Iterator[None]:
    """Raises ResultError, naming the file, where it cannot be written."""
    try:
        yield
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ResultError(f"{printable(path)}: cannot be written: {printable(reason)}") from None
