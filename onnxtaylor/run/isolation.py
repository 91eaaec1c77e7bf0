"""A verb in a process of its own, for models that are not trusted."""

from __future__ import annotations

from typing import Any

from onnxtaylor.errors import OptionError
from onnxtaylor.options.process import ProcessOptions
from onnxtaylor.options.sizes import read_bytes
from onnxtaylor.problem import Problem
from onnxtaylor.progress import Progress
from onnxtaylor.runtime.available import available_bytes
from onnxtaylor.supervision.isolated import call_isolated

__all__ = ["isolate"]


def isolate(
    function: str,
    model: Any,
    *arguments: Any,
    limits: ProcessOptions,
    progress: Progress | None = None,
    **keywords: Any,
) -> Any:
    """Calls a verb in a worker, see ``onnxtaylor.supervision.isolated``.

    Parameters
    ----------
    function
        Its module and name.
    model, *arguments, **keywords
        What it is called with.
    limits
        When the worker is ended; the option ``memory`` counts, too.
    progress
        Called in this process.

    Raises
    ------
    WorkerError
        The worker crashed, or was ended at a limit.
    OptionError
        The model is a ``Problem``, or something cannot be handed over.

    Raises also what the verb does.
    """
    if isinstance(model, Problem):
        raise OptionError(
            "opens model and data in another process: give these, not a problem", option="isolated"
        )
    bounds = {
        "free": available_bytes(),
        "memory": read_bytes(keywords.get("memory")),
        "timeout": limits.timeout,
        "opening_time": limits.opening_time,
        "opening_memory": read_bytes(limits.opening_memory, option="opening_memory"),
    }
    return call_isolated(function, model, *arguments, limits=bounds, progress=progress, **keywords)
