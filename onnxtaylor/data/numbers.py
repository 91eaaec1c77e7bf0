"""NumPy columns to numbers and class names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.data.columns import option, quoted
from onnxtaylor.data.values import Floats, Strings, decode_labels, kind_name
from onnxtaylor.errors import DataError, printable

__all__ = ["as_classes", "as_floats", "is_number"]


def is_number(dtype: np.dtype[Any]) -> bool:
    """Whether a column of this type holds real numbers (bool, int, float)."""
    return dtype.kind in "biuf" and dtype.subdtype is None


def as_floats(file: str, name: str, values: npt.NDArray[Any], *, weight: bool = False) -> Floats:
    """A column as float64. Raises DataError for any type but bool, int and float."""
    if not is_number(values.dtype):
        kind = kind_name(values.dtype)
        if values.dtype.kind in "US" and len(values):
            text = values[0].decode(errors="replace") if values.dtype.kind == "S" else values[0]
            kind += f" ({quoted(text)} in row 1)"
        out = (
            "choose another weight"
            if weight
            else f"drop it with --exclude {option(name)} or name the features with --features"
        )
        raise DataError(f"{file}: column {quoted(name)} holds {kind}, not numbers: {out}")
    with np.errstate(over="ignore"):
        return np.asarray(values, np.float64)


def as_classes(what: str, values: npt.NDArray[Any], where: Callable[[int], str]) -> Strings:
    """A column as class names.

    ``what`` names the column and ``where(k)`` its entry k in the DataError that a column of another
    type than text or numbers, or a missing label, raises.
    """
    if values.dtype.kind in "OT":
        return _from_objects(what, values, where)
    if values.dtype.subdtype is not None or values.dtype.kind not in "biufUS":
        raise DataError(f"{what} holds {kind_name(values.dtype)}: classes are text or numbers")
    distinct, codes = np.unique(values, return_inverse=True)
    return decode_labels(codes.reshape(-1), distinct.tolist(), where)


def _from_objects(what: str, values: npt.NDArray[Any], where: Callable[[int], str]) -> Strings:
    """Python objects: text, numbers, and None or NaN for a missing one."""
    place: dict[tuple[type, object], int] = {}
    codes = np.empty(len(values), np.int64)
    for k, value in enumerate(values.tolist()):
        if value is None or type(value).__name__ in ("NAType", "NaTType"):  # pandas
            codes[k] = -1
        elif isinstance(value, (str, bytes, bool, int, float, np.generic)):
            codes[k] = place.setdefault((type(value), value), len(place))
        else:
            kind = printable(type(value).__name__, 40)
            raise DataError(f"{what} holds {kind} objects: classes are text or numbers")
    return decode_labels(codes, [value for _, value in place], where)
