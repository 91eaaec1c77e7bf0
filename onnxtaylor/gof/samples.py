"""Samples: the two data sets that are compared, held in memory, with the columns of both."""

from __future__ import annotations

import os
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.data import (
    ColumnRequest,
    EventSource,
    column_names,
    file_names,
    in_memory,
    open_source,
)
from onnxtaylor.data.values import check_features, check_weights
from onnxtaylor.errors import DataError, OptionError, join_names, name_hint, printable

__all__ = ["Events", "Sample", "read_samples"]

LEAST, MOST = 1e-70, 1e70  # of weights: their fourth powers are summed

Floats = npt.NDArray[np.float64]
Events = npt.ArrayLike | str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

EVENTS = 1 << 16  # read at a time


@dataclass(frozen=True)
class Sample:
    """One of the two data sets.

    Parameters
    ----------
    x
        Events, (N, n).
    weights
        Weights of the events, (N,); None for weights of 1.
    names
        Names of the features, n of them.
    origins
        Names of the files; ``array`` for data in memory.
    missing
        Value of missing entries; it may be NaN.

    Raises
    ------
    DataError
        For shapes that do not fit, a name that occurs twice, text, entries that are not finite,
        and a sum of weights that is not positive.
    """

    x: Floats
    weights: Floats | None
    names: tuple[str, ...]
    origins: tuple[str, ...] = ("array",)
    missing: float | None = None

    def __post_init__(self) -> None:
        where = ", ".join(self.origins)
        x = _numbers(self.x, f"{where}: values")
        object.__setattr__(self, "x", x)
        if x.ndim != 2 or not len(x) or x.shape[1] != len(self.names) or not len(self.names):
            shown = "×".join(map(str, x.shape))
            raise DataError(
                f"{where}: values of shape {shown} for {len(self.names)} names: one row is needed"
                " for each event and one column for each name"
            )
        if len(set(self.names)) < len(self.names):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise DataError(f"{where}: two columns are called {printable(twice, 60)!r}")
        check_features(x, self.missing, lambda k, i: f"{where}: {self.names[i]!r}, event {k}")
        if self.weights is not None:
            weights = _numbers(self.weights, f"{where}: weights")
            object.__setattr__(self, "weights", weights)
            if weights.shape != (len(x),):
                raise DataError(f"{where}: {weights.size} weights for {len(x)} events")
            check_weights(weights, lambda k: f"{where}: weight of event {k}")
            if not weights.sum() > 0:
                raise DataError(
                    f"{where}: the weights add up to {weights.sum():g}: a positive sum is needed"
                )
            size = float(np.abs(weights).max())
            if not LEAST < size < MOST:
                raise DataError(
                    f"{where}: the weights go up to {size:.3g}: powers of them are no numbers of"
                    " double precision: multiply all weights by a number"
                )

    @property
    def w(self) -> Floats:
        """Weights of the events, shape (N,)."""
        return np.ones(len(self.x)) if self.weights is None else self.weights

    @property
    def n_eff(self) -> float:
        """Effective number of events (Σw)² / Σw²."""
        return float(self.w.sum() ** 2 / (self.w**2).sum())


def read_samples(
    observed: Events,
    expected: Events,
    *,
    features: Sequence[str] | None = None,
    observed_weight: str | npt.ArrayLike | None = None,
    expected_weight: str | npt.ArrayLike | None = None,
    exclude: Sequence[str] = (),
    missing: float | None = None,
) -> tuple[Sample, Sample]:
    """Reads observed and expected events.

    Parameters
    ----------
    observed, expected
        Each one or several files, a data frame, or an array (N, n).
    features
        Columns to compare; by default those that both have, in the order of the expectation,
        without weights and ``exclude``. Arrays are matched by position: for them ``features`` are
        the names of the columns.
    observed_weight, expected_weight
        Names of columns, or arrays (N,) beside data in memory; by default weights are 1.
    exclude
        Columns that are not compared.
    missing
        Value of missing entries.

    Raises
    ------
    DataError
        Where a file or column is missing, and where the two share no column.
    OptionError
        Where one of the features is excluded.
    """
    named = None if features is None else tuple(features)
    if named is None or exclude:
        known = _columns(observed), _columns(expected)
        _check_excluded(exclude, [*known[1], *known[0]])
        if named is None:
            weights = (w for w in (observed_weight, expected_weight) if isinstance(w, str))
            named = _shared(*known, {*exclude, *weights})
    if both := [name for name in exclude if name in named]:
        raise OptionError(f"feature {printable(both[0], 60)!r} is asked for and excluded")
    found = []
    for events, weight in ((observed, observed_weight), (expected, expected_weight)):
        source = _open(events, named, weight, missing)
        found.append(_read(source, named, weight is not None, missing))
    return found[0], found[1]


def _columns(events: Events) -> tuple[str, ...]:
    """Names of all columns; for an array their positions, as in a file without names."""
    paths = file_names(events)
    if paths is not None:
        return open_source(paths, request=ColumnRequest(None)).columns.features
    names = column_names(events)
    return tuple(map(str, range(_width(events)))) if names is None else names


def _width(events: Any) -> int:
    """Number of columns of an array."""
    shape: tuple[int, ...] = np.shape(events)
    return shape[1] if len(shape) == 2 else 1


def _open(
    events: Events,
    features: tuple[str, ...],
    weight: str | npt.ArrayLike | None,
    missing: float | None,
) -> EventSource:
    named = weight if isinstance(weight, str) else None
    weights = None if named is not None else weight
    request = ColumnRequest(None, features=features, weight=named, missing=missing)
    paths = file_names(events)
    if paths is None:
        columns = column_names(events)
        if columns is not None:  # here nothing is renamed
            for name in features:
                if name not in columns:
                    hint = name_hint(name, columns)
                    raise DataError(f"the data frame has no column {printable(name, 60)!r}{hint}")
        return in_memory(events, request, weights=weights)
    if weights is not None:
        raise OptionError(
            "weights are an array, but the events are files: name one of their columns"
        )
    return open_source(paths, request=request)


def _check_excluded(exclude: Sequence[str], known: Sequence[str]) -> None:
    for name in exclude:
        if name not in known:
            raise DataError(f"no column {printable(name, 60)!r} to exclude{name_hint(name, known)}")


def _shared(
    observed: Sequence[str], expected: Sequence[str], taken: Set[str | None]
) -> tuple[str, ...]:
    """Common columns without the ``taken`` ones, in the order of the expectation."""
    shared = tuple(name for name in expected if name in observed and name not in taken)
    if not shared:
        raise DataError(
            f"observed and expected share no column: observed has {join_names(list(observed))},"
            f" expected {join_names(list(expected))}"
        )
    return shared


def _read(
    source: EventSource, names: tuple[str, ...], weighted: bool, missing: float | None
) -> Sample:
    parts, weights = [], []
    for batch in source.batches(EVENTS):
        parts.append(batch.x)
        weights.append(batch.weights)
    return Sample(
        np.concatenate(parts),
        np.concatenate(weights) if weighted else None,
        names,
        tuple(source.origins),
        missing,
    )


def _numbers(values: npt.ArrayLike, what: str) -> Floats:
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{what} are no numbers: {printable(error)}") from None
