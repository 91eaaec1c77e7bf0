"""Columns that are read beside the rows: products of weights, the selection of events, folds.

An event that is not selected stands as a copy of the selected event before it until the rows are
made: so only cells of selected events are checked, and messages name the right row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from onnxtaylor.data.columns import Places, quoted
from onnxtaylor.data.context import EXACT, Coded
from onnxtaylor.data.evaluation import Values, is_true, none_holds, whole_values
from onnxtaylor.data.formats import Piece, Table
from onnxtaylor.data.request import Beside
from onnxtaylor.data.source import Batch
from onnxtaylor.data.values import Floats, check_weights, kind_name
from onnxtaylor.errors import DataError

__all__ = [
    "NO_EVENTS",
    "Chosen",
    "array_values",
    "check_exact",
    "choose",
    "refused_values",
    "selected_batches",
    "selected_tables",
]

NO_EVENTS = "there are no events (no row of values)"

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Chosen:
    """Events of a piece, from the first selected one to the last.

    Parameters
    ----------
    piece
        The events, B in number; those that are not selected are copies of the one before.
    row
        Number of the file's rows before them.
    kept
        Which of them are selected, (B,); None: all.
    factors
        Factors of the weights, (B,) each.
    folds
        Numbers of the folds, (B,); None: there are none.
    """

    piece: Piece
    row: int
    kept: npt.NDArray[np.bool_] | None = None
    factors: tuple[Floats, ...] = ()
    folds: Integers | None = None

    def batch(self, x: Floats, weight: str | None, file: str, number: int) -> Batch:
        """Makes a batch of the selected events.

        Parameters
        ----------
        x
            Rows of all events of the piece, (B, n).
        weight, file
            Names of the column of weights and of the file, for messages.
        number
            Number of the events in the files before.

        Raises DataError for a weight that is not finite.
        """
        weights = self.piece.weights
        if weights is None or weight is None:
            weights = np.ones(len(x))
        else:
            where = f"{file}: column {quoted(weight)} in row "
            check_weights(weights, partial(_numbered, where, self.row))
        for factor in self.factors:
            weights = weights * factor
        if self.factors:
            check_weights(weights, partial(_numbered, f"{file}: the weight in row ", self.row))
        start = number + self.row
        numbers = np.arange(start, start + len(x), dtype=np.int64)
        batch = Batch(x, weights, self.piece.labels, numbers, self.folds)
        return batch if self.kept is None else batch.at(self.kept)


class _SelectedTable:
    """The selected events of another ``Table``, whose lists tell the sizes of sets."""

    def __init__(self, table: Table, beside: Beside) -> None:
        self._table, self._beside = table, Beside(where=beside.where)
        self.file, self.names, self.candidates = table.file, table.names, table.candidates
        self.hint, self.positional = table.hint, table.positional
        self.wholes, self.block = table.wholes, table.block
        self.rows: int | None = None

    def pieces(self, places: Places) -> Iterator[Piece]:
        """Reads the used columns. Raises DataError as the other table does."""
        place_of = {name: place for place, name in enumerate(self.names)}
        places = replace(
            places,
            beside=tuple(place_of[name] for name in self._beside.names),
            beside_texts=frozenset(place_of[name] for name in self._beside.texts),
        )
        for piece in self._table.pieces(places):
            if (chosen := choose(piece, self._beside, self.file, 0)) is not None:
                yield chosen.piece


def selected_tables(tables: Sequence[Table], beside: Beside) -> Sequence[Table]:
    """Returns tables of the selected events; the tables themselves where all are selected."""
    if beside.where is None:
        return tables
    return [_SelectedTable(table, beside) for table in tables]


def selected_batches(
    parts: Sequence[tuple[Table, Places]],
    rows: Callable[[Piece, str, int], Floats],
    beside: Beside,
    weight: str | None,
    *,
    start: int = 0,
    stop: float = inf,
) -> Iterator[Batch]:
    """Reads tables one after the other, and yields their selected events.

    Parameters
    ----------
    parts
        The tables, at least one, with the positions of their columns.
    rows
        Makes the rows (B, n) of a piece, which comes after so many rows of a file of this name.
    beside, weight
        Columns that are read beside the rows, and the column of weights.
    start, stop
        Numbers of the first row that is needed, and of the first one that is not needed behind it.
        Others are left out as far as the tables allow.

    Raises
    ------
    DataError
        A cell is at fault; or there is no event, or none is selected, and all rows are needed.
    """
    number, empty = 0, start == 0 and stop == inf
    for table, places in parts:
        before = max(0, start - number)  # rows that are not needed
        if before and table.rows is not None and table.rows <= before:
            number += table.rows
            continue
        row, pieces = _pieces_behind(table, places, before)
        for piece in pieces:
            chosen = choose(piece, beside, table.file, row)
            if chosen is not None:
                x = rows(chosen.piece, table.file, chosen.row)
                yield chosen.batch(x, weight, table.file, number)
                empty = False
            row += len(piece.x)
            if number + row >= stop:
                return
        number += row
    if empty and number and beside.where is not None:
        raise none_holds(beside.where, number)
    if empty:
        raise DataError(NO_EVENTS).located(", ".join(table.file for table, _ in parts))


def _pieces_behind(table: Table, places: Places, before: int) -> tuple[int, Iterator[Piece]]:
    """Returns a number of rows that are left out, at most ``before``, and pieces of the others."""
    behind = getattr(table, "pieces_behind", None)
    if not before or behind is None or table.rows is None:
        return 0, table.pieces(places)
    found: tuple[int, Iterator[Piece]] = behind(places, before)
    return found


def choose(piece: Piece, beside: Beside, file: str, row: int) -> Chosen | None:
    """Selects the events of a piece that comes after ``row`` rows of a file; None: no event.

    Raises OptionError for a selection without truth value, DataError for a factor that is not
    finite, and for a fold that is no whole number.
    """
    columns: Mapping[str, Values] = dict(zip(beside.names, piece.beside, strict=True))
    kept = None
    if beside.where is not None:
        kept = is_true(beside.where, columns, len(piece.x), "where")
        selected = np.flatnonzero(kept)
        if not len(selected):
            return None
        if len(selected) < len(kept):
            first, stop = int(selected[0]), int(selected[-1]) + 1
            kept, row = kept[first:stop], row + first
            taken = np.maximum.accumulate(np.where(kept, np.arange(first, stop), 0))
            piece = _taken(piece, taken)
            columns = dict(zip(beside.names, piece.beside, strict=True))
        else:
            kept = None
    factors = tuple(_factor(columns[name], file, name, row) for name in beside.factors)
    folds = None
    if beside.fold is not None:
        where = partial(_numbered, f"{file}: row ", row)
        folds = whole_values(beside.fold, columns, len(piece.x), "fold", where)
    return Chosen(piece, row, kept, factors, folds)


def array_values(what: str, values: npt.NDArray[Any], *, text: bool) -> Values:
    """Converts a NumPy column (B,) that is read beside the rows.

    ``what`` names the column in the DataError for what is no numbers or, for ``text``, no texts.
    """
    kind = values.dtype.kind
    if text:
        if kind not in "OSTUiu":
            raise refused_values(what, kind_name(values.dtype), text=True)
        cells = values.tolist()
        return _coded([c.decode(errors="replace") if isinstance(c, bytes) else c for c in cells])
    if kind not in "biuf" or values.dtype.subdtype is not None:
        raise refused_values(what, kind_name(values.dtype), text=False)
    if kind in "iu":
        small = values.dtype.itemsize < 8 or kind == "i" or not (values >= 2**63).any()
        return values.astype(np.int64 if small else np.uint64)
    return values.astype(np.float64 if kind == "f" else np.bool_)


def check_exact(numbers: Floats, where: Callable[[int], str]) -> None:
    """Raises DataError for a whole number (B,) that may have been rounded to float64."""
    large = (np.abs(numbers) >= EXACT) & (numbers % 1 == 0)
    if large.any():
        k = int(large.argmax())
        raise DataError(
            f"{where(k)} is {numbers[k]:.0f}: whole numbers beyond ±2^53 are not exact in this"
            " column: save it as whole numbers in a binary format, without missing values"
        )


def refused_values(what: str, kind: str, *, text: bool) -> DataError:
    """Returns the error for a column that holds no numbers or, where a ``text`` is needed, none."""
    if text:
        return DataError(f"{what} holds {kind}, but where=… or fold=… compares it with a text")
    return DataError(
        f"{what} holds {kind}, but where=…, fold=… or weights=… takes it as numbers: compare texts"
        ' as in kind == "ztt"'
    )


def _factor(values: Values, file: str, name: str, row: int) -> Floats:
    what = f"{file}: column {quoted(name)}"
    if isinstance(values, Coded):
        raise refused_values(what, "texts", text=False)
    numbers = values.astype(np.float64)
    check_weights(numbers, partial(_numbered, f"{what} in row ", row))
    return numbers


def _taken(piece: Piece, places: Integers) -> Piece:
    """The events of a piece at some places."""

    def at(values: Any) -> Any:
        if isinstance(values, Coded):
            return Coded(values.codes[places], values.values)
        if isinstance(values, np.ndarray) or values is None:
            return None if values is None else values[places]
        return values.take(pa.array(places))

    return Piece(
        piece.x[places],
        at(piece.weights),
        at(piece.labels),
        tuple(map(at, piece.context)),
        {name: at(values) for name, values in piece.wholes.items()},
        tuple(map(at, piece.beside)),
    )


def _coded(values: list[Any]) -> Coded:
    """Codes Python objects as texts; what is no text and no whole number is missing."""
    known: dict[str, int] = {}
    codes = [
        known.setdefault(str(value), len(known)) if isinstance(value, str | int) else -1
        for value in values
    ]
    return Coded(np.array(codes, np.int64), tuple(known))


def _numbered(start: str, before: int, k: int) -> str:
    return f"{start}{before + k + 1}"
