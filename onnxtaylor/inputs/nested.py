"""Sets of a whole input in one column: a list of lists for each event, as a list array of Arrow."""

from __future__ import annotations

from typing import Any

import numpy as np

from onnxtaylor.errors import DataError, printable
from onnxtaylor.inputs.jagged import Jagged

__all__ = ["is_nested", "nested_sets"]


def is_nested(column: Any) -> bool:
    """Whether a column is a list array of Arrow whose elements are lists."""
    kind = getattr(getattr(column, "type", None), "value_type", None)
    return hasattr(column, "flatten") and hasattr(kind, "value_type")


def nested_sets(column: Any, name: str, *, slots_first: bool) -> list[Jagged]:
    """Returns the sets of each variable.

    Parameters
    ----------
    column
        The list array.
    name
        Its name, for messages.
    slots_first
        Whether an event is a list of objects, each a list of variables; else it is a list of
        variables, each a list of objects.

    Raises DataError where the lists of variables, or the sets of an event, differ in length.
    """
    outer = _lengths(column)
    inside = column.flatten()
    inner = _lengths(inside)
    values = inside.flatten().to_numpy(zero_copy_only=False)
    if slots_first:
        width = _only(inner, name, "objects", "variables")
        table = values.reshape(-1, width)
        return [Jagged(table[:, v], outer) for v in range(width)]
    width = _only(outer, name, "events", "variables")
    sizes = inner.reshape(-1, width)
    different = np.flatnonzero((sizes != sizes[:, :1]).any(axis=1))
    if different.size:
        raise DataError(
            f"'{printable(name)}' has lists of different lengths at event {int(different[0])}: the"
            " variables of an object must all be there"
        )
    owner = np.repeat(np.arange(len(inner)), inner) % width if width else np.zeros(0)
    return [Jagged(values[owner == v], sizes[:, 0]) for v in range(width)]


def _lengths(column: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
    lengths = column.value_lengths().to_numpy(zero_copy_only=False)
    return np.asarray(np.nan_to_num(lengths), np.int64)


def _only(lengths: np.ndarray[Any, np.dtype[np.int64]], name: str, of: str, what: str) -> int:
    """Returns the only length of lists. Raises DataError where there are several."""
    different = sorted(set(lengths.tolist()))
    if len(different) > 1:
        raise DataError(
            f"'{printable(name)}' has {of} with {different[0]} and with {different[-1]} {what}"
        )
    return different[0] if different else 0
