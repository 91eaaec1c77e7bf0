"""The original model on lines and planes: a function of a few numbers, whatever it has of features.

A row (s_1, …, s_D, e) stands for the point x_e + Σ s_d v_ed next to event e. So the differences
engine takes the responses there for those of a model with D features, and its steps, its bounds of
errors and its kinks are those along the directions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.crosscheck.directions import PARTS
from onnxtaylor.crosscheck.originals import Model
from onnxtaylor.graph import GraphFunction

__all__ = ["LineSession", "exact_centres", "largest_for"]

Floats = npt.NDArray[np.float64]

BEYOND = 4.0  # spreads that points lie away from an event, at most
CALL_NUMBERS = 2**19  # of features, or of the widest layer, that one call is given
MOST_ROWS, FEWEST_ROWS = 1024, 16


class LineSession:
    """A session of the original model on lines next to events.

    Parameters
    ----------
    models
        The model at each event; most often the same one.
    centres
        Events (E, n), rounded by ``exact_centres``.
    vectors
        Directions (E, D, n) at them.
    """

    def __init__(self, models: Sequence[Model], centres: Floats, vectors: Floats) -> None:
        self._models, self._centres, self._vectors = models, centres, vectors
        count = vectors.shape[1]
        own = models[0].session
        self.provider = own.provider
        self.function: GraphFunction = replace(own.function, n_features=count + 1, n_context=1)

    def __call__(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Returns the responses (R, C) at rows (R, D + 1). Raises ModelError."""
        events, shifts = rows[:, -1].astype(np.int64), np.asarray(rows[:, :-1], np.float64)
        order = np.argsort(events, kind="stable")
        parts, starts = [], np.flatnonzero(np.diff(events[order], prepend=-1))
        for mine in np.split(order, starts[1:]):
            parts.append(self._next_to(int(events[mine[0]]), shifts[mine]))
        responses = np.empty((len(rows), parts[0].shape[1]), parts[0].dtype)
        responses[order] = np.concatenate(parts)
        return responses

    def bind(self, rows: npt.NDArray[Any], responses: npt.NDArray[Any]) -> Callable[[], None]:
        """Returns a call that fills responses (R, C) from rows (R, D + 1)."""

        def call() -> None:
            responses[:] = self(rows)

        return call

    def points(self, event: int, points: Floats) -> npt.NDArray[Any]:
        """Returns the responses (R, C) to points (R, n) next to an event."""
        model = self._models[event]
        wide = max(len(model.columns), model.session.function.width)
        size = int(np.clip(CALL_NUMBERS // wide, FEWEST_ROWS, MOST_ROWS))
        answers = [
            model.session(points[k : k + size][:, model.columns])
            for k in range(0, len(points), size)
        ]
        return np.concatenate(answers)

    def _next_to(self, event: int, shifts: Floats) -> npt.NDArray[Any]:
        return self.points(event, self._centres[event] + shifts @ self._vectors[event])


def exact_centres(x: Floats, units: Floats, digits: int) -> Floats:
    """Rounds events (E, n) to the spacing of numbers out there, so that displacements are exact.

    ``units`` (n,) are those of the entries of directions, 0 for columns that are not displaced.
    """
    grid = _grid(x, units, digits)
    return np.where(units > 0, np.rint(x / grid) * grid, x)


def largest_for(vectors: Floats, centres: Floats, units: Floats, digits: int) -> Floats:
    """Sizes (D + 1,) of the directions' numbers, as the differences engine asks for them.

    Steps are no shorter than the spacing of numbers of that size. As the displacement of a feature
    is only a part of the step, it is that of which the shortest one is on the feature's grid.
    """
    grid, vectors = _grid(centres, units, digits)[:, None], np.abs(vectors)
    part = np.zeros(vectors.shape)
    np.divide(PARTS * 2 * grid, vectors, out=part, where=vectors > 0)  # 4 ≤ q < 8
    shortest = part.max(axis=(0, 2), initial=0.0)
    _, exponent = np.frexp(shortest)
    sizes = np.where(shortest > 0, np.ldexp(1.0, exponent + digits - 1), 0.0)
    return np.append(sizes, float(len(centres)))


def _grid(x: Floats, units: Floats, digits: int) -> Floats:
    """Spacing of numbers (E, n) at the points furthest from events."""
    _, exponent = np.frexp(np.abs(x) + BEYOND * units)
    return np.asarray(np.ldexp(1.0, exponent - digits), np.float64)
