"""Delays the reaction to Ctrl-C, and to SIGTERM, which is the same, while it could do harm.

Python raises KeyboardInterrupt at any point of the main thread. In the middle of an import it
leaves the import's lock locked: every other thread that imports something, as Numba does when it
compiles, waits forever. In an ``eval``, with which typer reads annotations, CPython keeps the
exception and ends the process by SIGINT instead of the exit status. So an interrupt during an
import or ``eval`` is raised only after it. An interrupt in a callback of compiled code, such as
those of Numba's compiler, would be lost; Python reports this, and the interrupt is raised again.

One Ctrl-C may arrive twice: batch systems and ``kill`` send a signal to all processes of a group,
and the parent passes on what it got. What follows within a second counts as one.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["outside_imports"]

# handlers of a program that has none of its own; where SIGINT is ignored, it stays so
USUAL: dict[int, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
PAUSE = 0.01  # seconds until the next look
LOOKS = 1000  # after which it is raised whatever happens
ONE = 1.0  # seconds within which two signals are one interrupt


class _Repeated:
    """A handler behind an interrupt that was answered: what belongs to that one is not heard."""

    def __init__(self, answered: float) -> None:
        self._answered = answered

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if time.monotonic() - self._answered >= ONE:
            signal.signal(number, USUAL[number])
            signal.raise_signal(number)


@contextmanager
def outside_imports() -> Iterator[None]:
    """Delays KeyboardInterrupt while the main thread imports or evaluates text."""
    heard = [n for n in USUAL if _is_usual(n)]
    known = _is_usual(signal.SIGINT) or signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    if threading.current_thread() is not threading.main_thread() or not known or not heard:
        yield  # whoever called us has a way of his own
        return
    looks, answered, waits = 0, float("-inf"), False
    caller = sys._getframe(2)  # behind contextlib; what is below it is not ours

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal looks, answered, waits
        if not waits if number == signal.SIGALRM else time.monotonic() - answered < ONE:
            return
        looks += 1
        if _must_end(frame, caller) and looks < LOOKS:
            waits = True
            signal.setitimer(signal.ITIMER_REAL, PAUSE)
            return
        signal.setitimer(signal.ITIMER_REAL, 0)
        looks, answered, waits = 0, time.monotonic(), False
        raise KeyboardInterrupt

    ignored = sys.unraisablehook

    def again(lost: sys.UnraisableHookArgs) -> None:
        nonlocal waits
        if issubclass(lost.exc_type, KeyboardInterrupt):
            waits = True
            signal.setitimer(signal.ITIMER_REAL, PAUSE)
        else:
            ignored(lost)

    alarm = signal.signal(signal.SIGALRM, interrupt)
    for number in heard:
        signal.signal(number, interrupt)
    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = ignored
        for number in heard:
            was_heard = answered > float("-inf")
            signal.signal(number, _Repeated(answered) if was_heard else USUAL[number])
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, alarm)


def _is_usual(number: int) -> bool:
    """Whether a signal has the handler of a program that has none of its own."""
    handler = signal.getsignal(number)
    return handler is USUAL[number] or isinstance(handler, _Repeated)


def _must_end(frame: FrameType | None, caller: FrameType) -> bool:
    """Whether an import or evaluated text is among the callers of this frame."""
    while frame is not None and frame is not caller:
        if frame.f_code.co_filename.startswith(("<frozen importlib", "<string>")):
            return True
        frame = frame.f_back
    return False
