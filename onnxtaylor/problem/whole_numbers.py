"""Whole numbers and truth values that would reach the model as other ones.

All inputs are fed in one row, in the format of the features: beside float32 features a whole number
beyond 2²⁴ would become another one, for both engines alike. ONNX' Cast cuts off fractions, wraps
numbers that its type does not hold, and takes all but 0 for true, such as −1 or −999. Nothing would
tell, so such data are refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper

from onnxtaylor.data import EventSource, Survey
from onnxtaylor.errors import DataError, printable
from onnxtaylor.graph import Choice, LoadedModel, Port, stored_names
from onnxtaylor.graph.layout import lay_out
from onnxtaylor.options import ModelOptions
from onnxtaylor.problem.events import FEATURE_KEYS, rows_of

__all__ = ["require_whole", "whole_rows_of"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

EXACT = 2.0**24  # float32 has every whole number up to here


@dataclass(frozen=True)
class _Column:
    """The column at a ``place`` of the row.

    It is cast to ``kind``, a type of whole numbers or truth values, None for others; ``narrow``:
    and was fed in float32, though its input holds more.
    """

    place: int
    port: Port
    kind: np.dtype[Any] | None
    narrow: bool

    def changed(self, x: Floats) -> Flags:
        """Whether these entries would reach the model as others."""
        lost = np.zeros(x.shape, np.bool_)
        if self.narrow:
            with np.errstate(over="ignore"):
                lost |= (np.abs(x) > EXACT) & (x.astype(np.float32) != x) & (x == np.rint(x))
        if self.kind is not None:
            low, high = _limits(self.kind)
            lost |= (x != np.rint(x)) | (x < low) | (x > high)
        return lost


def require_whole(model: LoadedModel, choice: Choice, source: EventSource, survey: Survey) -> None:
    """Raises DataError for the first number that a model would be given as another one.

    Looked at are inputs of whole numbers and truth values, and context in float64 beside features
    in float32. The data are read once more only where the survey leaves it open.
    """
    n_columns = len(survey.largest)
    suspects = [
        column for column in _columns(model, choice, n_columns) if _may_change(column, survey)
    ]
    if not suspects:
        return
    names = _names(model, source, n_columns)
    for batch in source.batches(2**16):
        _refuse_changed(suspects, batch.x, batch.numbers, names)


def whole_rows_of(
    model: LoadedModel, choice: Choice, options: ModelOptions, x: Mapping[str, Any]
) -> Floats:
    """Returns the rows (B, n) of events that are given as one array per input.

    Raises DataError as ``rows_of`` and ``require_whole`` do.
    """
    rows = rows_of(model, choice, options, x)
    columns = list(_columns(model, choice, rows.shape[1]))
    names = {column.place: column.port.name for column in columns}
    _refuse_changed(columns, rows, np.arange(len(rows)), names)
    return rows


def _refuse_changed(
    columns: Sequence[_Column],
    x: Floats,
    numbers: npt.NDArray[np.int64],
    names: Mapping[int, str],
) -> None:
    """Raises DataError for the first of the entries x (B, n) that the model would be given changed.

    ``numbers`` (B,) count the events, ``names`` are those of the columns by their place.
    """
    for column in columns:
        entries = x[:, column.place]
        lost = column.changed(entries)
        if lost.any():
            k = int(lost.argmax())
            name = names[column.place]
            raise DataError(_message(column, float(entries[k]), int(numbers[k]), name))


def _columns(model: LoadedModel, choice: Choice, n_columns: int) -> Iterator[_Column]:
    """Lists columns of whole numbers and of doubles; none where inputs do not fit the data."""
    ports = (*choice.features, *choice.context)
    if not any(_is_exact(port) or port.type == TensorProto.DOUBLE for port in ports):
        return
    known = n_columns - choice.data.unfed
    layout = lay_out(ports, printable(model.path), known)
    if layout.n_features > known:
        return
    start = 0
    for k, (port, sizes) in enumerate(zip(ports, layout.sizes, strict=True)):
        context = k >= len(choice.features)
        narrow = not choice.is_double and (port.is_whole or port.type == TensorProto.DOUBLE)
        # finite steps move whole numbers that are features: what lies between is their matter
        kind = helper.tensor_dtype_to_np_dtype(port.type) if _is_exact(port) and context else None
        if kind is not None or (narrow and (context or port.is_whole)):
            for place in range(start, start + prod(sizes)):
                yield _Column(place, port, kind, narrow)
        start += prod(sizes)


def _is_exact(port: Port) -> bool:
    return port.is_whole or port.type == TensorProto.BOOL


def _may_change(column: _Column, survey: Survey) -> bool:
    """Whether the survey leaves it open that entries of a column would be changed."""
    i = column.place
    largest = float(survey.largest[i])
    if column.narrow and largest > EXACT:
        return True
    if column.kind is None:
        return False
    low, high = _limits(column.kind)
    if survey.missing[i] or not survey.whole[i] or largest > high:
        return True
    return bool(survey.min[i] < low)


def _limits(kind: np.dtype[Any]) -> tuple[int, int]:
    """Returns the smallest and the largest number of a type: 0 and 1 for truth values."""
    if kind == np.bool_:
        return 0, 1
    limits = np.iinfo(kind)
    return int(limits.min), int(limits.max)


def _names(model: LoadedModel, source: EventSource, n_columns: int) -> Mapping[int, str]:
    """Names the columns of the row by their place."""
    context = tuple(getattr(source, "context_names", ()))
    n = n_columns - len(context)
    features = source.feature_names or stored_names(model.proto, FEATURE_KEYS) or ()
    shown = features if len(features) == n else [f"x{i}" for i in range(n)]
    return dict(enumerate([*shown, *context]))


def _message(column: _Column, value: float, number: int, name: str) -> str:
    port = column.port
    where = (
        f"column '{printable(name)}' is {value:.17g} at event {number} (counted from"
        f" 0), and input '{printable(port.name)}'"
    )
    if column.kind is not None:
        if column.kind == np.bool_:
            return f"{where} takes truth values: save them as 0 and 1, or as true and false"
        low, high = _limits(column.kind)
        if value != np.rint(value):
            return (
                f"{where} takes whole numbers ({port.type_name}): a fraction would be cut off;"
                " save the numbers that it was trained with"
            )
        if not low <= value <= high:
            return (
                f"{where} holds {port.type_name}, from {low} to {high}: save the"
                " numbers that it was trained with"
            )
    return (
        f"{where} is fed beside features in float32, which has not every whole number beyond"
        f" {EXACT:.0f}: number its values anew from 0, or export the model with features in float64"
    )
