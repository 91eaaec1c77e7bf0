"""Second order averaged over steps in the plane of two directions, from responses alone.

With t_ij of ``onnxtaylor.engine.averaged.steps``, h_i the width of the step of feature i and w∖i
the direction w without its entry of feature i,

    Σ_{i<j} t_ij (v_i w_j + v_j w_i)
        = ½ Σ_i { v_i [∂_{w∖i} f(x + ½h_i e_i) − ∂_{w∖i} f(x − ½h_i e_i)]
                + w_i [∂_{v∖i} f(x + ½h_i e_i) − ∂_{v∖i} f(x − ½h_i e_i)] } / h_i

which takes ten evaluations of the model for each feature, and Σ_i 2 t_ii v_i w_i another four.
Slopes along directions are central differences over ± δ, bounded as those of
``onnxtaylor.engine.differences.averaged``: what differs between the slopes to either side adds up,
noise adds up in squares.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from onnxtaylor.crosscheck.lines import LineSession
from onnxtaylor.engine.averaged.steps import CurvatureSteps, Places
from onnxtaylor.engine.base import BatchCoefficients, Quantity, Watcher
from onnxtaylor.engine.differences.engine import Differences
from onnxtaylor.indices import MultiIndices

__all__ = ["AveragedPlanes"]

Floats = npt.NDArray[np.float64]
Sums = tuple[Floats, Floats, Floats]

NARROW, NARROW_SINGLE = 2.0**-17, 2.0**-10  # δ, in double and in single precision
DOUBLE = 53  # digits
NOISY = 4.0  # of the noise, that slopes to either side may differ by without a reason
SIGMAS, SQUARE_SIGMAS = 2.0, 6.0  # of the noise in bounds, as in the differences engine
NUMBERS = 2**22  # of rows that are held at a time
ROWS_OF_FEATURE = 14


class AveragedPlanes:
    """First order along directions, second order averaged over steps in the planes of pairs.

    Parameters
    ----------
    first
        The differences engine of first order along the directions.
    session
        The model on their lines.
    steps
        Steps of the features.
    centres, vectors
        Events (E, n) and directions (E, D, n).
    indices
        Coefficients along the directions: first order, then one for each pair of them.
    """

    quantity: Quantity = "averaged"

    def __init__(
        self,
        first: Differences,
        session: LineSession,
        steps: CurvatureSteps,
        *,
        centres: Floats,
        vectors: Floats,
        indices: MultiIndices,
    ) -> None:
        self.indices, self._first, self._session = indices, first, session
        self._steps, self._centres, self._vectors = steps, centres, vectors
        double = session.function.digits >= DOUBLE
        self._narrow = NARROW if double else NARROW_SINGLE

        self.steps, self.accuracy, self.digits = first.steps, first.accuracy, first.digits

    @property
    def points(self) -> int:
        """Evaluations of the model per event, at most."""
        pairs = len(self.indices) - int(self._vectors.shape[1])
        return self._first.points + pairs * ROWS_OF_FEATURE * len(self._steps.features)

    def coefficients(self, x: Floats, watch: Watcher | None = None) -> BatchCoefficients:
        """Computes coefficients and their bounds at rows (B, D + 1). Raises ModelError."""
        return self._evaluate(x, self._first.coefficients(x), self._narrow, watch)

    def with_other_steps(self, x: Floats, factor: float) -> BatchCoefficients:
        """Computes them with steps ``factor`` times as wide, and δ ``factor``⁴ times."""
        return self._evaluate(
            x, self._first.with_other_steps(x, factor), self._narrow * factor**4, None
        )

    def _evaluate(
        self, x: Floats, first: BatchCoefficients, delta: float, watch: Watcher | None
    ) -> BatchCoefficients:
        count = first.terms.shape[2]
        terms = np.zeros((*first.responses.shape, len(self.indices)))
        bounds = np.zeros(terms.shape)
        assert first.error_bounds is not None
        terms[..., :count], bounds[..., :count] = first.terms, first.error_bounds
        for row, event in enumerate(x[:, -1].astype(np.int64)):
            noise = self._first.noise.at(np.ascontiguousarray(first.responses[row : row + 1]))[0]
            for slot, (a, b) in enumerate(self.indices.table[count:]):
                pair = self._vectors[event, [a, b]]
                found = self._plane(int(event), pair, noise, delta)
                terms[row, :, count + slot], bounds[row, :, count + slot] = found
            if watch is not None:
                watch((row + 1) / len(x))
        return BatchCoefficients(first.responses, terms, bounds, first.kinks)

    def _plane(
        self, event: int, pair: Floats, noise: Floats, delta: float
    ) -> tuple[Floats, Floats]:
        """Computes one coefficient and its bound, each (C,), of directions (2, n) at an event."""
        places = self._steps.places(self._centres[event : event + 1])
        moved = np.zeros(pair.shape)
        own = self._steps.features
        moved[:, own] = np.where(places.inverse_widths[0] != 0, pair[:, own], 0.0)
        value, smooth, squared = (np.zeros(len(noise)) for _ in range(3))
        for part in self._parts(pair):
            for sums in (
                self._slopes(event, places, moved, part, noise, delta),
                self._squares(event, places, pair, part, noise),
            ):
                value += sums[0]
                smooth += sums[1]
                squared += sums[2]
        return value, smooth + np.sqrt(squared)

    def _parts(self, pair: Floats) -> Iterator[npt.NDArray[np.int64]]:
        """Yields places of the features that are stepped, a few at a time."""
        stepped = np.flatnonzero((pair[:, self._steps.features] != 0).any(axis=0))
        size = max(1, NUMBERS // (ROWS_OF_FEATURE * pair.shape[1]))
        for first in range(0, len(stepped), size):
            yield stepped[first : first + size]

    def _slopes(
        self,
        event: int,
        places: Places,
        pair: Floats,
        part: npt.NDArray[np.int64],
        noise: Floats,
        delta: float,
    ) -> Sums:
        """Sums over pairs of features: value, bounds that add up, squares of the others."""
        own = self._steps.features[part]
        count, n = len(part), pair.shape[1]
        # of features × ends × directions × (centre, up, down)
        rows = np.broadcast_to(places.centres[0], (count, 2, 2, 3, n)).copy()
        each = np.arange(count)
        rows[each, ..., own] = places.ends[0, part][:, :, None, None]
        shift = np.broadcast_to(delta * pair, (count, 2, n)).copy()
        shift[each, :, own] = 0.0
        rows[..., 1, :] += shift[:, None]
        rows[..., 2, :] -= shift[:, None]
        values = self._session.points(event, rows.reshape(-1, n)).astype(np.float64)
        values = values.reshape(count, 2, 2, 3, -1)
        rise, fall = values[..., 1, :] - values[..., 0, :], values[..., 0, :] - values[..., 2, :]
        slope = (rise + fall) / (2 * delta)
        apart = np.maximum(np.abs(rise - fall) - NOISY * noise, 0.0) / delta
        # the slope along one direction goes with the entry of the other one
        weights = 0.5 * places.inverse_widths[0, part] * pair[::-1, own]  # (2, count)
        value = np.einsum("akc,ka->c", slope[:, 0] - slope[:, 1], weights)
        smooth = np.einsum("akc,ka->c", apart.sum(axis=1), np.abs(weights))
        rounding = SIGMAS * noise / delta
        squared = 2 * np.square(weights).sum() * np.square(rounding)
        return value, smooth, squared

    def _squares(
        self,
        event: int,
        places: Places,
        pair: Floats,
        part: npt.NDArray[np.int64],
        noise: Floats,
    ) -> Sums:
        """Sums over squares of features, as ``_slopes`` does over pairs."""
        part = part[self._steps.slots[0][part] >= 0]
        own, n = self._steps.features[part], pair.shape[1]
        rows = np.broadcast_to(places.centres[0], (len(part), 4, n)).copy()
        rows[np.arange(len(part)), :, own] = places.values[0, part]
        rows = np.concatenate((places.centres, rows.reshape(-1, n)))
        values = self._session.points(event, rows).astype(np.float64)
        apart = (values[1:] - values[0]).reshape(len(part), 4, -1)
        factors = 2 * pair[0, own] * pair[1, own] * places.inverse_squares[0, part]
        weights = self._steps.weights[part, 1:] * factors[:, None]
        squared = np.square(SQUARE_SIGMAS * noise) * np.square(factors).sum()
        return np.einsum("asc,as->c", apart, weights), np.zeros(len(noise)), squared
