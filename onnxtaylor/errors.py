"""The exception tree.

Every message is one line that names the file, column, node, operator or option at fault and says
the way out. The command line prints it behind ``error:`` and ends with exit status 2.
"""

from __future__ import annotations

__all__ = [
    "DataError",
    "ModelError",
    "OnnxTaylorError",
    "OnnxTaylorWarning",
    "OptionError",
    "ProbeError",
    "ResultError",
    "RuntimeMissingError",
    "printable",
]


class OnnxTaylorError(Exception):
    """Base of every error that this package raises on purpose."""


class ModelError(OnnxTaylorError):
    """The ONNX file cannot be read, or its graph cannot be used as asked."""


class ProbeError(ModelError):
    """The model responds, but not as a function of one event alone: no Taylor series exists."""


class DataError(OnnxTaylorError):
    """The data cannot be read, or does not fit the model."""


class OptionError(OnnxTaylorError, ValueError):
    """An option or argument has a value that makes no sense."""


class ResultError(OnnxTaylorError):
    """A saved result cannot be read or written, or does not hold what is asked of it."""


class RuntimeMissingError(OnnxTaylorError, ImportError):
    """onnxruntime is not installed."""


class OnnxTaylorWarning(UserWarning):
    """Something that does not stop a run, but that its user should know."""


def printable(text: object, limit: int = 120) -> str:
    """Untrusted text made fit for one line of a terminal.

    Control characters (line ends, escapes, bidirectional overrides) become their ``\\x`` or
    ``\\u`` escapes, and text longer than ``limit`` characters is cut.

    >>> printable("a\\nb\\x1b[31m")
    'a\\\\nb\\\\x1b[31m'
    """
    string = str(text)
    safe = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in string[: limit + 1])
    return safe if len(string) <= limit else safe[: limit - 1] + "…"
