"""A function of this package in a worker: whatever the model does there, this process lives on.

It keeps crashes, memory and time away from the caller. It is no sandbox: a model that takes over
the worker has the rights of its user.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from multiprocessing.connection import Connection
from typing import Any

from onnxtaylor.errors import OptionError, WorkerError, printable
from onnxtaylor.supervision.ended import crash_error
from onnxtaylor.supervision.notes import Notes
from onnxtaylor.supervision.watch import EVERY, Watch

__all__ = ["call_isolated"]

START = "import sys; sys.path[:] = {path!r}; from onnxtaylor.supervision.serving import serve; "


def call_isolated(
    function: str,
    *arguments: Any,
    limits: dict[str, Any],
    progress: Callable[[str, int, int | None], None] | None = None,
    **keywords: Any,
) -> Any:
    """Calls a function of this package in a worker.

    Parameters
    ----------
    function
        Its module and name: ``onnxtaylor.run.inspect:inspect_model``.
    *arguments, **keywords
        What it is called with. They are handed over as pickles.
    limits
        Limits of the worker, as ``onnxtaylor.supervision.work.set_limits`` takes them.
    progress
        Called in this process with what the function reports.

    Returns
    -------
    object
        What the function returns. Its warnings are given here.

    Raises
    ------
    OnnxTaylorError
        The function raises it.
    WorkerError
        The worker crashed, or was ended at a limit.
    OptionError
        An argument cannot be handed over to another process.
    """
    asked = {"function": function, "arguments": arguments, "keywords": keywords, "limits": limits}
    try:
        content = pickle.dumps({**asked, "progress": progress is not None})
    except Exception as error:
        raise OptionError(
            "hands model and data over to another process, which these cannot be: name files, or"
            f" give arrays or data frames ({printable(error)})",
            option="isolated",
        ) from None
    with ExitStack() as stack:
        question = stack.enter_context(tempfile.TemporaryFile())
        question.write(content)
        question.flush()
        notes, (ours, theirs) = Notes.make_file(), os.pipe()
        stack.callback(os.close, notes)
        answers = stack.enter_context(Connection(ours, writable=False))
        with Connection(theirs, readable=False):  # closed here once the worker has it
            handles = (notes, question.fileno(), theirs)
            code = START.format(path=sys.path) + f"serve{(os.getpid(), *handles)}"
            worker = subprocess.Popen(
                [sys.executable, "-c", code], stdin=subprocess.DEVNULL, pass_fds=handles
            )
        watch = Watch(worker.pid, Notes(notes))
        try:
            return _answer(worker, answers, watch, progress)
        finally:
            worker.kill()  # it has answered, or must end
            worker.wait()
            watch.clear()


def _answer(
    worker: subprocess.Popen[bytes],
    answers: Connection,
    watch: Watch,
    progress: Callable[[str, int, int | None], None] | None,
) -> Any:
    """Waits for the answer, and passes on what is said before it."""
    looked = time.monotonic()
    while True:
        if time.monotonic() - looked >= EVERY:  # also while it reports all the time
            looked = time.monotonic()
            if (error := watch.look()) is not None:
                raise error
        if not answers.poll(EVERY):
            continue
        try:
            kind, *content = answers.recv()
        except EOFError:
            raise _ended(worker.wait(), watch) from None
        if kind == "progress" and progress is not None:
            progress(*content)
        elif kind == "warning":
            warnings.warn(content[0], stacklevel=4)
        elif kind == "error":
            raise content[0]
        elif kind == "answer":
            return content[0]


def _ended(status: int, watch: Watch) -> WorkerError:
    """Returns the error of a worker that has ended without an answer."""
    if status < 0:
        return crash_error(-status, watch.page)
    return WorkerError(f"the process that did the work ended with status {status}, and no answer")
