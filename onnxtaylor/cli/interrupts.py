"""Ctrl-C, answered where it can do no harm.

Python raises KeyboardInterrupt wherever the main thread is. In the midst of an import that leaves
the import's lock taken: every other thread that imports something, as Numba does when it compiles,
waits forever; or the exception is lost in a callback. So an interrupt that comes during an import
is raised when the import is done.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["outside_imports"]

PAUSE = 0.01  # seconds until the next look
LOOKS = 1000  # after which it is raised whatever happens


@contextmanager
def outside_imports() -> Iterator[None]:
    """Within it, KeyboardInterrupt is raised outside imports only (in the main thread)."""
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield  # whoever called us has a way of his own
        return
    looks = 0

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal looks
        looks += 1
        if _imports(frame) and looks < LOOKS:
            signal.setitimer(signal.ITIMER_REAL, PAUSE)
            return
        looks = 0
        raise KeyboardInterrupt

    alarm = signal.signal(signal.SIGALRM, interrupt)
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, alarm)


def _imports(frame: FrameType | None) -> bool:
    """Whether this frame was called, by however many others, by an import."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
