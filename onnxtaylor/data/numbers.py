"""NumPy columns to numbers and class names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.data.columns import quoted
from onnxtaylor.data.values import (
    Floats,
    Strings,
    decode_labels,
    kind_name,
    not_numbers,
    require_letters,
)
from onnxtaylor.errors import DataError, printable

__all__ = ["as_classes", "as_floats", "is_number"]


def is_number(dtype: np.dtype[Any]) -> bool:
    """Tests whether a column of this type holds real numbers (bool, int, float)."""
    return dtype.kind in "biuf" and dtype.subdtype is None


def as_floats(file: str, name: str, values: npt.NDArray[Any], *, weight: bool = False) -> Floats:
    """Converts a column (B,) of a file to float64.

    Raises DataError for any type but bool, int and float; ``weight`` says that it is the weight.
    """
    if not is_number(values.dtype):
        example = ""
        if values.dtype.kind in "US" and len(values):
            require_letters(values[:1], lambda k: f"{file}: column {quoted(name)} in row {k + 1}")
            text = values[0].decode(errors="replace") if values.dtype.kind == "S" else values[0]
            example = f"{quoted(text)} in row 1"
        kind = kind_name(values.dtype)
        raise not_numbers(name, kind, weight=weight, example=example).located(file)
    with np.errstate(over="ignore"):  # what float64 cannot hold becomes Inf, which is checked later
        return np.asarray(values, np.float64)


def as_classes(what: str, values: npt.NDArray[Any], where: Callable[[int], str]) -> Strings:
    """Converts a column (B,) to class names.

    ``what`` names the column, and ``where(k)`` its entry k, in the DataError that is raised for
    anything but text and numbers, and for a missing label.
    """
    if values.dtype.kind in "OT":
        return _classes_of_objects(what, values, where)
    if values.dtype.subdtype is not None or values.dtype.kind not in "biufUS":
        raise _not_classes(what, kind_name(values.dtype))
    require_letters(values, where)
    distinct, codes = np.unique(values, return_inverse=True)
    return decode_labels(codes.reshape(-1), distinct.tolist(), where)


def _classes_of_objects(
    what: str, values: npt.NDArray[Any], where: Callable[[int], str]
) -> Strings:
    """Class names of Python objects: text, numbers, and None or NaN for a missing label."""
    # by type too, since True == 1 == 1.0; np.unique cannot sort text among numbers
    codes_of: dict[tuple[type, object], int] = {}
    codes = np.empty(len(values), np.int64)
    for k, value in enumerate(values.tolist()):
        if value is None or type(value).__name__ in ("NAType", "NaTType"):  # of pandas
            codes[k] = -1
        elif isinstance(value, (str, bytes, bool, int, float, np.generic)):
            codes[k] = codes_of.setdefault((type(value), value), len(codes_of))
        else:
            raise _not_classes(what, f"{printable(type(value).__name__, 40)} objects")
    return decode_labels(codes, [value for _, value in codes_of], where)


def _not_classes(what: str, kind: str) -> DataError:
    return DataError(f"{what} holds {kind}: class labels must be text or numbers")
