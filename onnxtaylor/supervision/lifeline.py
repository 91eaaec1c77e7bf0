"""Ties a worker to its parent: it does not outlive it."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress

__all__ = ["end_with"]

PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> None:
    """Has Linux kill this process when its parent, a process of this number, has ended.

    Elsewhere a worker whose parent is killed goes on to its end.
    """
    if sys.platform != "linux":
        return
    import ctypes

    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before this was said
        os.kill(os.getpid(), signal.SIGKILL)
