"""The worker's side of a function that is called in isolation."""

from __future__ import annotations

import os
import pickle
import signal
import traceback
import warnings
from collections.abc import Callable
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any

from onnxtaylor.errors import OnnxTaylorError, printable
from onnxtaylor.supervision.lifeline import end_with
from onnxtaylor.supervision.notes import Notes
from onnxtaylor.supervision.work import attach, set_limits

__all__ = ["serve"]


def serve(parent: int, notes: int, question: int, answers: int) -> None:
    """Answers one question.

    Parameters
    ----------
    parent
        The process that asks; this one ends with it.
    notes, question, answers
        Open files: the notes, the pickled question, and the pipe for the answer.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C, and ends this process
    end_with(parent)
    attach(Notes(notes))
    with os.fdopen(question, "rb") as stream:
        stream.seek(0)
        asked = pickle.load(stream)
    with Connection(answers, readable=False) as pipe:
        try:
            pipe.send(("answer", _answer(asked, pipe)))
        except BaseException as error:
            pipe.send(("error", _portable(error)))


def _answer(asked: dict[str, Any], pipe: Connection) -> Any:
    set_limits(**asked["limits"])
    module, name = asked["function"].split(":")
    function: Callable[..., Any] = getattr(import_module(module), name)

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        pipe.send(("warning", message))

    def report(stage: str, done: int, total: int | None) -> None:
        pipe.send(("progress", stage, done, total))

    keywords = asked["keywords"] | ({"progress": report} if asked["progress"] else {})
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        return function(*asked["arguments"], **keywords)


def _portable(error: BaseException) -> BaseException:
    """Returns an error that can be handed over: itself, or one with its text."""
    if not isinstance(error, OnnxTaylorError):
        error.add_note("In the isolated process: " + "".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return OnnxTaylorError(f"{type(error).__name__}: {printable(error, 400)}")
    return error
