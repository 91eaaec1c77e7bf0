"""Memory that a worker and its parent share: what is at work, and the limits.

Each side writes its own page and reads the other's. A page is one JSON object, which is written
beside the one before it and then declared valid by one byte: a reader never sees half of it, not
even if the writer is killed.
"""

from __future__ import annotations

import json
import mmap
import os
from typing import Any

__all__ = ["Notes"]

HALF = 2**15  # bytes of one version of a page, its length in the first four
PAGE = 2 * HALF + 1  # two versions, and the number of the valid one
HEAD = 4


class Notes:
    """Two pages of shared memory, the worker's and the parent's.

    Parameters
    ----------
    handle
        An open file of ``Notes.SIZE`` bytes that both processes have; None makes memory that only
        forked processes share.
    """

    SIZE = 2 * PAGE

    def __init__(self, handle: int | None = None) -> None:
        self._memory = mmap.mmap(-1 if handle is None else handle, self.SIZE)

    @staticmethod
    def make_file() -> int:
        """Opens an unnamed file for notes, which a program that is started can inherit."""
        if hasattr(os, "memfd_create"):
            handle = os.memfd_create("onnxtaylor-notes")
        else:
            import tempfile

            with tempfile.TemporaryFile() as stream:
                handle = os.dup(stream.fileno())
        os.ftruncate(handle, Notes.SIZE)
        return handle

    def write_worker(self, content: dict[str, Any]) -> None:
        """Replaces the worker's page."""
        self._write(0, content)

    def write_parent(self, content: dict[str, Any]) -> None:
        """Replaces the parent's page."""
        self._write(PAGE, content)

    def read_worker(self) -> dict[str, Any]:
        """Returns the worker's page; empty before it has written one."""
        return self._read(0)

    def read_parent(self) -> dict[str, Any]:
        """Returns the parent's page; empty before it has written one."""
        return self._read(PAGE)

    def _write(self, begin: int, content: dict[str, Any]) -> None:
        text = json.dumps(content).encode("ascii")
        if len(text) > HALF - HEAD:
            return  # names without end: what was known before stays
        other = 1 - (self._memory[begin] & 1)
        at = begin + 1 + other * HALF
        self._memory[at : at + HEAD] = len(text).to_bytes(HEAD, "little")
        self._memory[at + HEAD : at + HEAD + len(text)] = text
        self._memory[begin] = other

    def _read(self, begin: int) -> dict[str, Any]:
        at = begin + 1 + (self._memory[begin] & 1) * HALF
        length = int.from_bytes(self._memory[at : at + HEAD], "little")
        try:
            found = json.loads(self._memory[at + HEAD : at + HEAD + min(length, HALF - HEAD)])
        except ValueError:  # nothing was written, or two versions while it was read
            return {}
        return found if isinstance(found, dict) else {}
