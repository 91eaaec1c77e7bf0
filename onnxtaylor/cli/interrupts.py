"""Delays the reaction to Ctrl-C while it could do harm.

Python raises KeyboardInterrupt at any point of the main thread. In the middle of an import it
leaves the import's lock locked: every other thread that imports something, as Numba does when it
compiles, waits forever. In an ``eval``, with which typer reads annotations, CPython keeps the
exception and ends the process by SIGINT instead of the exit status. So an interrupt during an
import or ``eval`` is raised only after it. An interrupt in a callback of compiled code, such as
those of Numba's compiler, would be lost; Python reports this, and the interrupt is raised again.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["outside_imports"]

PAUSE = 0.01  # seconds until the next look
LOOKS = 1000  # after which it is raised whatever happens


@contextmanager
def outside_imports() -> Iterator[None]:
    """Delays KeyboardInterrupt while the main thread imports or evaluates text."""
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield  # whoever called us has a way of his own
        return
    looks = 0
    caller = sys._getframe(2)  # behind contextlib; what is below it is not ours

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal looks
        looks += 1
        if _must_end(frame, caller) and looks < LOOKS:
            signal.setitimer(signal.ITIMER_REAL, PAUSE)
            return
        looks = 0
        raise KeyboardInterrupt

    ignored = sys.unraisablehook

    def again(lost: sys.UnraisableHookArgs) -> None:
        if issubclass(lost.exc_type, KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, PAUSE)
        else:
            ignored(lost)

    alarm = signal.signal(signal.SIGALRM, interrupt)
    signal.signal(signal.SIGINT, interrupt)
    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = ignored
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, alarm)


def _must_end(frame: FrameType | None, caller: FrameType) -> bool:
    """Whether an import or evaluated text is among the callers of this frame."""
    while frame is not None and frame is not caller:
        if frame.f_code.co_filename.startswith(("<frozen importlib", "<string>")):
            return True
        frame = frame.f_back
    return False
