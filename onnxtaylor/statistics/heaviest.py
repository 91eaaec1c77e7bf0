"""The events with the largest coefficients, found while the sums over all events grow.

A random sample of 64 events sees nothing of what happens at one event in 10⁵, though ⟨t⟩ may be
made there: where single precision cancels, say. How much Σ w t² grows by a part of the events tells
whether such an event is among them, also where an engine returns sums alone. A few parts that stand
out are kept, and their events are looked at when all have passed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnxtaylor.data.source import Batch

__all__ = ["Heaviest"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

PARTS = 4  # that are kept
ROWS = 8  # events that are kept of a part whose coefficients are at hand
WATCHED = 2**14  # coefficients, evenly spread over all, whose sums are watched
NEGLIGIBLE = 0.01  # of the response's largest RMS, in units of spread
STANDS_OUT = 1.5  # mean t² of a part over that of all events


@dataclass(frozen=True, eq=False)
class _Part:
    """R events that are kept of ``events``, by which the watched Σ w t² have grown, (D′,)."""

    kept: Batch
    events: int
    grown: Floats


class Heaviest:
    """The parts of a stream of events in which Σ w t² of a coefficient grows most.

    Parameters
    ----------
    units
        Scale of each coefficient in units of the features' spreads, (K,).
    responses
        Number C of responses.
    """

    def __init__(self, units: Floats, responses: int) -> None:
        size = responses * len(units)
        self._watched = slice(None, None, max(1, -(-size // WATCHED)))
        self._units = np.tile(units, responses)[self._watched]
        response = np.repeat(np.arange(responses), len(units))[self._watched]
        self._response, self._starts = response, np.searchsorted(response, np.arange(responses))
        self._squares = np.zeros(len(response))
        self._events = 0
        self._parts: list[_Part] = []

    def see(self, batch: Batch, squares: Floats, terms: Floats | None = None) -> None:
        """Looks at events that have just been summed.

        Parameters
        ----------
        batch
            The events.
        squares
            Σ w t² of all events so far, (C·K,).
        terms
            Coefficients of the events (B, C, K), where they are at hand.
        """
        own = squares[self._watched]
        grown, self._squares = np.abs(own - self._squares), own.copy()
        self._events += len(batch)
        matters = self._matters()
        full = len(self._parts) == PARTS
        if full and self._ratio(grown, len(batch), matters) <= STANDS_OUT:
            return
        rows = np.arange(len(batch))
        if terms is not None and len(batch) > ROWS:
            values = terms.reshape(len(terms), -1)[:, self._watched][:, matters]
            with np.errstate(over="ignore"):
                size = np.square(values) / np.abs(self._squares[matters])
            rows = np.argsort(-size.max(axis=1, initial=0.0) * np.abs(batch.weights))[:ROWS]
        self._parts.append(_Part(batch.at(rows), len(batch), grown))
        if full:
            ratios = [self._ratio(part.grown, part.events, matters) for part in self._parts]
            del self._parts[int(np.argmin(ratios))]

    def _matters(self) -> Flags:
        """Marks watched coefficients of at least 1 % of the response's largest, (D′,)."""
        size = np.sqrt(np.abs(self._squares)) * self._units
        largest = np.maximum.reduceat(size, self._starts)[self._response]
        return np.asarray((size >= NEGLIGIBLE * largest) & (size > 0))

    def _ratio(self, grown: Floats, events: int, matters: Flags) -> float:
        """Returns the largest ratio of a part's mean t² to that of all events."""
        if not matters.any():
            return 0.0
        share = float((grown[matters] / np.abs(self._squares[matters])).max())
        return share * self._events / events

    def events(self, most: int) -> Batch | None:
        """Returns the events of the parts that stand out most, ``most`` or those of one part."""
        matters = self._matters()
        parts = sorted(self._parts, key=lambda p: -self._ratio(p.grown, p.events, matters))
        taken: list[Batch] = []
        for part in parts:
            if not taken or sum(map(len, taken)) + len(part.kept) <= most:
                taken.append(part.kept)
        if not taken:
            return None
        return Batch(
            np.concatenate([kept.x for kept in taken]),
            np.concatenate([kept.weights for kept in taken]),
            None,
            np.concatenate([kept.numbers for kept in taken]),
        )

    def state(self) -> dict[str, Floats]:
        """Returns what is kept as named arrays, to be saved and continued from."""
        arrays: dict[str, Floats] = {
            "squares": self._squares,
            "seen": np.array(self._events, np.float64),
            "parts": np.array([part.events for part in self._parts], np.float64),
        }
        for number, part in enumerate(self._parts):
            arrays |= {
                f"{number}/x": part.kept.x,
                f"{number}/weights": part.kept.weights,
                f"{number}/numbers": part.kept.numbers.astype(np.float64),
                f"{number}/grown": part.grown,
            }
        return arrays

    def restore(self, arrays: Mapping[str, Floats]) -> None:
        """Restores what ``state`` returned. Raises KeyError where an array is missing."""
        self._squares = np.array(arrays["squares"])
        self._events, self._parts = int(arrays["seen"]), []
        for number, count in enumerate(arrays["parts"].astype(np.int64).tolist()):
            x, weights, numbers, grown = (
                arrays[f"{number}/{name}"] for name in ("x", "weights", "numbers", "grown")
            )
            kept = Batch(x, weights, None, numbers.astype(np.int64))
            self._parts.append(_Part(kept, count, grown))
