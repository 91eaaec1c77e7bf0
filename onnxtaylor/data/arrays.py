"""Arrays and data frames in memory as events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.data.columns import quoted
from onnxtaylor.data.numbers import as_classes, is_number
from onnxtaylor.data.rechunk import check_size
from onnxtaylor.data.source import Batch
from onnxtaylor.data.values import Floats, Strings, check_features, check_weights, kind_name
from onnxtaylor.errors import DataError, printable

__all__ = ["ArraySource"]


class ArraySource:
    """Events in memory: an ``EventSource``.

    ``x`` is an array of numbers of shape (N, n), or a data frame, whose columns name the features
    unless ``feature_names`` do. ``weights`` (N,) are 1 by default; ``labels`` (N,) are text or
    numbers. ``missing`` as NaN allows NaN in x. The arrays are kept as they are: each batch is a
    fresh float64 copy of its events alone.

    Raises DataError for shapes that do not fit, for text and Python objects, and while batches
    are read for NaN and Inf, naming the entry (counted from 0, as in Python).
    """

    def __init__(
        self,
        x: Any,
        *,
        weights: Any = None,
        labels: Any = None,
        feature_names: Sequence[str] | None = None,
        missing: float | None = None,
    ) -> None:
        self._x = _matrix(x)
        events, n = self._x.shape
        if n == 0:
            raise DataError(f"x has shape ({events}, 0): there is no feature")
        if feature_names is None and _is_frame(x):
            feature_names = [str(name) for name in x.columns]
        self._names = None if feature_names is None else _checked_names(feature_names, n)
        self._weights: npt.NDArray[Any] | None = None
        if weights is not None:
            self._weights = _numbers(_column(weights, "weights", events), "weights")
        self._labels: Strings | None = None
        if labels is not None:
            column = _column(labels, "labels", events)
            self._labels = as_classes("labels", column, lambda k: f"labels[{k}]")
        self._missing = missing

    @property
    def feature_names(self) -> Sequence[str] | None:
        """Names of the columns of x; None where nobody named them."""
        return self._names

    @property
    def origins(self) -> Sequence[str]:
        """``("array",)``."""
        return ("array",)

    def __len__(self) -> int:
        return len(self._x)

    def batches(self, size: int) -> Iterator[Batch]:
        """Exactly ``size`` events a batch, the last may have fewer.

        Raises DataError for NaN and Inf, OptionError for a size below 1.
        """
        check_size(size)
        return (self._batch(start, size) for start in range(0, len(self._x), size))

    def _batch(self, start: int, size: int) -> Batch:
        part = slice(start, start + size)
        with np.errstate(over="ignore"):  # a long double that float64 cannot hold becomes Inf
            x: Floats = np.array(self._x[part], np.float64, order="C")
        check_features(x, self._missing, lambda k, i: self._entry(start + k, i))
        if self._weights is None:
            weights = np.ones(len(x))
        else:
            weights = np.array(self._weights[part], np.float64)
            check_weights(weights, lambda k: f"weights[{start + k}]")
        labels = None if self._labels is None else self._labels[part].copy()
        return Batch(x, weights, labels, np.arange(start, start + len(x), dtype=np.int64))

    def _entry(self, k: int, i: int) -> str:
        name = "" if self._names is None else f" (feature {quoted(self._names[i])})"
        return f"x[{k}, {i}]{name}"


def _matrix(x: Any) -> npt.NDArray[Any]:
    array = _plain(x, "x")
    if array.ndim != 2:
        hint = ": reshape a single feature to (N, 1)" if array.ndim == 1 else ""
        raise DataError(f"x has shape {array.shape}, it must be (events, features){hint}")
    if not is_number(array.dtype) and _is_frame(x):
        array = _frame_matrix(x)
    return _numbers(array, "x")


def _frame_matrix(frame: Any) -> npt.NDArray[Any]:
    """A frame of mixed types, column by column; its missing values become NaN."""
    columns = []
    for i, name in enumerate(frame.columns):
        series = frame.iloc[:, i] if hasattr(frame, "iloc") else frame[name]
        if getattr(series.dtype, "kind", "O") not in "biuf":
            raise DataError(
                f"x: column {quoted(str(name))} of the data frame has type "
                f"{printable(series.dtype, 40)}, not numbers: drop or encode it"
            )
        columns.append(_plain(series, "x"))
    return np.stack(columns, axis=1)


def _column(values: Any, what: str, events: int) -> npt.NDArray[Any]:
    array = _plain(values, what)
    if array.shape != (events,):
        raise DataError(
            f"{what} have shape {array.shape}, x has {events} events: they must be ({events},)"
        )
    return array


def _plain(values: Any, what: str) -> npt.NDArray[Any]:
    """As a plain array, without a copy where there can be; masked and null numbers are NaN."""
    kind = getattr(getattr(values, "dtype", None), "kind", "")
    try:
        if isinstance(values, np.ma.MaskedArray):
            return np.ma.filled(np.ma.asarray(values, np.float64), np.nan)
        if kind in tuple("biuf") and hasattr(values, "isna") and values.isna().any():
            return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))
        if kind in tuple("biuf") and not isinstance(values, np.ndarray):
            return np.asarray(values, np.dtype(getattr(values.dtype, "numpy_dtype", values.dtype)))
        return np.asarray(values)
    except (ValueError, TypeError) as error:
        raise DataError(f"{what} cannot be made an array: {printable(error)}") from None


def _numbers(array: npt.NDArray[Any], what: str) -> npt.NDArray[Any]:
    if not is_number(array.dtype):
        raise DataError(
            f"{what} of type {printable(array.dtype, 40)} ({kind_name(array.dtype)}): "
            "numbers are needed"
        )
    return array


def _is_frame(x: Any) -> bool:
    """A pandas or polars data frame, told without importing either."""
    return hasattr(x, "columns") and hasattr(x, "dtypes")


def _checked_names(names: Sequence[str], n: int) -> tuple[str, ...]:
    names = tuple(str(name) for name in names)
    if len(names) != n:
        raise DataError(f"{len(names)} feature names for {n} columns of x")
    for place, name in enumerate(names):
        if name in names[:place]:
            raise DataError(f"feature {quoted(name)} is named twice")
    return names
