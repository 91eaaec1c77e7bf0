"""Options about the process that does the work: when it is ended."""

from __future__ import annotations

from dataclasses import dataclass, fields

from onnxtaylor.errors import OptionError
from onnxtaylor.options.declare import check_options, option
from onnxtaylor.options.sizes import read_bytes

__all__ = ["ProcessOptions", "require_isolated"]

LEAST = 0.1  # seconds


@dataclass(frozen=True, kw_only=True)
class ProcessOptions:
    """Limits beyond which the work is ended, in one line.

    Raises OptionError for a limit that is none.
    """

    timeout: float | None = option(
        None, "Seconds after which the call is ended", minimum=LEAST, metavar="SECONDS"
    )
    opening_time: float | None = option(
        None,
        "Seconds that reading, loading and probing a model may take. Default: 25, and one for each"
        " 4 MiB of the model",
        minimum=LEAST,
        metavar="SECONDS",
    )
    opening_memory: str | None = option(
        None,
        "Memory that reading, loading and probing a model may take, such as 8GiB. Default: 3 GiB,"
        " and eight times the model",
        metavar="SIZE",
    )

    def __post_init__(self) -> None:
        check_options(self)
        read_bytes(self.opening_memory, option="opening_memory")


def require_isolated(limits: ProcessOptions) -> None:
    """Raises OptionError for a limit of work that is not done in a process of its own."""
    for declared in fields(limits):
        if getattr(limits, declared.name) is not None:
            raise OptionError(
                "is a limit of another process: add isolated=True", option=declared.name
            )
