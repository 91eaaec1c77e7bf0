"""Whether a file is still the one that was opened: identity, size, and time of the last change."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from onnxtaylor.errors import DataError, printable

__all__ = ["FileState"]


@dataclass(frozen=True)
class FileState:
    """A file as it was at one moment.

    Parameters
    ----------
    path
        The file.
    facts
        Device, inode, size and time of the last change; None where it could not be asked.
    """

    path: Path
    facts: tuple[int, ...] | None

    @classmethod
    def of(cls, path: Path) -> FileState:
        """Returns the present state of a file."""
        return cls(path, _facts(path))

    def require_same(self) -> None:
        """Raises DataError where the file is another one by now, or has changed."""
        if self.facts is not None and _facts(self.path) != self.facts:
            raise DataError(
                "was changed or replaced while it was read, so that the numbers would be of two"
                " files: leave it alone, and start again"
            ).located(printable(self.path))


def _facts(path: Path) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)  # noqa: PTH116  Path.stat takes twice as long
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
