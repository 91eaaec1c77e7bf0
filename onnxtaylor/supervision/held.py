"""Memory that a process holds, as both sides count it: without pages of files."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["held_bytes"]

RESIDENT, SHARED = 1, 2  # in /proc/PID/statm


def held_bytes(process: Path) -> int:
    """Returns the bytes that a process holds, by its folder in /proc; 0 where nothing says."""
    try:
        fields = (process / "statm").read_text(encoding="ascii", errors="replace").split()
    except OSError:  # it has ended, or another system
        return 0
    if len(fields) <= SHARED:
        return 0
    return (int(fields[RESIDENT]) - int(fields[SHARED])) * os.sysconf("SC_PAGE_SIZE")
