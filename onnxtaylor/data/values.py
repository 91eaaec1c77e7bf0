"""Cells to numbers and class names, and the checks that both must pass.

A label is text: whole numbers are written without a point (``1``, not ``1.0``), so that the same
events have the same classes in every format.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from math import isnan
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.data.columns import option, quoted
from onnxtaylor.errors import DataError, printable

__all__ = [
    "Floats",
    "Strings",
    "check_features",
    "check_weights",
    "decode_labels",
    "is_missing",
    "label_text",
    "not_numbers",
    "text_label",
]

Floats = npt.NDArray[np.float64]
Strings = npt.NDArray[np.str_]


def is_missing(x: npt.NDArray[Any], missing: float | None) -> npt.NDArray[np.bool_]:
    """Which entries stand for a missing value, as a mask of the shape of x; NaN equals NaN.

    A value that went through float32 (-999.1 → -999.0999755859375) is recognized too.
    """
    if missing is None:
        return np.zeros(x.shape, np.bool_)
    if isnan(missing):
        return np.asarray(np.isnan(x))
    with np.errstate(over="ignore"):
        rounded = float(np.float32(missing))
    return np.asarray((x == missing) | (x == rounded))


def label_text(value: object) -> str | None:
    """A class name from the value of a cell; None where it is missing.

    >>> label_text(1.0), label_text(0.5), label_text("s"), label_text(float("nan"))
    ('1', '0.5', 's', None)
    """
    if value is None or value == "":
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, (float, Decimal)):
        if value != value:  # NaN
            return None
        return str(int(value)) if value % 1 == 0 else repr(float(value))
    return str(value)


def text_label(text: str) -> str | None:
    """A class name from a cell of a text file, where a number is text too: ``1.0`` is ``1``."""
    try:
        # through float large numbers would fall together
        return str(int(text)) if text.lstrip("+-").isdecimal() else label_text(float(text))
    except ValueError:
        return label_text(text)


def decode_labels(
    codes: npt.NDArray[np.int64],
    values: Sequence[object],
    where: Callable[[int], str],
    text_of: Callable[[Any], str | None] = label_text,
) -> Strings:
    """Class names of events that carry ``values[code]``; code -1 is a missing label.

    ``where(k)`` names event k in the error that a missing label raises.
    """
    names = [text_of(value) for value in values]
    absent = np.array([name is None for name in names] + [True])  # code -1 finds the True
    if (bad := absent[codes]).any():
        raise DataError(
            f"{where(int(bad.argmax()))}: the label is missing: every event needs a class, "
            "or leave the label out"
        )
    return np.array([name or "" for name in names] or [""], dtype=np.str_)[codes]


def not_numbers(file: str, column: str, value: object, row: int, *, weight: bool) -> DataError:
    """The error for text where numbers are needed; rows count from 1."""
    found = f"({quoted(str(value))} in row {row}), not numbers"
    if weight:
        return DataError(f"{file}: weight column {quoted(column)} holds text {found}")
    return DataError(
        f"{file}: column {quoted(column)} holds text {found}: "
        f"drop it with --exclude {option(column)} or name the features with --features"
    )


def check_features(
    x: Floats,
    missing: float | None,
    where: Callable[[int, int], str],
    names: Sequence[str] | None = None,
) -> None:
    """Raises DataError for the first NaN (unless that means missing) or Inf in x, row by row.

    ``where(k, i)`` names the entry; with the columns' ``names`` --exclude is one more way out.
    """
    allowed = missing is not None and isnan(missing)
    bad = np.isinf(x) if allowed else ~np.isfinite(x)
    if not bad.any():
        return
    k, i = (int(v) for v in np.argwhere(bad)[0])
    exclude = "" if names is None else f"leave the column out with --exclude {option(names[i])}, "
    if np.isinf(x[k, i]):
        raise DataError(f"{where(k, i)} is {x[k, i]:+g}: {exclude}correct or drop the event")
    raise DataError(
        f"{where(k, i)} is NaN or empty: impute it, drop the event, {exclude}or say that NaN "
        "means missing, if the model takes it (missing=nan, --missing nan)"
    )


def check_weights(weights: Floats, where: Callable[[int], str]) -> None:
    """Raises DataError for the first weight that is not finite."""
    if (bad := ~np.isfinite(weights)).any():
        k = int(bad.argmax())
        value = "NaN or empty" if np.isnan(weights[k]) else f"{weights[k]:+g}"
        raise DataError(f"{where(k)} is {value}: every event needs a finite weight")


def kind_name(dtype: object) -> str:
    """What a column holds, in words fit for a message."""
    kind = getattr(dtype, "kind", "")
    known = {"U": "text", "S": "text", "T": "text", "O": "Python objects", "c": "complex numbers"}
    known |= {"M": "dates", "m": "durations", "V": "records"}
    return known.get(kind) or printable(dtype, 40)
