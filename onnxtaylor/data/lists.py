"""Columns of lists, one list per event: each element becomes a column, ``x[0]``, ``x[1]``, ….

The lists of a column must have one length: that of its type, or else that of the first event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types

from onnxtaylor.data.columns import quoted
from onnxtaylor.errors import DataError, printable

__all__ = ["Elements"]

MOST = 2**14  # elements of a list

Array = Any  # pyarrow.Array of any type: the stubs have one class for each


class Elements:
    """The columns of an Arrow schema, lists of numbers element by element.

    ``first_list(place)`` reads the first event's list of a column of the file, None where there is
    no event. ``names`` are those of the elements and of all other columns; ``hint`` says which
    columns hold lists of something else.
    """

    def __init__(self, schema: pa.Schema, first_list: Callable[[int], Any]) -> None:
        self.names: tuple[str, ...] = ()
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
        self.hint = f"{'; '.join(others[:3])}: write a column for each number" if others else ""

    def origins(self, places: Sequence[int]) -> list[int]:
        """The columns of the file that these are read from, each once, in the file's order."""
        return sorted({self._origins[place][0] for place in places})

    def reader(self, file: str, column: Callable[[int], Array], row: int) -> Callable[[int], Array]:
        """A function of a place that gives its values in a batch behind ``row`` rows of the file.

        ``column`` gives the batch's columns by their places in the file. Raises DataError where
        lists of a column are of different lengths.
        """
        found: dict[int, Array] = {}

        def values(place: int) -> Array:
            origin, element, length = self._origins[place]
            if origin not in found:
                found[origin] = column(origin)
                if element is not None:
                    name = self.names[place].rpartition("[")[0]
                    _check_lengths(file, name, found[origin], length, row)
            whole = found[origin]
            return whole if element is None else pc.list_element(whole, element)

        return values


def _length(kind: Any, place: int, first_list: Callable[[int], Any]) -> int | None:
    """The number of elements of a list column, None of another one."""
    fixed = types.is_fixed_size_list(kind)
    if not (fixed or types.is_list(kind) or types.is_large_list(kind)):
        return None
    inner = kind.value_type
    if not (types.is_floating(inner) or types.is_integer(inner) or types.is_boolean(inner)):
        return None
    found = None if fixed else first_list(place)
    length = int(kind.list_size) if fixed else 0 if found is None else len(found)
    return length if 0 < length <= MOST else None


def _check_lengths(file: str, name: str, lists: Array, length: int, row: int) -> None:
    counts: Array = pc.list_value_length(lists)
    others = set(counts.unique().to_pylist()) - {length, None}  # a missing list is missing values
    if others:
        k = next(k for k, count in enumerate(counts.to_pylist()) if count in others)
        raise DataError(
            f"{file}: column {quoted(name)} in row {row + k + 1} has {counts[k]} elements, the"
            f" first row has {length}: write lists of one length"
        )
