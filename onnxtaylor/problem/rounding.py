"""Digits that the data lose in the number format of the model's inputs.

Data are read in double precision and analyzed so, as far as the graph allows; the deployed model
sees them rounded to its own format. What that format cannot hold would be infinite there: it is
refused, as infinite data are. Digits that get lost are warned of:

============  ====================================================================================
``overflow``  refused: values beyond the largest number, such as 65504 in float16
``digits``    whole numbers that are no longer distinct, values that become 0, and values that
              move by more than 1 % of σ, at a sizeable share of the events
============  ====================================================================================

The share of the events is counted for refused data, and estimated on the survey's sample for
others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper

from onnxtaylor.data import EventSource, Survey
from onnxtaylor.data.values import is_missing
from onnxtaylor.errors import DataError, printable
from onnxtaylor.graph import LoadedModel, Port, stored_names
from onnxtaylor.graph.function import DIGITS
from onnxtaylor.graph.input_formats import input_formats
from onnxtaylor.graph.layout import lay_out
from onnxtaylor.problem.events import FEATURE_KEYS
from onnxtaylor.results.taylor import Notice

__all__ = ["inspect_digits", "require_held", "rounded"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

TYPES = {
    "float16": TensorProto.FLOAT16,
    "bfloat16": TensorProto.BFLOAT16,
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
}
EXPONENTS = {"float16": 15, "bfloat16": 127, "float32": 127, "float64": 1023}  # the largest
EXACT = 2.0**53  # larger doubles are all whole numbers
HALF = 65504.0  # the largest number of the narrowest format: smaller data need no look
MOVED = 0.01  # of σ: a feature that is rounded by more loses what it has to tell
MANY = 0.1  # share of the events that are moved so
SOME = 0.01  # share of the events that become 0, or whole numbers that lose digits


@dataclass(frozen=True)
class _Columns:
    """The columns ``start`` … ``stop`` of the features, which ``port`` takes in these formats."""

    port: Port
    start: int
    stop: int
    formats: frozenset[str]


def rounded(x: Floats, formats: frozenset[str]) -> Floats:
    """Rounds x to numbers of all of these formats, infinite where one of them cannot hold it."""
    held = np.asarray(x, np.float64)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for name in sorted(formats):
            held = held.astype(helper.tensor_dtype_to_np_dtype(TYPES[name])).astype(np.float64)
    return held


def require_held(
    model: LoadedModel, features: Sequence[Port], source: EventSource, survey: Survey
) -> None:
    """Raises DataError for the first value that the model's input would make infinite.

    Missing entries count, since they are fed to the model as they are; NaN does not.
    """
    if not survey.largest.max(initial=0.0) > HALF:
        return
    columns = [
        c
        for c in _columns(model, features, len(survey.largest))
        if np.isinf(rounded(survey.largest[c.start : c.stop], c.formats)).any()
    ]
    if not columns:
        return
    first: tuple[int, int, float] | None = None
    events = 0
    for batch in source.batches(2**16):
        beyond = np.zeros(batch.x.shape, np.bool_)
        for c in columns:
            part = batch.x[:, c.start : c.stop]
            beyond[:, c.start : c.stop] = np.isinf(rounded(part, c.formats))
        events += int(beyond.any(axis=1).sum())
        if first is None and beyond.any():
            k, i = (int(v) for v in np.argwhere(beyond)[0])
            first = int(batch.numbers[k]), i, float(batch.x[k, i])
    if first is None:  # the source was read again and has changed: the session will tell
        return
    number, i, value = first
    c = next(c for c in columns if c.start <= i < c.stop)
    narrow = min(c.formats, key=_most)
    names = source.feature_names or stored_names(model.proto, FEATURE_KEYS) or []
    name = names[i] if len(names) == len(survey.largest) else f"x{i}"
    wider = "float32" if narrow == "float16" else "float64"
    raise DataError(
        f"{_origin(source)}feature '{printable(name)}' is {value:.10g} at event {number} (counted"
        f" from 0), and input '{printable(c.port.name)}' of {printable(model.path)} holds {narrow},"
        f" up to {_most(narrow):.6g}: infinite there, as are {events} of {survey.events} events:"
        " bring the features to the units of the training, leave these events out, or export the"
        f" model in {wider}"
    )


def inspect_digits(
    model: LoadedModel,
    features: Sequence[Port],
    survey: Survey,
    names: Sequence[str],
    missing: float | Floats | None,
) -> list[Notice]:
    """Finds features that lose important digits in the format of their input."""
    notices = []
    for c in _columns(model, features, len(names)):
        x = survey.sample[:, c.start : c.stop]
        there = np.isfinite(x) & ~is_missing(survey.sample, missing)[:, c.start : c.stop]
        with np.errstate(invalid="ignore"):
            held = rounded(x, c.formats)
            error = np.where(there, np.abs(held - x), 0.0)
        gone = there & (held == 0) & (x != 0)
        total = np.maximum(there.sum(axis=0), 1)
        for k in range(c.stop - c.start):
            i = c.start + k
            moved = error[:, k] > (MOVED * survey.std[i] if survey.std[i] > 0 else np.inf)
            whole = bool(survey.whole[i]) and survey.largest[i] < EXACT
            together = whole and _fall_together(x[there[:, k], k], held[there[:, k], k])
            text = _loss(
                c.formats,
                gone=float(gone[:, k].sum() / total[k]),
                moved=float(moved.sum() / total[k]),
                lost=float((error[:, k] > 0).sum() / total[k]) if together else 0.0,
            )
            if text:
                message = f"feature '{printable(names[i])}' {text}"
                notices.append(Notice("digits", names[i], message))
    return notices


def _fall_together(x: Floats, held: Floats) -> bool:
    """Whether many different values become equal in the format."""
    return len(np.unique(held)) < (1 - MANY) * len(np.unique(x))


def _loss(formats: frozenset[str], *, gone: float, moved: float, lost: float) -> str:
    """Phrase for the effect of number formats on a feature.

    ``gone``, ``moved`` and ``lost`` are shares of the events: the feature becomes 0, moves by a
    part of its σ, or has different whole numbers that become equal.
    """
    if gone > SOME:
        tiny = max(formats, key=_least)
        return (
            f"becomes 0 at {gone:.0%} of the events in {tiny}, in which the model takes it and"
            f" which holds nothing below {_least(tiny):.2g}: bring it to the units of the training"
        )
    coarse = min(formats, key=DIGITS.__getitem__, default="")
    if lost > SOME:
        return (
            f"holds whole numbers beyond {2 ** DIGITS[coarse]}, of which {coarse}, in which the"
            f" model takes them, loses the last digits at {lost:.0%} of the events: is it the"
            " number of an event or run?"
        )
    if moved > MANY:
        return (
            f"is rounded by more than {MOVED:.0%} of its σ at {moved:.0%} of the events in"
            f" {coarse}, in which the model takes it: shift it to its mean before the model, or"
            " export the model with more digits"
        )
    return ""


def _columns(model: LoadedModel, features: Sequence[Port], n_columns: int) -> list[_Columns]:
    """Lists the columns of each input; empty where they do not fit the data."""
    layout = lay_out(features, printable(model.path), n_columns)
    if layout.n_features > n_columns:
        return []
    columns, end = [], 0
    for port, sizes in zip(features, layout.sizes, strict=True):
        start, end = end, end + prod(sizes)
        columns.append(_Columns(port, start, end, input_formats(model.proto.graph, port)))
    return columns


def _most(name: str) -> float:
    """The largest number of a format."""
    return float((2.0 - 2.0 ** (1 - DIGITS[name])) * 2.0 ** EXPONENTS[name])


def _least(name: str) -> float:
    """The smallest number above 0."""
    return float(2.0 ** (2 - EXPONENTS[name] - DIGITS[name]))


def _origin(source: EventSource) -> str:
    origins = list(source.origins)
    return f"{printable(origins[0])}: " if len(origins) == 1 and origins != ["array"] else ""
