"""Errors about a worker that did not end by itself: a crash, or a limit."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from onnxtaylor.errors import WorkerError, printable

__all__ = ["crash_error", "limit_error"]

# what signals tell; of others the name alone
MEANINGS = {
    "SIGFPE": "a division that no processor can do",
    "SIGSEGV": "an access to memory that is not its own",
    "SIGBUS": "an access to what is not there, as in a file that was cut off while it was read",
    "SIGABRT": "native code gave up, as it does without memory",
    "SIGILL": "an instruction that this processor does not have",
    "SIGKILL": "as systems do that run out of memory",
}
KILLED = "SIGKILL"
GIB, MIB = 2**30, 2**20


def crash_error(number: int, notes: Mapping[str, Any]) -> WorkerError:
    """Makes the error of a worker that a signal has ended.

    Parameters
    ----------
    number
        The signal.
    notes
        What the worker had noted.

    >>> str(crash_error(8, {"model": "bad.onnx", "stage": "while loading it"}))[:60]
    'bad.onnx: the process crashed while loading it: SIGFPE (a di'
    """
    name = _name(number)
    meaning = f" ({MEANINGS[name]})" if name in MEANINGS else ""
    if name == KILLED:
        return _located(
            f"the process was killed{_stage(notes)}: {name}{meaning}: run it where there is more",
            notes,
        )
    way_out = "report it with the call"
    if name == "SIGBUS":
        way_out = "leave files alone while they are read, and start again"
    elif notes.get("model"):
        way_out = "the model is damaged, or meets a fault of onnxruntime: export it again"
    return _located(f"the process crashed{_stage(notes)}: {name}{meaning}: {way_out}", notes)


def limit_error(limit: str, allowed: float, notes: Mapping[str, Any]) -> WorkerError:
    """Makes the error of a worker that was ended at a limit.

    Parameters
    ----------
    limit
        ``timeout``, ``opening_time``, ``opening_memory`` or ``memory``.
    allowed
        Its seconds or bytes.
    notes
        What the worker had noted.

    >>> str(limit_error("timeout", 60.0, {}))
    'not finished within 60 s, the limit of timeout=60'
    """
    if limit == "timeout":
        return _located(
            f"not finished within {allowed:g} s{_stage(notes)}, the limit of timeout={allowed:g}",
            notes,
        )
    if limit == "opening_time":
        longer = 10 * max(1, round(allowed))
        return _located(
            f"the model was not opened within {allowed:.3g} s{_stage(notes)}: allow more with"
            f" opening_time={longer}",
            notes,
        )
    more = f'"{2 * -(-int(allowed) // GIB)}GiB"'
    if limit == "opening_memory":
        return _located(
            f"opening the model takes more than {_size(allowed)} of memory{_stage(notes)}: allow"
            f" more with opening_memory={more}",
            notes,
        )
    way_out = f"allow more with memory={more}"
    if "memory" not in notes:
        way_out = "nearly all that was free: run it where there is more"
    return _located(
        f"the call takes more than {_size(allowed)} of memory{_stage(notes)}: {way_out}", notes
    )


def _stage(notes: Mapping[str, Any]) -> str:
    stage = notes.get("stage")
    return f" {printable(stage)}" if stage else ""


def _located(message: str, notes: Mapping[str, Any]) -> WorkerError:
    """Returns the error, with the model's name if one was at work."""
    error = WorkerError(message)
    return error.located(notes["model"]) if notes.get("model") else error


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _size(number: float) -> str:
    return f"{number / GIB:.1f} GiB" if number >= GIB else f"{number / MIB:.0f} MiB"
