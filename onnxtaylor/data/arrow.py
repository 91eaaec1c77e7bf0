"""Arrow columns to pieces: which types are numbers, which are class names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.types as types

from onnxtaylor.data.columns import Places, quoted
from onnxtaylor.data.formats import Piece
from onnxtaylor.data.values import Floats, Strings, decode_labels, label_text, not_numbers
from onnxtaylor.errors import DataError, printable

__all__ = ["arrow_piece"]

Array = Any  # pyarrow.Array of any type: the stubs have one class for each


def arrow_piece(
    file: str,
    names: Sequence[str],
    places: Places,
    column: Callable[[int], Array],
    row: int,
    text_of: Callable[[Any], str | None] = label_text,
) -> Piece:
    """The piece whose column at a place is ``column(place)``, after ``row`` rows of the file.

    Raises DataError for a type that holds no numbers (features, weight) or no classes (label).
    """
    arrays = [_decoded(column(place)) for place in places.features]
    x = np.empty((len(arrays[0]), len(arrays)))
    for i, (place, array) in enumerate(zip(places.features, arrays, strict=True)):
        x[:, i] = _floats(file, names[place], array, row, weight=False)
    weights = None
    if places.weight is not None:
        array = _decoded(column(places.weight))
        # a copy: what pyarrow gives is read-only, and may lie in the file
        weights = np.array(_floats(file, names[places.weight], array, row, weight=True))
    labels = None
    if places.label is not None:
        labels = _labels(file, names[places.label], column(places.label), row, text_of)
    return Piece(x, weights, labels)


def _floats(file: str, name: str, array: Array, row: int, *, weight: bool) -> Floats:
    """A column as float64; null becomes NaN."""
    kind = array.type
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        for k, value in enumerate(array):
            if value.is_valid:
                raise not_numbers(file, name, value.as_py(), row + k + 1, weight=weight)
        return np.full(len(array), np.nan)  # text, but all null
    if types.is_decimal(kind):
        # straight from decimal128 to float64 pyarrow refuses where digits might be lost
        kind = pa.float64()
        array = pa.array([None if v is None else float(v) for v in array.to_pylist()], kind)
    numeric = types.is_floating(kind) or types.is_integer(kind) or types.is_boolean(kind)
    if not (numeric or types.is_null(kind)):
        raise DataError(
            f"{file}: column {quoted(name)} has type {printable(kind, 40)}, not numbers: "
            + ("choose another weight" if weight else "drop it with --exclude")
        )
    cast = array.cast(pa.float64(), safe=False)
    return _numbers(cast, null=np.nan)


def _numbers(array: Array, null: float) -> npt.NDArray[Any]:
    """The numbers of a column, ``null`` where there is none.

    Neither ``to_numpy`` nor a needless ``fill_null``: both import pandas where that is installed.
    """
    found: npt.NDArray[Any] = np.from_dlpack(array.fill_null(null) if array.null_count else array)
    return found


def _labels(
    file: str, name: str, array: Array, row: int, text_of: Callable[[Any], str | None]
) -> Strings:
    """A column as class names; null or empty raises."""
    coded = types.is_dictionary(array.type)
    kind = array.type.value_type if coded else array.type
    if not _is_class(kind):
        raise DataError(
            f"{file}: label column {quoted(name)} has type {printable(kind, 40)}: "
            "classes are text or numbers"
        )
    if not coded:
        array = array.dictionary_encode()
    codes: npt.NDArray[np.int64] = _numbers(array.indices.cast(pa.int64()), null=-1)
    return decode_labels(
        codes,
        array.dictionary.to_pylist(),
        lambda k: f"{file}: column {quoted(name)} in row {row + k + 1}",
        text_of,
    )


def _decoded(array: Array) -> Array:
    return array.dictionary_decode() if types.is_dictionary(array.type) else array


def _is_class(kind: Any) -> bool:
    text = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    number = types.is_floating(kind) or types.is_integer(kind) or types.is_decimal(kind)
    return text or number or types.is_boolean(kind) or types.is_null(kind)
