"""Whole numbers that would reach the model as other ones.

All inputs are fed in one row, in the format of the features: beside float32 features a whole number
beyond 2²⁴ would become another one, for both engines alike. ONNX' Cast cuts off fractions, and
wraps numbers that its type does not hold. Nothing would tell, so such data are refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper

from onnxtaylor.data import EventSource, Survey
from onnxtaylor.errors import DataError, printable
from onnxtaylor.graph import Choice, LoadedModel, Port, stored_names
from onnxtaylor.graph.layout import lay_out
from onnxtaylor.problem.events import FEATURE_KEYS

__all__ = ["require_whole"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

EXACT = 2.0**24  # float32 has every whole number up to here


@dataclass(frozen=True)
class _Column:
    """The column at a ``place`` of the row, which is cast to ``kind``; None: to no whole number."""

    place: int
    port: Port
    kind: np.dtype[np.generic] | None
    narrow: bool

    def changed(self, x: Floats) -> Flags:
        """Whether these entries would reach the model as others."""
        lost = np.zeros(x.shape, np.bool_)
        if self.narrow:
            with np.errstate(over="ignore"):
                lost |= (np.abs(x) > EXACT) & (x.astype(np.float32) != x) & (x == np.rint(x))
        if self.kind is not None:
            limits = np.iinfo(self.kind)
            lost |= (x != np.rint(x)) | (x < limits.min) | (x > limits.max)
        return lost


def require_whole(model: LoadedModel, choice: Choice, source: EventSource, survey: Survey) -> None:
    """Raises DataError for the first number that a model would be given as another one.

    Looked at are inputs of whole numbers, and context in float64 beside features in float32. The
    data are read once more only where the survey shows that there may be such a number.
    """
    n_columns = len(survey.largest)
    suspects = [
        column for column in _columns(model, choice, n_columns) if _may_change(column, survey)
    ]
    if not suspects:
        return
    for batch in source.batches(2**16):
        for column in suspects:
            lost = column.changed(batch.x[:, column.place])
            if lost.any():
                k = int(lost.argmax())
                number, value = int(batch.numbers[k]), float(batch.x[k, column.place])
                names = _names(model, source, n_columns)
                raise DataError(_message(column, value, number, names))


def _columns(model: LoadedModel, choice: Choice, n_columns: int) -> Iterator[_Column]:
    """Lists columns of whole numbers and of doubles; none where inputs do not fit the data."""
    ports = (*choice.features, *choice.context)
    if not any(p.is_whole or p.type == TensorProto.DOUBLE for p in ports):
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
        kind = helper.tensor_dtype_to_np_dtype(port.type) if port.is_whole and context else None
        if kind is not None or (narrow and (context or port.is_whole)):
            for place in range(start, start + prod(sizes)):
                yield _Column(place, port, kind, narrow)
        start += prod(sizes)


def _may_change(column: _Column, survey: Survey) -> bool:
    """Whether the survey leaves it open that entries of a column would be changed."""
    i = column.place
    largest = float(survey.largest[i])
    if column.narrow and largest > EXACT:
        return True
    if column.kind is None:
        return False
    limits = np.iinfo(column.kind)
    if survey.missing[i] or not survey.whole[i] or largest > limits.max:
        return True
    return bool(survey.min[i] < limits.min)


def _names(model: LoadedModel, source: EventSource, n_columns: int) -> Sequence[str]:
    context = tuple(getattr(source, "context_names", ()))
    n = n_columns - len(context)
    features = source.feature_names or stored_names(model.proto, FEATURE_KEYS) or ()
    return [*(features if len(features) == n else [f"x{i}" for i in range(n)]), *context]


def _message(column: _Column, value: float, number: int, names: Sequence[str]) -> str:
    port = column.port
    where = (
        f"column '{printable(names[column.place])}' is {value:.17g} at event {number} (counted from"
        f" 0), and input '{printable(port.name)}'"
    )
    if column.kind is not None:
        limits = np.iinfo(column.kind)
        if value != np.rint(value):
            return (
                f"{where} takes whole numbers ({port.type_name}): a fraction would be cut off;"
                " save the numbers that it was trained with"
            )
        if not limits.min <= value <= limits.max:
            return (
                f"{where} holds {port.type_name}, from {limits.min} to {limits.max}: save the"
                " numbers that it was trained with"
            )
    return (
        f"{where} is fed beside features in float32, which has not every whole number beyond"
        f" {EXACT:.0f}: number its values anew from 0, or export the model with features in float64"
    )
