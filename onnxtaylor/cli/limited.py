"""Limits of the process that does the work, as options of every command that opens a model or data.

The parent of the process watches them: see ``onnxtaylor.cli.supervisor``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Any

from onnxtaylor.cli.declared import takes
from onnxtaylor.cli.supervisor import SWITCH
from onnxtaylor.errors import OptionError
from onnxtaylor.options.declare import take_fields
from onnxtaylor.options.process import ProcessOptions
from onnxtaylor.options.sizes import read_bytes
from onnxtaylor.supervision.work import is_watched, set_limits

__all__ = ["limited"]


def limited(command: Callable[..., None], *, opens: bool = True) -> Callable[..., None]:
    """Adds the options of ``ProcessOptions`` to a command, and sets the limits before it runs.

    ``opens``: whether the command opens a model, which has limits of its own.
    """

    @takes(ProcessOptions, without=() if opens else ("opening_time", "opening_memory"))
    @wraps(command)
    def run(*arguments: Any, **given: Any) -> None:
        own = {f.name: given.pop(f.name) for f in fields(ProcessOptions) if f.name in given}
        limits = take_fields(ProcessOptions, own)
        if own and not is_watched():
            raise OptionError(
                "is a limit that a second process watches, and there is none: a debugger or"
                f" {SWITCH}=off leaves it out",
                option=next(iter(own)),
            )
        set_limits(
            memory=read_bytes(given.get("memory")),
            timeout=limits.timeout,
            opening_time=limits.opening_time,
            opening_memory=read_bytes(limits.opening_memory, option="opening_memory"),
        )
        command(*arguments, **given)

    return run
