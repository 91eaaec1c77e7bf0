"""Responses that never vary over the data: their coefficients carry no information.

    max f − min f ≤ 4 ε max abs(f)        ε the spacing of the coarsest format on the way

over all events, or all events of one class: a clipped response, a dead ReLU, a saturated sigmoid.
Events are evaluated as they pass, and no more of them than it takes to see a response vary: of an
ordinary model the first few.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.data import Batch, EventSource
from onnxtaylor.data.source import DerivedSource
from onnxtaylor.errors import printable
from onnxtaylor.problem.opening import OpenModel
from onnxtaylor.results.taylor import Notice
from onnxtaylor.runtime.session import varying_width

__all__ = ["SPACINGS", "RangeSums", "ResponseRanges", "Unvarying", "constant_notices"]

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


class RangeSums:
    """Smallest and largest values of C responses over the events of each class: mergeable.

    Parameters
    ----------
    outputs
        Names of the C responses.
    classes
        Names of the G classes; without any, all events form one group.
    epsilon
        Spacing ε of the coarsest format on the way.
    """

    def __init__(self, outputs: Sequence[str], classes: Sequence[str], epsilon: float) -> None:
        self.outputs, self.classes, self.epsilon = tuple(outputs), tuple(classes), epsilon
        shape = (max(1, len(self.classes)), len(self.outputs))
        self.low, self.high = np.full(shape, np.inf), np.full(shape, -np.inf)
        self.events = np.zeros(shape[0], np.int64)
        self.strange = np.zeros(shape, np.bool_)  # not finite: reported elsewhere

    def add(self, group: int, responses: Floats) -> None:
        """Adds responses (B, C) to a group; their number is counted apart, in ``events``."""
        self.strange[group] |= ~np.isfinite(responses).all(axis=0)
        self.low[group] = np.fmin(self.low[group], responses.min(axis=0))
        self.high[group] = np.fmax(self.high[group], responses.max(axis=0))

    def merge(self, other: RangeSums) -> None:
        """Adds the events of another, with the same responses and classes."""
        self.low, self.high = np.fmin(self.low, other.low), np.fmax(self.high, other.high)
        self.events, self.strange = self.events + other.events, self.strange | other.strange

    @property
    def open(self) -> npt.NDArray[np.bool_]:
        """Flags of classes (G,) with a response that has not varied so far."""
        return np.asarray((self._same(self.low, self.high) | (self.low > self.high)).any(1))

    def unvarying(self) -> list[Unvarying]:
        """Lists the responses that did not vary: over all events, or else over those of a class."""
        kept = []
        low, high = self.low.min(axis=0), self.high.max(axis=0)
        strange, events = self.strange.any(axis=0), int(self.events.sum())
        whole = self._same(low, high) & ~strange & (events > 1)
        parts = self._same(self.low, self.high) & ~self.strange & (self.events > 1)[:, None]
        for c, name in enumerate(self.outputs):
            if whole[c]:
                exact = bool(low[c] == high[c])
                kept.append(Unvarying(name, None, float(low[c]), exact, events))
                continue
            for g, group in enumerate(self.classes):
                if parts[g, c]:
                    value, exact = float(self.low[g, c]), self.low[g, c] == self.high[g, c]
                    many = int(self.events[g])
                    kept.append(Unvarying(name, group, value, bool(exact), many))
        return kept

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Returns the sums as named arrays, to be saved."""
        return {name: getattr(self, name) for name in ("low", "high", "events", "strange")}

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restores the sums from ``state``.

        Raises KeyError where an array is missing, ValueError for one of another shape or type.
        """
        for name, own in self.state().items():
            array = np.array(arrays[name])
            if (array.shape, array.dtype) != (own.shape, own.dtype):
                raise ValueError(f"{name} has another shape or type than {own.shape}, {own.dtype}")
            setattr(self, name, array)

    def _same(self, low: Floats, high: Floats) -> npt.NDArray[np.bool_]:
        with np.errstate(invalid="ignore"):
            size = np.maximum(np.abs(low), np.abs(high))
            return np.asarray(high - low <= SPACINGS * self.epsilon * size)


class ResponseRanges:
    """Ranges of C responses over the events of each class, as far as they are needed.

    Attributes
    ----------
    found
        The ranges so far.
    """

    def __init__(self, opened: OpenModel, classes: Sequence[str] = ()) -> None:
        self._opened = opened
        epsilon = 2.0 ** (1 - opened.function.digits)
        self.found = RangeSums(opened.response_names, classes, epsilon)
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
        return self.found.unvarying()

    def _update(self, batch: Batch) -> None:
        found = self.found
        for g in np.flatnonzero(found.open).tolist():
            rows = np.arange(len(batch))
            if found.classes:
                assert batch.labels is not None
                rows = np.flatnonzero(batch.labels == found.classes[g])
            found.events[g] += len(rows)
            size = FIRST
            for start in (0, *range(FIRST, len(rows), FURTHER)):
                part = rows[start : start + size]
                if len(part) and found.open[g]:
                    found.add(g, self._respond(batch.x[part]))
                size = FURTHER
        self._settled = not found.open.any()

    def _respond(self, x: Floats) -> Floats:
        responses, count = self._opened.session(x), len(self.found.outputs)
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
