"""What every file format offers: its columns' names, and pieces of the columns asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from onnxtaylor.data.columns import Places
from onnxtaylor.data.values import Floats, Strings
from onnxtaylor.errors import DataError, OnnxTaylorError, printable

__all__ = ["Piece", "Table", "one_line", "reading", "rows_per_piece"]

CELLS = 1 << 18  # numbers per piece: 2 MiB, whatever the number of columns


@dataclass(frozen=True)
class Piece:
    """Consecutive rows of one file: x (B, n), weights (B,) or None, labels (B,) or None.

    Numbers may still be NaN or infinite; labels are complete.
    """

    x: Floats
    weights: Floats | None
    labels: Strings | None


class Table(Protocol):
    """One file."""

    @property
    def file(self) -> str:
        """Its name, fit for messages."""

    @property
    def names(self) -> Sequence[str]:
        """Names of its columns, in the order of the file."""

    @property
    def candidates(self) -> Sequence[str]:
        """Names of the columns that may be counted as features."""

    @property
    def hint(self) -> str:
        """Why columns may be missing, for a message that counts them; mostly empty."""

    @property
    def positional(self) -> bool:
        """Whether the names are only positions, "0", "1", …: the file has no names."""

    def pieces(self, places: Places) -> Iterator[Piece]:
        """The used columns, from the first row to the last, in pieces of bounded size."""


def rows_per_piece(columns: int) -> int:
    """Rows that hold about a million numbers, and 256 at least."""
    return max(256, CELLS // max(columns, 1))


@contextmanager
def reading(file: str) -> Iterator[None]:
    """Turns whatever a reader raises into one DataError that names the file."""
    try:
        yield
    except OnnxTaylorError:
        raise
    except FileNotFoundError:
        raise DataError(f"{file}: no such file") from None
    except IsADirectoryError:
        raise DataError(f"{file} is a directory: name the files in it") from None
    except EOFError:
        raise DataError(f"{file} ends early: it is truncated or damaged") from None
    except Exception as error:
        # A damaged file makes the libraries raise nearly anything: NumPy alone a TokenError, a
        # SystemError and an OverflowError. The cause stays attached for whoever debugs a reader.
        raise DataError(f"{file} cannot be read: {one_line(error)}") from error


def one_line(error: BaseException) -> str:
    """What a library says, as one line."""
    text = getattr(error, "strerror", None) or str(error)
    if not text or not isinstance(error, (OSError, ValueError)):
        text = f"{type(error).__name__} {text}"
    return printable(" ".join(str(text).split()), 200)
