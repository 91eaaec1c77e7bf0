"""The exception tree.

Every message is one line that names the file, column, node, operator or option at fault and says
the way out. The command line prints it behind ``error:`` and ends with exit status 2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from copy import copy
from difflib import SequenceMatcher, get_close_matches
from math import nan
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = [
    "UNKNOWN_FORM",
    "DataError",
    "DisagreementError",
    "EvaluationError",
    "ModelError",
    "NotFiniteError",
    "OnnxTaylorError",
    "OnnxTaylorWarning",
    "OptionError",
    "ProbeError",
    "ResultError",
    "RuntimeMissingError",
    "WorkerError",
    "is_unicode",
    "join_ends",
    "join_names",
    "name_hint",
    "printable",
]


LAST = 3  # names of a long list
ALIKE = 0.6  # ratio of SequenceMatcher; get_close_matches has the same limit

# raised by passes and rules at a form of their operator that they do not know
UNKNOWN_FORM = (AssertionError, LookupError, NotImplementedError, TypeError, ValueError)


class OnnxTaylorError(Exception):
    """Base class of all errors that this package raises on purpose.

    Its text is ``{where}: {option} {message}``, without what is not given.

    Parameters
    ----------
    message
        What is wrong, and the way out. Options are written as Python writes them, with their
        value: ``use engine="differences"``, ``choose another with output=…``. The command line
        shows these as its flags.
    option
        Name of the option at fault. The message goes on behind it: ``must be at least 0, got -1``.

    Examples
    --------
    >>> str(OptionError("must be at least 0, got -1", option="threads"))
    'threads must be at least 0, got -1'
    """

    def __init__(self, message: str = "", *, option: str | None = None) -> None:
        super().__init__(message)
        self.message, self.option = message, option
        self.where: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text()

    def text(self, called: Callable[[str], str] = str) -> str:
        """Returns the whole message; ``called`` gives the name by which the reader knows an option.

        >>> OptionError("must be at least 0, got -1", option="threads").text(str.upper)
        'THREADS must be at least 0, got -1'
        """
        sentence = self.message if self.option is None else f"{called(self.option)} {self.message}"
        return "".join(f"{where}: " for where in self.where) + sentence

    def located(self, where: object) -> Self:
        """Returns this error with a file or another place in front of its text, unless it has one.

        >>> str(DataError("column 'pt' is text").located("events.csv"))
        "events.csv: column 'pt' is text"
        """
        located, name = copy(self), printable(where)
        if not str(self).startswith(f"{name}: "):
            located.where = (name, *self.where)
        return located


class ModelError(OnnxTaylorError):
    """The ONNX file cannot be read, or its graph cannot be used as asked."""


class ProbeError(ModelError):
    """The model responds, but not as a function of one event alone: no Taylor series exists."""


class NotFiniteError(ProbeError):
    """A response is NaN or infinite at an event."""


class EndlessError(ProbeError):
    """The model does not answer within the time limit: a loop in it does not end."""


class EvaluationError(ModelError):
    """onnxruntime has loaded the model and fails to run it on these events."""


class DisagreementError(ModelError):
    """Two graphs of one function respond differently: no number of either can be trusted.

    It is never a reason to go on in another way. ``deviation`` is the largest one, NaN where one of
    the two responses is NaN, and ``row`` (n,) the event where it occurs.
    """

    def __init__(
        self, message: str = "", deviation: float = nan, row: npt.NDArray[np.floating] | None = None
    ) -> None:
        super().__init__(message)
        self.deviation, self.row = deviation, row


class DataError(OnnxTaylorError):
    """The data cannot be read, or does not fit the model."""


class OptionError(OnnxTaylorError, ValueError):
    """An option or argument has a value that makes no sense."""


class ResultError(OnnxTaylorError):
    """A saved result cannot be read or written, or lacks what was requested."""


class WorkerError(OnnxTaylorError):
    """The process that did the work crashed, or was ended at a limit."""


class RuntimeMissingError(OnnxTaylorError, ImportError):
    """onnxruntime is not installed."""


class OnnxTaylorWarning(UserWarning):
    """Warning: the run goes on, but its user should read this."""


def printable(text: object, limit: int = 120) -> str:
    """Makes an untrusted text fit for one line of a terminal.

    Control characters (line ends, escapes, bidirectional overrides) become their ``\\x`` or
    ``\\u`` escapes, and text longer than ``limit`` characters is cut.

    >>> printable("a\\nb\\x1b[31m")
    'a\\\\nb\\\\x1b[31m'
    """
    string = str(text)
    safe = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in string[: limit + 1])
    return safe if len(string) <= limit else safe[: limit - 1] + "…"


def is_unicode(text: str) -> bool:
    """Tests whether a text is Unicode: halves of letters (lone surrogates) are none.

    Those that stand for the bytes of a file's name, U+DC80 to U+DCFF, are allowed.

    >>> is_unicode("é"), is_unicode("\\ud800"), is_unicode("\\udcff")
    (True, False, True)
    """
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def join_names(names: Sequence[str], limit: int = 6) -> str:
    """Returns the first names of a list, fit for a message.

    >>> join_names(["a", "b", "c"], limit=2)
    'a, b, … (+1 more)'
    """
    shown = ", ".join(printable(name, 40) or "''" for name in names[:limit])
    return shown if len(names) <= limit else f"{shown}, … (+{len(names) - limit} more)"


def join_ends(names: Sequence[str], limit: int) -> str:
    """Returns the first and the last names of a list: labels and weights often come last.

    >>> join_ends(["a", "b", "c", "d", "e"], limit=4)
    'a, … (+1 more), c, d, e'
    """
    if len(names) <= limit:
        return join_names(names, limit)
    last = names[-LAST:]
    between = f", … (+{len(names) - limit} more), "
    return join_names(names[: limit - LAST], limit) + between + join_names(last, limit)


def name_hint(name: str, names: Sequence[str]) -> str:
    """Returns the end of a message about an unknown name: the nearest known names, or all of them.

    Upper and lower case count as the same letter. For a pattern (``zipp*``) each run of letters
    between wildcards is compared with equally long parts of a name.

    >>> "no feature matches 'zipp*'" + name_hint("zipp*", ["age", "zip_risk"])
    "no feature matches 'zipp*': did you mean 'zip_risk'?"
    >>> "no column 'Labell'" + name_hint("Labell", ["label", "weight"])
    "no column 'Labell': did you mean 'label'?"
    >>> "no column 'zzz'" + name_hint("zzz", ["label", "weight"])
    "no column 'zzz': it has label, weight"
    """
    known = {other.casefold(): other for other in reversed(names)}  # of equal ones the first
    near = [known[key] for key in get_close_matches(name.casefold(), list(known), n=3)]
    if not near and (parts := _between_wildcards(name.casefold())):
        closeness = {key: min(_likeness(part, key) for part in parts) for key in known}
        best = sorted(known, key=lambda key: -closeness[key])
        near = [known[key] for key in best if closeness[key] >= ALIKE][:3]
    if near:
        return ": did you mean " + " or ".join(f"'{printable(n, 60)}'" for n in near) + "?"
    return f": it has {join_names(list(dict.fromkeys(names)))}" if names else ""


def _between_wildcards(pattern: str) -> list[str]:
    """Splits a pattern into its letters between wildcards; a name without wildcards has none."""
    parts = re.split(r"\[.[^\]]*\]|[*?]", pattern)
    return [part for part in parts if part] if len(parts) > 1 else []


def _likeness(part: str, name: str) -> float:
    """Similarity of ``part`` to the best equally long part of a name; 1 if they are equal."""
    size = len(part)
    starts = range(max(1, len(name) - size + 1))
    return max(SequenceMatcher(None, part, name[k : k + size]).ratio() for k in starts)
