"""Cells of context: whole numbers that must be exact, and texts as codes.

A whole number is fed to the model as a float64 of the row, which holds it exactly up to 2⁵³; beyond
it is refused. A text becomes its number in the order of first appearance, counted from 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from onnxtaylor.data.columns import quoted
from onnxtaylor.data.values import Floats, kind_name, require_letters
from onnxtaylor.errors import DataError

__all__ = [
    "EXACT",
    "Coded",
    "TextCodes",
    "beyond_exact",
    "check_context",
    "coded_texts",
    "context_numbers",
    "refuse_inexact",
    "refuse_missing",
    "refuse_numbers",
    "refuse_text",
]

EXACT = 2**53  # float64 has every whole number up to here

Where = Callable[[int], str]


@dataclass(frozen=True, eq=False)
class Coded:
    """Texts of events: event k has ``values[codes[k]]``; values in order of first appearance."""

    codes: npt.NDArray[np.int64]
    values: tuple[str, ...]


class TextCodes:
    """Codes of the texts of some columns, which stay the same in every pass over the data.

    Attributes
    ----------
    texts
        Texts of each column by their code.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self.texts: dict[str, list[str]] = {name: [] for name in columns}
        self._codes: dict[str, dict[str, int]] = {name: {} for name in columns}

    def code(self, name: str, coded: Coded) -> Floats:
        """Returns the codes (B,) of a column's texts, new ones in the order of appearance."""
        codes, texts = self._codes[name], self.texts[name]
        for value in coded.values:
            if value not in codes:
                codes[value] = len(texts)
                texts.append(value)
        known = np.array([codes[value] for value in coded.values], np.float64)
        return known[coded.codes] if len(coded.codes) else np.empty(0)


def coded_texts(what: str, values: npt.NDArray[Any], where: Where) -> Coded:
    """Codes a NumPy column (B,) of texts or whole numbers.

    ``what`` names the column, ``where(k)`` its entry k, in the DataError for other values.
    """
    if values.dtype.kind in "OT":
        values = _text_objects(what, values, where)
    elif values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8", "replace")
    elif values.dtype.kind not in "Uiu":
        refuse_numbers(what, kind_name(values.dtype))
    require_letters(values, where)
    distinct, first, codes = np.unique(values, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return Coded(place[codes.reshape(-1)], tuple(str(v) for v in distinct[order].tolist()))


def context_numbers(what: str, values: npt.NDArray[Any], where: Where) -> Floats:
    """Converts a NumPy column (B,) of numbers or booleans to float64.

    Raises DataError for text, other objects, and whole numbers that float64 does not hold.
    """
    kind = values.dtype.kind
    if kind == "O":
        values = _number_objects(what, values, where)
        kind = values.dtype.kind
    if kind not in "biuf" or values.dtype.subdtype is not None:
        refuse_text(what, kind_name(values.dtype))
    if kind in "iu" and (large := beyond_exact(values)).any():
        k = int(large.argmax())
        refuse_inexact(where(k), values[k])
    return np.asarray(values, np.float64)


def beyond_exact(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Finds the whole numbers of an array of integers that are beyond ±2⁵³."""
    large = values > EXACT
    # not through abs, which is wrong for the smallest number
    return np.asarray(large | (values < -EXACT) if values.dtype.kind == "i" else large)


def check_context(x: Floats, where: Callable[[int, int], str]) -> None:
    """Checks that context (B, m) is finite; ``where(k, i)`` names the entry of event k, column i.

    Raises DataError for the first entry that is not.
    """
    if (bad := ~np.isfinite(x)).any():
        k, i = (int(v) for v in np.argwhere(bad)[0])
        refuse_missing(where(k, i), "NaN or empty" if np.isnan(x[k, i]) else f"{x[k, i]:+g}")


def refuse_missing(where: str, value: str = "empty") -> NoReturn:
    """Raises DataError for an entry of context that is missing or infinite."""
    raise DataError(
        f"{where} is {value}: every event needs a value of its context; fill it in, or drop the"
        " event"
    )


def refuse_inexact(where: str, value: object) -> NoReturn:
    """Raises DataError for a whole number that float64 does not hold."""
    raise DataError(
        f"{where} is {value}: whole numbers beyond ±2^53 are not exact in a row of numbers; number"
        " its values anew from 0"
    )


def refuse_text(what: str, kind: str) -> NoReturn:
    """Raises DataError for a column of context that should hold numbers."""
    raise DataError(
        f"{what} holds {kind}, but the model takes numbers there: save them as numbers or booleans"
    )


def refuse_numbers(what: str, kind: str) -> NoReturn:
    """Raises DataError for a column of context that should hold texts."""
    raise DataError(
        f"{what} holds {kind}, but the model takes texts there: save the texts that it was trained"
        " with"
    )


def _is_null(value: object) -> bool:
    """Whether a Python object stands for a missing value."""
    return value is None or type(value).__name__ in ("NAType", "NaTType") or value != value


def _text_objects(what: str, values: npt.NDArray[Any], where: Where) -> npt.NDArray[Any]:
    texts = []
    for k, value in enumerate(values.tolist()):
        if _is_null(value):
            refuse_missing(where(k))
        if isinstance(value, bytes):
            value = value.decode(errors="replace")
        elif isinstance(value, int | np.integer) and not isinstance(value, bool):
            value = str(value)
        elif not isinstance(value, str):
            refuse_numbers(what, f"{quoted(str(value))} ({type(value).__name__})")
        texts.append(value)
    return np.array(texts, np.dtypes.StringDType())


def _number_objects(what: str, values: npt.NDArray[Any], where: Where) -> npt.NDArray[Any]:
    numbers = np.empty(len(values))
    for k, value in enumerate(values.tolist()):
        if _is_null(value):
            refuse_missing(where(k), "NaN or empty")
        if not isinstance(value, bool | int | float | np.generic):
            refuse_text(what, f"{quoted(str(value))} ({type(value).__name__})")
        if isinstance(value, int | np.integer) and abs(int(value)) > EXACT:
            refuse_inexact(where(k), value)
        numbers[k] = value
    return numbers
