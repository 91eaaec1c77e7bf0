"""The interface of all data: a stream of batches of events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["Batch", "DerivedSource", "EventSource"]


@dataclass(frozen=True)
class Batch:
    """Some events, in the order of the data.

    Parameters
    ----------
    x
        Features, then context, shape (B, n + m).
    weights
        Event weights, shape (B,).
    labels
        Class names, shape (B,); None if the data have no labels.
    numbers
        Numbers of the events in the whole data set, shape (B,), counted from 0 in the order of the
        files. They key the bootstrap, so that any cut of the data gives the same replicates.
    folds
        Numbers of the folds of the events, shape (B,); None if there are none.
    """

    x: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]
    labels: npt.NDArray[np.str_] | None
    numbers: npt.NDArray[np.int64]
    folds: npt.NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.x)

    def at(self, places: slice | npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Batch:
        """Returns the events at some places; those of a slice as views."""
        labels = None if self.labels is None else self.labels[places]
        folds = None if self.folds is None else self.folds[places]
        return Batch(self.x[places], self.weights[places], labels, self.numbers[places], folds)


class EventSource(Protocol):
    """Data that can be read more than once, in batches, in a fixed order."""

    @property
    def feature_names(self) -> Sequence[str] | None:
        """Names of the n features; None if the data have no names (a bare array)."""

    @property
    def context_names(self) -> Sequence[str]:
        """Names of the m columns of context, which stand behind the features."""

    @property
    def texts(self) -> Mapping[str, Sequence[str]]:
        """Texts of each column of context that holds texts, by their code in x.

        They are complete after one pass over the data.
        """

    @property
    def sizes(self) -> Mapping[str, tuple[int, ...]]:
        """Shape behind the events of each input that was read as a whole."""

    @property
    def lengths(self) -> Mapping[str, str]:
        """Name of the context column with the number of filled slots, of each jagged input."""

    @property
    def origins(self) -> Sequence[str]:
        """Origins of the data: file names, or ``array``."""

    def batches(self, size: int) -> Iterator[Batch]:
        """Reads the events from the first to the last, at most ``size`` in a batch.

        Raises DataError, naming the file, column and row, for what cannot be read as numbers.
        """


class DerivedSource:
    """A source that reads another source, and has its names and origins."""

    def __init__(self, source: EventSource) -> None:
        self._source = source

    @property
    def feature_names(self) -> Sequence[str] | None:
        """Names of the features, as in the source that is read."""
        return self._source.feature_names

    # a source of somebody else's may have features alone

    @property
    def context_names(self) -> Sequence[str]:
        """Names of the columns of context, as in the source that is read."""
        return getattr(self._source, "context_names", ())

    @property
    def texts(self) -> Mapping[str, Sequence[str]]:
        """Texts by their code, as in the source that is read."""
        return getattr(self._source, "texts", {})

    @property
    def sizes(self) -> Mapping[str, tuple[int, ...]]:
        """Shapes of inputs, as in the source that is read."""
        return getattr(self._source, "sizes", {})

    @property
    def lengths(self) -> Mapping[str, str]:
        """Columns with numbers of filled slots, as in the source that is read."""
        return getattr(self._source, "lengths", {})

    @property
    def fillings(self) -> Mapping[str, str]:
        """Columns with numbers of filled slots of inputs that are padded to one size.

        A source has them, and ``taken``, where a specification tells what the inputs are.
        """
        return getattr(self._source, "fillings", {})

    @property
    def taken(self) -> Mapping[str, Sequence[str]]:
        """Columns of the data by input, as in the source that is read."""
        return getattr(self._source, "taken", {})

    @property
    def skipped(self) -> Mapping[str, str]:
        """Files that were left out, and why, as in the source that is read."""
        return getattr(self._source, "skipped", {})

    @property
    def origins(self) -> Sequence[str]:
        """Origins of the data, as in the source that is read."""
        return self._source.origins
