"""Columns of lists, one list per event: each element becomes a column, ``x[0]``, ``x[1]``, ….

The lists of a column must have one length: that of its type, or else that of the first event.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types

from onnxtaylor.data.columns import Places, quoted
from onnxtaylor.errors import DataError, printable

__all__ = ["Elements", "is_variable_list"]

MOST = 2**14  # elements of a list; longer ones are no features

Array = Any  # pyarrow.Array of any type: the stubs have one class for each


class Elements:
    """Columns of an Arrow schema, with one column for each element of a list of numbers.

    Parameters
    ----------
    schema
        Names and types of the file's columns.
    first_list
        ``first_list(place)`` reads the first event's list of the file's column at a position; it
        gives None if there is no event.

    Attributes
    ----------
    names
        Names of the elements and of all other columns.
    hint
        Which columns hold lists of something else, for a message; empty if there are none.
    wholes
        Columns of lists, of any depth, that an input can take as a whole.
    """

    def __init__(self, schema: pa.Schema, first_list: Callable[[int], Any]) -> None:
        self.names: tuple[str, ...] = ()
        self._places = {name: place for place, name in enumerate(schema.names)}
        self.wholes: dict[str, tuple[int, ...] | None] = {
            name: None
            for name, kind in zip(schema.names, schema.types, strict=True)
            if _is_list(kind) and schema.names.count(name) == 1
        }
        self._origins: list[tuple[int, int | None, int]] = []  # column, element, length
        others = []
        for place, kind in enumerate(schema.types):
            name, length = schema.names[place], _length(kind, place, first_list)
            if length is None:
                self.names += (name,)
                self._origins.append((place, None, 0))
                if types.is_nested(kind):
                    others.append(f"column {quoted(name)} has type {printable(kind, 60)}")
                continue
            self.names += tuple(f"{name}[{k}]" for k in range(length))
            self._origins += [(place, k, length) for k in range(length)]
        advice = "save a column for each number"
        self.hint = f"{' and '.join(others[:3])}: {advice}" if others else ""

    def origins(self, places: Places) -> list[int]:
        """Positions of the file's columns that hold the used columns, each once, in order."""
        used = {self._origins[place][0] for place in places.used}
        return sorted(used | {self._places[name] for name in places.wholes})

    def read_wholes(self, column: Callable[[int], Array], places: Places) -> dict[str, Array]:
        """Returns a batch's lists that are read as a whole, by name."""
        return {name: column(self._places[name]) for name in places.wholes}

    def reader(self, file: str, column: Callable[[int], Array], row: int) -> Callable[[int], Array]:
        """Returns a function that gives the values (B,) of a column of a batch by its position.

        Parameters
        ----------
        file
            Name of the file, for messages.
        column
            ``column(origin)`` gives the batch's column at a position in the file.
        row
            Number of the file's rows before the batch.

        The function raises DataError if lists of a column have different lengths.
        """
        checked: dict[int, Array] = {}

        def values(place: int) -> Array:
            origin, element, length = self._origins[place]
            if origin not in checked:
                checked[origin] = column(origin)
                if element is not None:
                    name = self.names[place].rpartition("[")[0]
                    _check_lengths(file, name, checked[origin], length, row)
            whole = checked[origin]
            return whole if element is None else pc.list_element(whole, element)

        return values


def is_variable_list(kind: Any) -> bool:
    """Tests whether an Arrow type is lists of numbers, and does not tell how long they are."""
    return (types.is_list(kind) or types.is_large_list(kind)) and _is_number(kind.value_type)


def _is_list(kind: Any) -> bool:
    return types.is_fixed_size_list(kind) or types.is_list(kind) or types.is_large_list(kind)


def _is_number(kind: Any) -> bool:
    return types.is_floating(kind) or types.is_integer(kind) or types.is_boolean(kind)


def _length(kind: Any, place: int, first_list: Callable[[int], Any]) -> int | None:
    """Number of elements of a column of lists; None for another column."""
    if not _is_list(kind) or not _is_number(kind.value_type):
        return None
    length = len(first_list(place) or ()) if is_variable_list(kind) else int(kind.list_size)
    return length if 0 < length <= MOST else None


def _check_lengths(file: str, name: str, lists: Array, length: int, row: int) -> None:
    counts: Array = pc.list_value_length(lists)
    # null where the list is missing: its elements are missing values
    different: Array = pc.not_equal(counts, pa.scalar(length))
    k = pc.index(different, True).as_py()
    if k >= 0:
        raise DataError(
            f"column {quoted(name)} in row {row + k + 1} has {counts[k]} elements, but the first"
            f" row has {length}: save lists of equal length"
        ).located(file)
