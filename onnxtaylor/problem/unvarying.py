"""Responses that never vary over the data: their coefficients carry no information.

    max f − min f ≤ 4 ε max abs(f)        ε the spacing of the coarsest format on the way

over all events, or all events of one class: a clipped response, a dead ReLU, a saturated sigmoid.
Events are evaluated as they pass, and no more of them than it takes to see a response vary: of an
ordinary model the first few.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnxtaylor.data import Batch, EventSource
from onnxtaylor.data.source import DerivedSource
from onnxtaylor.errors import printable
from onnxtaylor.problem.opening import OpenModel
from onnxtaylor.results.taylor import Notice
from onnxtaylor.runtime.session import varying_width

__all__ = ["SPACINGS", "ResponseRanges", "Unvarying", "constant_notices"]

Floats = npt.NDArray[np.float64]

SPACINGS = 4.0  # by which a response may be rounded: a sum of a few terms, as softmax is normalized
FIRST, FURTHER = 64, 4096  # events that are evaluated at a time


@dataclass(frozen=True)
class Unvarying:
    """A response that is constant up to rounding over a group of events (None: all events)."""

    output: str
    group: str | None
    value: float
    exact: bool
    events: int

    @property
    def phrase(self) -> str:
        """Phrase such as ``response 'y' is 0 at all 200 events``, with the class of the events."""
        of = "" if self.group is None else f" of class '{printable(self.group)}'"
        rounding = "" if self.exact else ", but for rounding"
        return (
            f"response '{printable(self.output)}' is {self.value:.6g} at all {self.events}"
            f" events{of}{rounding}"
        )


class ResponseRanges:
    """Ranges of C responses over the events of each class, as far as they are needed."""

    def __init__(self, opened: OpenModel, classes: Sequence[str] = ()) -> None:
        self._opened = opened
        self._classes = tuple(classes)
        shape = (max(1, len(self._classes)), len(opened.response_names))
        self._low, self._high = np.full(shape, np.inf), np.full(shape, -np.inf)
        self._events = np.zeros(shape[0], np.int64)
        self._strange = np.zeros(shape, np.bool_)  # not finite: reported elsewhere
        self._settled = False

    def of(self, source: EventSource) -> EventSource:
        """Wraps a source: its batches update the ranges while they are read."""
        return _Watched(source, self)

    def watch(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Yields the batches unchanged; evaluates events where a range may still grow."""
        for batch in batches:
            if not self._settled:
                self._update(batch)
            yield batch

    def unvarying(self) -> list[Unvarying]:
        """Lists the responses that did not vary: over all events, or else over those of a class."""
        names, kept = self._opened.response_names, []
        low, high = self._low.min(axis=0), self._high.max(axis=0)
        strange, events = self._strange.any(axis=0), int(self._events.sum())
        whole = self._same(low, high) & ~strange & (events > 1)
        parts = self._same(self._low, self._high) & ~self._strange & (self._events > 1)[:, None]
        for c, name in enumerate(names):
            if whole[c]:
                exact = bool(low[c] == high[c])
                kept.append(Unvarying(name, None, float(low[c]), exact, events))
                continue
            for g, group in enumerate(self._classes):
                if parts[g, c]:
                    value, exact = float(self._low[g, c]), self._low[g, c] == self._high[g, c]
                    many = int(self._events[g])
                    kept.append(Unvarying(name, group, value, bool(exact), many))
        return kept

    def _same(self, low: Floats, high: Floats) -> npt.NDArray[np.bool_]:
        epsilon = 2.0 ** (1 - self._opened.function.digits)
        with np.errstate(invalid="ignore"):
            size = np.maximum(np.abs(low), np.abs(high))
            return np.asarray(high - low <= SPACINGS * epsilon * size)

    @property
    def _open(self) -> npt.NDArray[np.bool_]:
        """Flags of classes (G,) with a response that has not varied so far."""
        return np.asarray((self._same(self._low, self._high) | (self._low > self._high)).any(1))

    def _update(self, batch: Batch) -> None:
        for g in np.flatnonzero(self._open).tolist():
            rows = np.arange(len(batch))
            if self._classes:
                assert batch.labels is not None
                rows = np.flatnonzero(batch.labels == self._classes[g])
            self._events[g] += len(rows)
            size = FIRST
            for start in (0, *range(FIRST, len(rows), FURTHER)):
                part = rows[start : start + size]
                if len(part) and self._open[g]:
                    self._add(g, self._respond(batch.x[part]))
                size = FURTHER
        self._settled = not self._open.any()

    def _add(self, g: int, responses: Floats) -> None:
        self._strange[g] |= ~np.isfinite(responses).all(axis=0)
        self._low[g] = np.fmin(self._low[g], responses.min(axis=0))
        self._high[g] = np.fmax(self._high[g], responses.max(axis=0))

    def _respond(self, x: Floats) -> Floats:
        responses, count = self._opened.session(x), self._low.shape[1]
        if responses.shape[1] != count:
            raise varying_width(self._opened.function, f"{count} and {responses.shape[1]}")
        return np.asarray(responses, np.float64)


class _Watched(DerivedSource):
    """A source whose batches update the ranges of responses while they are read."""

    def __init__(self, source: EventSource, ranges: ResponseRanges) -> None:
        super().__init__(source)
        self._ranges = ranges

    def batches(self, size: int) -> Iterator[Batch]:
        """Reads the source, at most ``size`` events at a time."""
        return self._ranges.watch(self._source.batches(size))


def constant_notices(unvarying: Iterable[Unvarying]) -> list[Notice]:
    """Returns a warning for each response that does not vary."""
    return [
        Notice(
            "constant-response",
            None,
            f"{one.phrase}: it does not vary, so its ranking tells nothing: see whether the"
            " features are in the units of the training, or look at what comes before it"
            ' (output=…, or link="logit" of a saturated probability)',
        )
        for one in unvarying
    ]
