"""Converts Arrow columns to pieces, and decides which types are numbers or class names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types

from onnxtaylor.data.beside import array_values, check_exact, refused_values
from onnxtaylor.data.columns import Places, quoted
from onnxtaylor.data.context import (
    EXACT,
    Coded,
    beyond_exact,
    refuse_inexact,
    refuse_missing,
    refuse_numbers,
    refuse_text,
)
from onnxtaylor.data.evaluation import Values
from onnxtaylor.data.formats import Piece
from onnxtaylor.data.values import (
    Floats,
    Strings,
    decode_labels,
    label_text,
    not_numbers,
    text_label,
)
from onnxtaylor.errors import DataError, printable

__all__ = ["arrow_piece", "is_text", "numeric"]

Array = Any  # pyarrow.Array of any type: the stubs have one class for each


def arrow_piece(
    file: str,
    names: Sequence[str],
    places: Places,
    column: Callable[[int], Array],
    row: int,
    text_of: Callable[[Any], str | None] = label_text,
    wholes: Mapping[str, Array] | None = None,
) -> Piece:
    """Converts consecutive rows of Arrow columns to a piece.

    Parameters
    ----------
    file, names
        Name of the file and names of its columns, for messages.
    places
        Positions of the used columns.
    column
        ``column(place)`` gives the Arrow array (B,) of the column at a position.
    row
        Number of the file's rows before these.
    text_of
        Makes a class name of a label's value, None if it is missing. ``text_label`` says that the
        cells come from a text file, where all numbers went through float64.
    wholes
        Columns that are read as a whole, by name.

    Raises
    ------
    DataError
        A type holds no numbers (features, weight) or no classes (label), a label is missing, or a
        cell of context is missing or not exact.
    """
    arrays = [_decoded(column(place)) for place in places.features]
    lengths = [len(array) for array in (*arrays[:1], *(wholes or {}).values())]
    lengths += [len(column(place)) for place in places.used[:1]]
    x = np.empty((lengths[0], len(arrays)))
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
    context = tuple(
        _context(
            f"{file}: column {quoted(names[place])}",
            _decoded(column(place)),
            row,
            text=place in places.texts,
            typed=text_of is not text_label,
        )
        for place in places.context
    )
    beside = tuple(
        _beside(
            f"{file}: column {quoted(names[place])}",
            _decoded(column(place)),
            row,
            text=place in places.beside_texts,
            typed=text_of is not text_label,
        )
        for place in places.beside
    )
    return Piece(x, weights, labels, context, wholes or {}, beside)


def _context(what: str, array: Array, row: int, *, text: bool, typed: bool) -> Floats | Coded:
    """A column of context as texts or numbers; ``typed`` if its type tells whole numbers."""

    def where(k: int) -> str:
        return f"{what} in row {row + k + 1}"

    kind = array.type
    if array.null_count and (k := pc.index(array.is_null(), True).as_py()) >= 0:
        refuse_missing(where(k), "empty" if text else "NaN or empty")
    if text:
        return _texts(what, array, where, typed=typed)
    if is_text(kind):
        refuse_text(what, f"text ({quoted(array[0].as_py())} in row {row + 1})")
    whole = types.is_integer(kind) or types.is_decimal(kind) or not typed
    numbers = numeric(array)
    if numbers is None:
        refuse_text(what, f"values of type {printable(kind, 40)}")
    if whole and not types.is_boolean(kind):
        # 2⁵³ itself may be a rounded 2⁵³ + 1 where whole numbers have become floats
        large = (np.abs(numbers) >= EXACT) & (numbers % 1 == 0)
        if types.is_integer(kind):
            large = beyond_exact(array.to_numpy(zero_copy_only=False))
        if large.any():
            k = int(large.argmax())
            refuse_inexact(where(k), array[k].as_py())
    return numbers


def _beside(what: str, array: Array, row: int, *, text: bool, typed: bool) -> Values:
    """A column that is read beside the rows; ``typed`` if its type tells whole numbers."""
    kind = array.type
    if text:
        if types.is_integer(kind):
            array = array.cast(pa.string())
        if not is_text(array.type):
            raise refused_values(what, f"values of type {printable(kind, 40)}", text=True)
        coded = array.dictionary_encode()
        codes: npt.NDArray[np.int64] = _numpy(coded.indices.cast(pa.int64()), null=-1)
        return Coded(codes, tuple(coded.dictionary.to_pylist()))
    plain = types.is_integer(kind) or types.is_boolean(kind)
    if plain and not array.null_count:
        return array_values(what, array.to_numpy(zero_copy_only=False), text=False)
    numbers = None if is_text(kind) else numeric(array)
    if numbers is None:
        shown = "text" if is_text(kind) else f"values of type {printable(kind, 40)}"
        raise refused_values(what, shown, text=False)
    if types.is_integer(kind) or not typed:
        check_exact(numbers, lambda k: f"{what} in row {row + k + 1}")
    return numbers


def _texts(what: str, array: Array, where: Callable[[int], str], *, typed: bool) -> Coded:
    if types.is_integer(array.type):
        array = array.cast(pa.string())
    if not is_text(array.type):
        refuse_numbers(what, f"values of type {printable(array.type, 40)}")
    if not typed and (k := pc.index(array, pa.scalar("", array.type)).as_py()) >= 0:
        refuse_missing(where(k))
    coded = array.dictionary_encode()
    codes: npt.NDArray[np.int64] = _numpy(coded.indices.cast(pa.int64()), null=-1)
    return Coded(codes, tuple(coded.dictionary.to_pylist()))


def numeric(array: Array) -> Floats | None:
    """Returns an Arrow array of numbers or booleans as float64, null as NaN; None for others."""
    kind = array.type
    if types.is_decimal(kind):
        # one by one: pyarrow's own cast is wrong in the last bit for one decimal in ten
        kind = pa.float64()
        array = pa.array([None if v is None else float(v) for v in array.to_pylist()], kind)
    if not (
        types.is_floating(kind)
        or types.is_integer(kind)
        or types.is_boolean(kind)
        or types.is_null(kind)
    ):
        return None
    return _numpy(array.cast(pa.float64(), safe=False), null=np.nan)


def _floats(file: str, name: str, array: Array, row: int, *, weight: bool) -> Floats:
    """A column as float64; null becomes NaN."""
    kind = array.type
    if is_text(kind):
        k = pc.index(array.is_valid(), True).as_py()
        if k < 0:  # every cell is null
            return np.full(len(array), np.nan)
        example = f"{quoted(array[k].as_py())} in row {row + k + 1}"
        raise not_numbers(name, "text", weight=weight, example=example).located(file)
    numbers = numeric(array)
    if numbers is None:
        other = f"values of type {printable(kind, 40)}"
        raise not_numbers(name, other, weight=weight).located(file)
    return numbers


def _numpy(array: Array, null: float) -> npt.NDArray[Any]:
    """A column of numbers as a NumPy array, with ``null`` in place of nulls."""
    # neither to_numpy nor a needless fill_null: both import pandas where that is installed
    numbers: npt.NDArray[Any] = np.from_dlpack(array.fill_null(null) if array.null_count else array)
    return numbers


def _labels(
    file: str, name: str, array: Array, row: int, text_of: Callable[[Any], str | None]
) -> Strings:
    """A column as class names."""
    coded = types.is_dictionary(array.type)
    kind = array.type.value_type if coded else array.type
    if not _is_class(kind):
        raise DataError(
            f"label column {quoted(name)} has type {printable(kind, 40)}, but class labels must be"
            " text or numbers: choose another column with labels=…"
        ).located(file)
    if not coded:
        array = array.dictionary_encode()
    codes: npt.NDArray[np.int64] = _numpy(array.indices.cast(pa.int64()), null=-1)
    return decode_labels(
        codes,
        array.dictionary.to_pylist(),
        lambda k: f"{file}: column {quoted(name)} in row {row + k + 1}",
        text_of,
    )


def _decoded(array: Array) -> Array:
    return array.dictionary_decode() if types.is_dictionary(array.type) else array


def is_text(kind: Any) -> bool:
    """Tests whether an Arrow type is text."""
    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


def _is_class(kind: Any) -> bool:
    number = types.is_floating(kind) or types.is_integer(kind) or types.is_decimal(kind)
    return is_text(kind) or number or types.is_boolean(kind) or types.is_null(kind)
