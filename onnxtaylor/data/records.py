"""Arrays of awkward as Arrow columns: a field of a record of a record is called ``jets.pt``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = [
    "arrow_column",
    "arrow_table",
    "column_types",
    "dense_array",
    "flat_columns",
    "is_awkward",
    "is_records",
]

Awkward = Any  # awkward.Array: the library is optional


def is_awkward(x: object) -> bool:
    """Tests whether x is an array of awkward, without importing it."""
    return type(x).__module__.partition(".")[0] == "awkward"


def is_records(x: Any) -> bool:
    """Tests whether x is an array of awkward with named fields."""
    return is_awkward(x) and bool(x.fields)


def flat_columns(array: Awkward, name: str = "") -> Iterator[tuple[str, Awkward]]:
    """Yields the columns of an array of records, by name; of an array without fields itself.

    Fields of records within records, and within lists of records, have names with dots.
    """
    if not array.fields:
        yield name, array
    for field in array.fields:
        yield from flat_columns(array[field], f"{name}.{field}" if name else field)


def arrow_column(array: Awkward) -> Any:
    """Returns an array without fields as an Arrow array: of numbers, texts, or lists of them."""
    import awkward

    return awkward.to_arrow(array, extensionarray=False)


def column_types(form: Any, name: str = "") -> dict[str, pa.DataType]:
    """Returns the Arrow types of the columns of arrays of a form of awkward, by name.

    ``name`` stands before the names of its fields; of a form without fields it is the name.
    """
    import awkward

    empty = awkward.Array(form.length_zero_array())
    return {key: arrow_column(values).type for key, values in flat_columns(empty, name)}


def arrow_table(array: Awkward) -> pa.Table:
    """Returns an array of records as an Arrow table."""
    columns = [(name, arrow_column(values)) for name, values in flat_columns(array)]
    return pa.table([values for _, values in columns], names=[name for name, _ in columns])


def dense_array(array: Awkward) -> npt.NDArray[Any] | None:
    """Returns an array whose lists are equally long along each axis; None for another one."""
    import awkward

    try:
        return np.asarray(awkward.to_numpy(array, allow_missing=False))
    except ValueError:
        return None
