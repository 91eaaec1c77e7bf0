"""Arrays and data frames in memory as events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.data.columns import advise_exclusion, quoted
from onnxtaylor.data.context import check_context, coded_texts, context_numbers
from onnxtaylor.data.numbers import as_classes, is_number
from onnxtaylor.data.rechunk import check_size
from onnxtaylor.data.source import Batch
from onnxtaylor.data.values import Floats, Strings, check_features, check_weights, kind_name
from onnxtaylor.errors import DataError, is_unicode, printable

__all__ = ["ArraySource", "class_column", "is_frame", "plain_array", "weight_column"]

PIECE = 4096  # events of a part that are read at a time


class ArraySource:
    """Events in memory: an ``EventSource``.

    Parameters
    ----------
    x
        Numbers of shape (N, n), or a data frame, whose columns name the features unless
        ``feature_names`` do. It is kept as it is: each batch is a float64 copy of its events.
    weights
        Shape (N,); default: 1 for each event.
    labels
        Class labels, text or numbers, shape (N,).
    feature_names
        Names of the n features.
    missing
        Value that stands for a missing entry; if it is NaN, NaN is allowed in x.
    context
        Columns of context, shape (N,) each, by name: numbers, booleans or texts.

    Raises
    ------
    DataError
        Shapes do not fit, or there are text or Python objects in place of numbers; while batches
        are read, for NaN and Inf, naming the entry (counted from 0, as in Python).
    """

    def __init__(
        self,
        x: Any,
        *,
        weights: Any = None,
        labels: Any = None,
        feature_names: Sequence[str] | None = None,
        missing: float | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> None:
        self._x = _matrix(x)
        events, n = self._x.shape
        if n == 0:
            raise DataError(f"x has shape ({events}, 0), so there is no feature: add columns")
        self._names: tuple[str, ...] | None = None
        if feature_names is not None:
            self._names = _checked_names(tuple(map(str, feature_names)), n)
        elif is_frame(x):
            self._names = _checked_names(tuple(map(str, x.columns)), n)
        self._weights: npt.NDArray[Any] | None = None
        if weights is not None:
            self._weights = weight_column(weights, events)
        self._labels: Strings | None = None
        if labels is not None:
            self._labels = class_column(labels, events)
        self._missing = missing
        self._context: dict[str, Floats] = {}
        self._texts: dict[str, list[str]] = {}
        for name, values in (context or {}).items():
            self._add_context(name, values)

    @property
    def feature_names(self) -> Sequence[str] | None:
        """Names of the columns of x; None if they have none."""
        return self._names

    @property
    def context_names(self) -> Sequence[str]:
        """Names of the columns of context."""
        return tuple(self._context)

    @property
    def texts(self) -> Mapping[str, Sequence[str]]:
        """Texts of each column of texts by their code."""
        return self._texts

    @property
    def sizes(self) -> Mapping[str, tuple[int, ...]]:
        """No input is read as a whole: empty."""
        return {}

    @property
    def lengths(self) -> Mapping[str, str]:
        """No input is jagged: empty."""
        return {}

    @property
    def origins(self) -> Sequence[str]:
        """``("array",)``."""
        return ("array",)

    def __len__(self) -> int:
        return len(self._x)

    def batches(self, size: int) -> Iterator[Batch]:
        """Reads the events, exactly ``size`` in a batch; the last batch may have fewer.

        Raises DataError for NaN and Inf, OptionError for a size below 1.
        """
        check_size(size)
        return (self._batch(start, start + size) for start in range(0, len(self._x), size))

    def between(self, start: int, stop: int) -> Iterator[Batch]:
        """Reads the events numbered ``start`` to ``stop`` − 1, some at a time."""
        cuts = range(start, stop, PIECE)
        return (self._batch(first, min(first + PIECE, stop)) for first in cuts)

    def _batch(self, start: int, stop: int) -> Batch:
        part = slice(start, stop)
        with np.errstate(over="ignore"):  # a long double that float64 cannot hold becomes Inf
            x: Floats = np.array(self._x[part], np.float64, order="C")
        check_features(x, self._missing, lambda k, i: self._entry(start + k, i))
        if self._context:
            held = np.stack([values[part] for values in self._context.values()], axis=1)
            names = self.context_names
            check_context(held, lambda k, i: f"{names[i]}[{start + k}]")
            x = np.concatenate([x, held], axis=1)
        if self._weights is None:
            weights = np.ones(len(x))
        else:
            weights = np.array(self._weights[part], np.float64)
            check_weights(weights, lambda k: f"weights[{start + k}]")
        labels = None if self._labels is None else self._labels[part].copy()
        return Batch(x, weights, labels, np.arange(start, start + len(x), dtype=np.int64))

    def _add_context(self, name: str, given: Any) -> None:
        """Adds a column of context: texts as codes, or numbers."""
        what = f"context column {quoted(name)}"
        values = plain_array(given, what)
        if values.shape != (len(self),):
            raise DataError(
                f"{what} must have one entry for each of the {len(self)} events, got shape"
                f" {values.shape}"
            )

        def where(k: int) -> str:
            return f"{printable(name, 60)}[{k}]"

        first = values[0] if len(values) and values.dtype.kind == "O" else None
        if values.dtype.kind in "UST" or isinstance(first, str | bytes):
            coded = coded_texts(what, values, where)
            self._texts[name] = list(coded.values)
            self._context[name] = coded.codes.astype(np.float64)
        else:
            self._context[name] = context_numbers(what, values, where)

    def _entry(self, k: int, i: int) -> str:
        """Name of an entry of x for a message."""
        name = "" if self._names is None else f" (feature {quoted(self._names[i])})"
        return f"x[{k}, {i}]{name}"


def is_frame(x: Any) -> bool:
    """Tests whether x is a data frame of pandas or polars, without importing either."""
    return hasattr(x, "columns") and hasattr(x, "dtypes")


def weight_column(values: Any, events: int) -> npt.NDArray[Any]:
    """Returns event weights (N,). Raises DataError for another shape and for text."""
    return _numbers(_column(values, "weights", events), "weights")


def class_column(values: Any, events: int) -> Strings:
    """Returns class names (N,). Raises DataError for another shape and for a missing label."""
    column = _column(values, "labels", events)
    return as_classes("labels", column, lambda k: f"labels[{k}]")


def _matrix(x: Any) -> npt.NDArray[Any]:
    array = plain_array(x, "x")
    if array.ndim != 2:
        hint = ": reshape a single feature to (N, 1)" if array.ndim == 1 else ""
        raise DataError(
            f"x has shape {array.shape}, but must have the shape (events, features){hint}"
        )
    if not is_number(array.dtype) and is_frame(x):
        array = _frame_matrix(x)
    return _numbers(array, "x")


def _frame_matrix(frame: Any) -> npt.NDArray[Any]:
    """A data frame of mixed types as an array, column by column; missing values become NaN."""
    columns = []
    for i, name in enumerate(frame.columns):
        series = frame.iloc[:, i] if hasattr(frame, "iloc") else frame[name]
        if getattr(series.dtype, "kind", "O") not in "biuf":
            raise DataError(
                f"column {quoted(str(name))} of the data frame has type "
                f"{printable(series.dtype, 40)}, not numbers: encode it as numbers, or"
                f" leave it out with {advise_exclusion(str(name))}"
            )
        columns.append(plain_array(series, "x"))
    return np.stack(columns, axis=1)


def _column(values: Any, what: str, events: int) -> npt.NDArray[Any]:
    array = plain_array(values, what)
    if array.shape != (events,):
        raise DataError(
            f"must have one entry for each of the {events} events of x, shape ({events},), got"
            f" shape {array.shape}",
            option=what,
        )
    return array


def plain_array(values: Any, what: str) -> npt.NDArray[Any]:
    """Returns a plain array, without a copy if possible; masked and null numbers become NaN."""
    kind = getattr(getattr(values, "dtype", None), "kind", "")
    try:
        if isinstance(values, np.ma.MaskedArray):
            return np.ma.filled(np.ma.asarray(values, np.float64), np.nan)
        # nullable types of pandas have the kind of the numbers, but become Python objects in NumPy
        if kind in tuple("biuf") and hasattr(values, "isna") and values.isna().any():
            return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))
        if kind in tuple("biuf") and not isinstance(values, np.ndarray):
            return np.asarray(values, np.dtype(getattr(values.dtype, "numpy_dtype", values.dtype)))
        return np.asarray(values)
    except (ValueError, TypeError) as error:
        raise DataError(f"{what} cannot be converted to an array: {printable(error)}") from None


def _numbers(array: npt.NDArray[Any], what: str) -> npt.NDArray[Any]:
    if not is_number(array.dtype):
        kind, name = kind_name(array.dtype), printable(array.dtype, 40)
        holds = kind if kind == name else f"{kind} (type {name})"
        raise DataError(f"{what} must hold numbers, got {holds}")
    return array


def _checked_names(names: tuple[str, ...], n: int) -> tuple[str, ...]:
    """Checks that there are n different names, and returns them."""
    if len(names) != n:
        raise DataError(
            f"must have one name for each of the {n} columns of x, got {len(names)}",
            option="feature_names",
        )
    for place, name in enumerate(names):
        if name in names[:place]:
            raise DataError(
                f"feature {quoted(name)} is named twice: give each feature its own name"
            )
        if not is_unicode(name):
            raise DataError(f"the name of feature {quoted(name)} is no Unicode: give it another")
    return names
