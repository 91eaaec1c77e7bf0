"""The interface of a file format: names of its columns, and pieces of the requested columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol

import numpy.typing as npt

from onnxtaylor.data.columns import Places
from onnxtaylor.data.context import Coded
from onnxtaylor.data.values import Floats, Strings
from onnxtaylor.errors import DataError, OnnxTaylorError, printable

__all__ = ["Piece", "Table", "one_line", "reading", "require", "rows_per_piece"]

CELLS = 1 << 18  # numbers in a piece: 2 MiB, whatever the number of columns


@dataclass(frozen=True)
class Piece:
    """Consecutive rows of one file.

    Parameters
    ----------
    x
        Features, shape (B, n); may still be NaN or infinite.
    weights
        Shape (B,), may still be NaN or infinite; None if no column is the weight.
    labels
        Class names, shape (B,), none missing; None if no column is the label.
    context
        Single columns of context, shape (B,): numbers, which may still be NaN, or texts.
    wholes
        What is read as a whole, by its name: an array (B, …) of NumPy, or an Arrow array of lists.
    beside
        Columns that are read beside the rows, shape (B,): whole or other numbers, truth values, or
        texts.
    """

    x: Floats
    weights: Floats | None
    labels: Strings | None
    context: tuple[Floats | Coded, ...] = ()
    wholes: Mapping[str, Any] = field(default_factory=dict)
    beside: tuple[npt.NDArray[Any] | Coded, ...] = ()


class Table(Protocol):
    """One file, opened as a table of events."""

    @property
    def file(self) -> str:
        """Name of the file, fit for messages."""

    @property
    def names(self) -> Sequence[str]:
        """Names of all columns, in the order of the file."""

    @property
    def candidates(self) -> Sequence[str]:
        """Names of the columns that may be counted as features."""

    @property
    def hint(self) -> str:
        """Reason why columns may be missing, for an error message; usually empty."""

    @property
    def positional(self) -> bool:
        """Whether the file has no names, so that its columns are called "0", "1", …."""

    @property
    def rows(self) -> int | None:
        """Number of rows, where the file tells it without a look at its cells; else None."""

    @property
    def wholes(self) -> Mapping[str, tuple[int, ...] | None]:
        """Arrays and columns of lists that an input can take as a whole, by name.

        The value is the shape behind the events, None if only reading the lists tells it.
        """

    @property
    def block(self) -> str | None:
        """Name of the array (events, columns) that has the features, None if there is none."""

    def pieces(self, places: Places) -> Iterator[Piece]:
        """Reads the used columns, from the first row to the last, in pieces of bounded size.

        Raises DataError, naming the file, the column and the row at fault.
        """


def require(library: str, extra: str, file: str) -> Any:
    """Imports an optional library. Raises DataError that says how to install it for a file."""
    try:
        return import_module(library)
    except ImportError:
        raise DataError(f"reading it needs {library}: pip install onnxtaylor[{extra}]").located(
            file
        ) from None


def rows_per_piece(columns: int) -> int:
    """Number of rows of so many columns that hold 2 MiB of numbers, at least 256."""
    return max(256, CELLS // max(columns, 1))


@contextmanager
def reading(file: str) -> Iterator[None]:
    """Replaces any exception of a reader by a DataError of one line that names the file."""
    try:
        yield
    except OnnxTaylorError:
        raise
    except FileNotFoundError:
        raise DataError("no such file").located(file) from None
    except IsADirectoryError:
        raise DataError(f"{file} is a directory: name the files in it") from None
    except EOFError:
        raise DataError(f"{file} ends early: it is damaged or incomplete") from None
    except Exception as error:
        # A damaged file makes the libraries raise nearly anything: NumPy alone a TokenError, a
        # SystemError and an OverflowError. The cause stays attached, for debugging a reader.
        hint = "" if getattr(error, "errno", None) else "; is the file damaged or incomplete?"
        raise DataError(f"{file} cannot be read: {one_line(error)}{hint}") from error


def one_line(error: BaseException) -> str:
    """Message of a library's error, as one line."""
    text = getattr(error, "strerror", None) or str(error)
    if not text or not isinstance(error, (OSError, ValueError)):
        text = f"{type(error).__name__} {text}"
    return printable(" ".join(str(text).split()).removesuffix("."), 200)
