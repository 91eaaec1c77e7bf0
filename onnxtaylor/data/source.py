"""What every kind of data looks like to the rest of the program: a stream of batches of events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["Batch", "DerivedSource", "EventSource"]


@dataclass(frozen=True)
class Batch:
    """Consecutive or selected events.

    ``numbers`` are the events' numbers in the whole data set, counted from 0 in the order of the
    files: they key the bootstrap, so that any cut of the data gives the same replicates.
    Shapes: x (B, n) float64, weights (B,) float64, labels (B,) str or None, numbers (B,) int64.
    """

    x: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]
    labels: npt.NDArray[np.str_] | None
    numbers: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.x)


class EventSource(Protocol):
    """Data that can be read more than once, in batches, in a fixed order."""

    @property
    def feature_names(self) -> Sequence[str] | None:
        """Names of the columns of x; None where the data has no names (a bare array)."""

    @property
    def origins(self) -> Sequence[str]:
        """Where the data comes from: file names, or ``array``."""

    def batches(self, size: int) -> Iterator[Batch]:
        """The events from the first to the last, at most ``size`` at a time.

        Raises DataError, naming the file, column and row, for what cannot be read as numbers.
        """


class DerivedSource:
    """What a source that reads another one has from it: names and origins."""

    def __init__(self, source: EventSource) -> None:
        self._source = source

    @property
    def feature_names(self) -> Sequence[str] | None:
        """Those of the source."""
        return self._source.feature_names

    @property
    def origins(self) -> Sequence[str]:
        """Those of the source."""
        return self._source.origins
