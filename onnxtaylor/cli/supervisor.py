"""A thin parent of the process that does the work of a command: it says in one line how that ended.

The parent is forked off before anything large is imported. Worker and parent belong to one group of
processes and share stdin, stdout and stderr, so that Ctrl-C on a terminal reaches the worker at
once, and output is what it would be without a parent. SIGTERM and SIGHUP, which reach the parent
alone, are passed on.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Collection
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

from onnxtaylor.supervision.ended import crash_error
from onnxtaylor.supervision.lifeline import end_with
from onnxtaylor.supervision.notes import Notes
from onnxtaylor.supervision.watch import EVERY, Watch
from onnxtaylor.supervision.work import attach, is_watched

if TYPE_CHECKING:
    from onnxtaylor.errors import OnnxTaylorError

__all__ = ["SWITCH", "hear", "leave_with", "open_standard_files", "supervise"]

SWITCH, OFF = "ONNXTAYLOR_SUPERVISOR", "off"
WRONG = 2
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
OF_THE_KERNEL = 0x80  # si_code of a key on the terminal, which the whole group has got
GRACE = {"timeout": 10.0, "interrupted": 30.0}  # seconds to save what is to be continued
IMPATIENT = 3.0  # seconds after which a second interrupt does not wait any longer
CLEAN_LINE = "\r\x1b[K\x1b[?25h"  # without a progress bar, and with the cursor


def open_standard_files() -> None:
    """Replaces stdin, stdout and stderr by /dev/null where they are closed.

    Else the next file that is opened would get their number, and messages of native code. What is
    printed on a closed stdout is an error, as on a full disk: nobody would read it.
    """
    for number, mode in enumerate((os.O_RDWR, os.O_RDONLY, os.O_RDWR)):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, mode), True)
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            stream = open(number, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


def supervise() -> int | None:
    """Divides this process into a worker and its parent.

    Returns
    -------
    int or None
        In the worker, None, at once; it answers no interrupt before ``hear``. In the parent the
        exit status, once the worker has ended. None also where there is nobody to watch: a debugger
        or a profiler is at work, threads run, ``ONNXTAYLOR_SUPERVISOR=off`` is set, or the system
        has no fork.
    """
    if not _is_possible():
        return None
    notes, parent = Notes(), os.getpid()
    if signal.getsignal(signal.SIGCHLD) is not signal.SIG_DFL:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    heard = [n for n in INTERRUPTS if signal.getsignal(n) is not signal.SIG_IGN]
    signal.pthread_sigmask(signal.SIG_BLOCK, [*heard, signal.SIGCHLD])
    if signal.SIGINT in signal.sigpending():
        raise KeyboardInterrupt  # there is no worker yet that could have got it as well
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    worker = os.fork()
    if worker == 0:
        atexit.register(_end)  # before libraries register what they do at the end: so it comes last
        end_with(parent)
        attach(notes)
        return None
    return _Parent(worker, notes).wait([*heard, signal.SIGCHLD])


_own = {"status": WRONG}  # of a worker: what it ends with


def hear(before: set[int | signal.Signals] | None) -> None:
    """Has interrupts answered from now on, also those that came before this.

    ``before`` has the signals that were blocked before the program began; None where the system
    knows of none.
    """
    if before is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def leave_with(status: int) -> None:
    """Notes the exit status of a worker, whose work is done: no interrupt changes it any more."""
    _own["status"] = status
    if is_watched():
        for number in INTERRUPTS:
            signal.signal(number, signal.SIG_IGN)


def _end() -> None:
    """Ends a worker before Python takes itself apart.

    Threads of libraries that still run, such as those of Arrow, would abort it then.
    """
    if is_watched():  # and no process that it has forked itself
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(_own["status"])


def _is_possible() -> bool:
    return (
        os.environ.get(SWITCH) != OFF
        and hasattr(os, "fork")
        and hasattr(signal, "sigtimedwait")
        and sys.gettrace() is None
        and sys.getprofile() is None
        and threading.active_count() == 1
    )


class _Parent:
    """The wait for a worker to end."""

    def __init__(self, worker: int, notes: Notes) -> None:
        self._worker, self._notes = worker, notes
        self._watch = Watch(worker, notes)
        self._interrupted: float | None = None  # when it was asked to end
        self._until = 0.0  # when it must have ended

    def wait(self, heard: Collection[int]) -> int:
        """Returns the exit status; signals ``heard``, which are blocked, are answered."""
        while True:
            got = signal.sigtimedwait(heard, EVERY)
            ended, status = os.waitpid(self._worker, os.WNOHANG)
            if ended:
                return self._status(status)
            if got is not None and got.si_signo != signal.SIGCHLD:
                if self._is_impatient():
                    return self._kill(None)
                if got.si_code != OF_THE_KERNEL or got.si_signo != signal.SIGINT:
                    self._interrupt(signal.SIGTERM)
                self._until = self._until or monotonic() + GRACE["interrupted"]
            elif self._interrupted is not None:
                if monotonic() > self._until:
                    return self._kill(None)
            elif (error := self._watch.look()) is not None:
                if not self._watch.timed_out:
                    return self._kill(error)
                # it says itself how to go on
                self._notes.write_parent({"interrupted": str(error)})
                self._interrupt(signal.SIGTERM)
                self._until = monotonic() + GRACE["timeout"]

    def _is_impatient(self) -> bool:
        """Whether an interrupt is not the first one; notes the first."""
        now = monotonic()
        if self._interrupted is None:
            self._interrupted = now
        return now - self._interrupted > IMPATIENT

    def _interrupt(self, number: int) -> None:
        if self._interrupted is None:
            self._interrupted = monotonic()
        with suppress(ProcessLookupError):
            os.kill(self._worker, number)

    def _kill(self, error: OnnxTaylorError | None) -> int:
        """Ends the worker, and says why."""
        with suppress(ProcessLookupError):
            os.kill(self._worker, signal.SIGKILL)
        os.waitpid(self._worker, 0)
        return self._tell(error)

    def _status(self, status: int) -> int:
        """Returns the exit status of a worker that has ended; says how, if it could not."""
        if os.WIFEXITED(status):
            return os.WEXITSTATUS(status)
        number = os.WTERMSIG(status)
        interrupted = self._interrupted is not None or number in INTERRUPTS
        return self._tell(None if interrupted else crash_error(number, self._watch.page))

    def _tell(self, error: OnnxTaylorError | None) -> int:
        """Prints the line of an error, or of an interrupt; cleans up what the worker has left."""
        self._watch.clear()
        from onnxtaylor.cli.flags import as_flags, error_text
        from onnxtaylor.errors import printable

        why = self._notes.read_parent().get("interrupted", "interrupted")
        text = as_flags(str(why)) if error is None else error_text(error)
        with suppress(OSError):
            if sys.stderr.isatty():
                sys.stderr.write(CLEAN_LINE)
            print("error: " + printable(text, limit=2000), file=sys.stderr)
        return WRONG
