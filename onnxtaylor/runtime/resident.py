"""Memory that this process holds, and the most that it has held, as Linux counts it."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress
from pathlib import Path

__all__ = ["forget_peak", "peak_resident_bytes", "resident_bytes"]

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
FORGET = "5"  # resets VmHWM to VmRSS


def resident_bytes() -> int | None:
    """Returns the bytes of memory that the process holds; None where the system does not say."""
    return _field("VmRSS")


def peak_resident_bytes() -> int | None:
    """Returns the most bytes held since the process began, or since ``forget_peak``; or None."""
    return _field("VmHWM")


def forget_peak() -> None:
    """Gives unused memory back to the system, and begins to count the peak anew."""
    gc.collect()
    with suppress(OSError, AttributeError, TypeError):  # another C library, or another system
        ctypes.CDLL(None).malloc_trim(0)
    with suppress(OSError):  # else the peak since the beginning stays
        CLEAR.write_text(FORGET, encoding="ascii")


def _field(name: str) -> int | None:
    try:
        text = STATUS.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024
    return None
