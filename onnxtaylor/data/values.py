"""Converts cells to numbers and class names, and checks both.

A label is text: whole numbers are written without a point (``1``, not ``1.0``), so that the same
events have the same classes in every format.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from decimal import Decimal
from math import isnan
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.data.columns import advise_exclusion, quoted
from onnxtaylor.errors import DataError, is_unicode, printable

__all__ = [
    "Floats",
    "Strings",
    "check_features",
    "check_weights",
    "decode_labels",
    "is_missing",
    "kind_name",
    "label_text",
    "not_numbers",
    "require_letters",
    "text_label",
]

Floats = npt.NDArray[np.float64]
Strings = npt.NDArray[np.str_]


def is_missing(x: npt.NDArray[Any], missing: float | Floats | None) -> npt.NDArray[np.bool_]:
    """Finds the entries that stand for a missing value.

    Parameters
    ----------
    x
        Numbers of any shape.
    missing
        The value of missing entries, None if there is none; or one for each feature, x being
        (…, n) then, with fewer columns where the last ones are context. NaN equals NaN, and a value
        that went through float32 (-999.1 → -999.0999755859375) is recognized too.

    Returns
    -------
    Mask of the shape of x.
    """
    if missing is None:
        return np.zeros(x.shape, np.bool_)
    if isinstance(missing, np.ndarray):
        each = missing[: x.shape[-1]]
        with np.errstate(over="ignore"):
            near = each.astype(np.float32).astype(np.float64)
        return np.asarray((x == each) | (x == near) | (np.isnan(x) & np.isnan(each)))
    if isnan(missing):
        return np.asarray(np.isnan(x))
    with np.errstate(over="ignore"):
        rounded = float(np.float32(missing))
    return np.asarray((x == missing) | (x == rounded))


def label_text(value: object) -> str | None:
    """Returns the class name of a cell's value; None if the value is missing.

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
    """Returns the class name of a cell of a text file, where a number is text: ``1.0`` is ``1``."""
    try:
        # whole numbers not through float: above 2⁵³ different ones would become equal
        return str(int(text)) if text.lstrip("+-").isdecimal() else label_text(float(text))
    except ValueError:
        return label_text(text)


def require_letters(values: npt.NDArray[Any], where: Callable[[int], str]) -> None:
    """Raises DataError where a text (B,) of NumPy holds a number that is no letter of Unicode.

    Arrays in memory and files of NumPy may hold any 32 bits; Python cannot say them.
    """
    if values.dtype.kind != "U" or not values.size or not values.dtype.itemsize:
        return
    flat = np.ascontiguousarray(values).view(np.uint32).reshape(len(values), -1)
    wrong = (flat > sys.maxunicode).any(axis=1)
    if wrong.any():
        raise DataError(
            f"{where(int(wrong.argmax()))} is no text: it has letters beyond Unicode; is the data"
            " damaged?"
        )


def decode_labels(
    codes: npt.NDArray[np.int64],
    values: Sequence[object],
    where: Callable[[int], str],
    text_of: Callable[[Any], str | None] = label_text,
) -> Strings:
    """Returns the class names of events that are stored as codes.

    Parameters
    ----------
    codes
        Shape (B,): event k has the label ``values[codes[k]]``; the code -1 is a missing label.
    values
        The distinct labels.
    where
        ``where(k)`` names the label of event k in messages.
    text_of
        Makes a class name of a value, None if the value is missing.

    Raises
    ------
    DataError
        A label is missing, or no Unicode.
    """
    names = [text_of(value) for value in values]
    absent = np.array([name is None for name in names] + [True])  # code -1 picks the last: True
    if (bad := absent[codes]).any():
        raise DataError(
            f"{where(int(bad.argmax()))} is NaN or empty: every event needs a class label; fill"
            " it in, or run without labels=…"
        )
    wrong = np.array([not is_unicode(name or "") for name in names] + [False])
    if (bad := wrong[codes]).any():
        raise DataError(f"{where(int(bad.argmax()))} is no Unicode: is the data damaged?")
    return np.array([name or "" for name in names] or [""], dtype=np.str_)[codes]


def not_numbers(column: str, kind: str, *, weight: bool, example: str = "") -> DataError:
    """Makes the error for a column that holds no numbers.

    Parameters
    ----------
    column
        Name of the column.
    kind
        What it holds instead, such as ``text``.
    weight
        Whether the column is the weight; else it is a feature.
    example
        A value and its row, such as ``'abc' in row 1``.
    """
    holds = f"holds {kind}{f' ({example})' if example else ''}, not numbers"
    if weight:
        return DataError(
            f"weight column {quoted(column)} {holds}: choose another column with weights=…"
        )
    return DataError(
        f"column {quoted(column)} {holds}: leave it out with {advise_exclusion(column)}, or name"
        " the features with feature_names=…"
    )


def check_features(
    x: Floats,
    missing: float | None,
    where: Callable[[int, int], str],
    names: Sequence[str] | None = None,
) -> None:
    """Checks that all features are finite.

    Parameters
    ----------
    x
        Features, shape (B, n).
    missing
        The value of missing entries: if it is NaN, NaN is allowed.
    where
        ``where(k, i)`` names the entry of event k and feature i in messages.
    names
        Names of the n columns, if a column can be left out: then the message advises that too.

    Raises
    ------
    DataError
        Names the first entry that is NaN (unless NaN means missing) or infinite, row by row.
    """
    allowed = missing is not None and isnan(missing)
    bad = np.isinf(x) if allowed else ~np.isfinite(x)
    if not bad.any():
        return
    k, i = (int(v) for v in np.argwhere(bad)[0])
    exclude = ""
    if names is not None:
        exclude = f", or leave the column out with {advise_exclusion(names[i])}"
    if np.isinf(x[k, i]):
        raise DataError(
            f"{where(k, i)} is {x[k, i]:+g}: correct the value or drop the event{exclude}"
        )
    raise DataError(
        f"{where(k, i)} is NaN or empty: fill in a value or drop the event{exclude}, or, if the"
        " model accepts NaN as a missing value, use missing=nan"
    )


def check_weights(weights: Floats, where: Callable[[int], str]) -> None:
    """Checks that all weights (B,) are finite.

    Raises DataError for the first that is not; ``where(k)`` names the weight of event k.
    """
    if (bad := ~np.isfinite(weights)).any():
        k = int(bad.argmax())
        value = "NaN or empty" if np.isnan(weights[k]) else f"{weights[k]:+g}"
        raise DataError(
            f"{where(k)} is {value}: every event needs a finite weight; correct it or drop the"
            " event"
        )


def kind_name(dtype: object) -> str:
    """Noun for the values of a column of this NumPy type, such as ``text``, for messages."""
    kind = getattr(dtype, "kind", "")
    names = {"U": "text", "S": "text", "T": "text", "O": "Python objects", "c": "complex numbers"}
    names |= {"M": "dates", "m": "durations", "V": "records"}
    return names.get(kind) or printable(dtype, 40)
