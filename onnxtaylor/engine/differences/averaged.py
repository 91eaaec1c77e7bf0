"""Second order averaged over steps, from responses of the original model alone.

The gradients at both ends of a step are central differences over ±δ_j, δ_j about 10⁻⁵ of the spread
of a feature, with D₊ and D₋ the slopes to either side:

    ∂_j f(p) = [f(p + δ_j e_j) − f(p − δ_j e_j)] / (2 δ_j) ± (abs(D₊ − D₋) + 2 σ_f / δ_j)

D₊ and D₋ differ by δ_j ∂²f/∂x_j², by round-off (σ_f is the noise of the response), and by all of a
kink that lies within δ_j: an exact gradient is that of one of the two pieces, so it is within the
bound there, too. t_ii is made of responses by the formula of its definition, so that it has
round-off alone. t_i and its bounds are those of ``Differences``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.averaged.steps import CurvatureSteps, Places
from onnxtaylor.engine.base import BatchCoefficients, Quantity, Watcher
from onnxtaylor.engine.differences.engine import Differences
from onnxtaylor.engine.differences.steps import spacings
from onnxtaylor.runtime.provider import available_threads
from onnxtaylor.runtime.session import Session
from onnxtaylor.runtime.sharing import Tally, share

__all__ = ["AveragedDifferences"]

Floats = npt.NDArray[np.float64]

NARROW, NARROW_SINGLE = 2.0**-17, 2.0**-10  # δ in units of the spread: in double, single precision
DOUBLE = 53  # digits
SIGMAS, SQUARE_SIGMAS = 2.0, 6.0  # of the noise: √½ and 1.6 are the standard deviations
CHUNK_ROWS = 4096
BATCH_BYTES = 2**23  # of coefficients that leave the engine at a time


class AveragedDifferences:
    """First order at the events, second order averaged over steps, by differences.

    Parameters
    ----------
    first
        The differences engine of t_i of all features.
    session
        A session of its function in one thread.
    steps
        Where the features are stepped to.
    spread
        The spread of each feature in the data, (n,).
    threads
        Number of threads; 0 takes one for each processor.
    """

    name = "differences"
    quantity: Quantity = "averaged"
    sums_in_graph = False

    def __init__(
        self,
        first: Differences,
        session: Session,
        steps: CurvatureSteps,
        *,
        spread: Floats,
        threads: int = 0,
    ) -> None:
        self.indices, self.precision = steps.indices, first.precision
        self.exact_responses, self.steps = first.exact_responses, first.steps
        self.accuracy, self.noise = first.accuracy, first.noise
        self._first, self._session, self._steps = first, session, steps
        self._threads = (threads or available_threads()) if session.provider == "cpu" else 1
        share_of = NARROW if session.function.digits >= DOUBLE else NARROW_SINGLE
        with np.errstate(divide="ignore"):
            narrow = 2.0 ** np.rint(np.log2(share_of * spread))
        self._narrow = narrow[steps.features]

    @property
    def points(self) -> int:
        """Evaluations of the model per event: 4n² + 6n + 1 besides those of first order."""
        moved = len(self._steps.features)
        return self._first.points + 2 * moved * (1 + 2 * moved) + 1 + 4 * moved

    @property
    def reach(self) -> Floats:
        """Largest displacement (n,) of each feature."""
        return np.maximum(self._first.reach, self._steps.reach)

    @property
    def batch_events(self) -> int:
        """Number of events to be given at a time: chunks for all threads, within 8 MiB."""
        together = self._events * self._threads
        per_event = 16 * len(self.indices) * len(self.exact_responses)
        rounds = max(1, BATCH_BYTES // (per_event * together))
        return int(min(rounds, 2**13 // together + 1) * together)

    @property
    def _events(self) -> int:
        return max(1, CHUNK_ROWS // (1 + 2 * len(self._steps.features)))

    def describe(self) -> dict[str, object]:
        """Describes the stencil of first order, and the steps of second."""
        facts = {**self._first.describe(), "points": self.points}
        return {**facts, "curvature_step": self._steps.describe()}

    def sums(self, x: Floats, weights: Floats, groups: object, counts: object) -> None:
        """Returns None: sums are made from the coefficients."""

    def coefficients(self, x: Floats, watch: Watcher | None = None) -> BatchCoefficients:
        """Computes t_α at the events x (B, n), with error bounds; kinks are those of first order.

        Raises ModelError where the model fails.
        """
        return self._evaluate(x, self._first.coefficients(x), self._narrow, watch)

    def with_other_steps(self, x: Floats, factor: float) -> BatchCoefficients:
        """Computes t_α at events x (B, n) by differences over δ of other sizes.

        First order takes steps that are ``factor`` times as wide, a power of two; the δ of second
        order, which see a kink or do not, are ``factor``⁴ times as wide.
        """
        first = self._first.with_other_steps(x, factor)
        return self._evaluate(x, first, self._narrow * factor**4)

    def _evaluate(
        self, x: Floats, first: BatchCoefficients, narrow: Floats, watch: Watcher | None = None
    ) -> BatchCoefficients:
        n, shape = first.terms.shape[2], (*first.responses.shape, len(self.indices))
        terms, bounds = np.zeros(shape), np.zeros(shape)
        assert first.error_bounds is not None
        terms[..., :n], bounds[..., :n] = first.terms, first.error_bounds
        tally = Tally(len(x), watch)

        def work(chunk: slice) -> None:
            places = self._steps.places(np.ascontiguousarray(x[chunk], np.float64))
            self._add_squares(places, terms[chunk], bounds[chunk])
            self._add_pairs(places, narrow, terms[chunk], bounds[chunk])
            tally.add(chunk.stop - chunk.start)

        share(len(x), self._events, [work] * self._threads, tally)
        return BatchCoefficients(first.responses, terms, bounds, first.kinks)

    def _add_squares(self, places: Places, terms: Floats, bounds: Floats) -> None:
        """Fills t_ii and their bounds."""
        slots, own = self._steps.slots[0], self._steps.features
        squared = np.flatnonzero(slots >= 0)
        events, n = places.centres.shape
        rows = np.repeat(places.centres[:, None], 1 + 4 * len(squared), axis=1)
        for k, a in enumerate(squared):
            rows[:, 1 + 4 * k : 5 + 4 * k, own[a]] = places.values[:, a]
        values = self._respond(rows.reshape(-1, n)).reshape(events, rows.shape[1], -1)
        noise = SQUARE_SIGMAS * self.noise.at(values[:, 0])
        apart = (values[:, 1:] - values[:, :1]).reshape(events, len(squared), 4, -1)
        inverse = places.inverse_squares[:, squared, None]
        sums = np.einsum("eksc,ks->ekc", apart, self._steps.weights[squared, 1:]) * inverse
        used = inverse != 0
        terms[..., slots[squared]] = np.where(used, sums, 0.0).swapaxes(1, 2)
        bounds[..., slots[squared]] = (noise[:, None] * inverse).swapaxes(1, 2)

    def _add_pairs(self, places: Places, narrow: Floats, terms: Floats, bounds: Floats) -> None:
        """Fills t_ij and their bounds, from slopes at both ends of the steps."""
        slots = self._steps.slots[1]
        one, other = self._steps.pairs.T
        for ends, theirs in ((one, other), (other, one)):
            for a in np.unique(ends):
                chosen = ends == a
                partners = theirs[chosen]
                upper, lower = (
                    self._slopes(places, int(a), side, partners, narrow) for side in (0, 1)
                )
                both = (places.inverse_widths[:, partners] != 0) & (
                    places.inverse_widths[:, [a]] != 0
                )
                half = np.where(both, 0.5 * places.inverse_widths[:, [a]], 0.0)[:, None]
                gap = np.where(half != 0, upper[0] - lower[0], 0.0)
                terms[..., slots[chosen]] += gap * half
                bounds[..., slots[chosen]] += np.where(half != 0, upper[1] + lower[1], 0.0) * half

    def _slopes(
        self,
        places: Places,
        a: int,
        side: int,
        partners: npt.NDArray[np.int64],
        narrow: Floats,
    ) -> tuple[Floats, Floats]:
        """Computes the slopes (E, C, P) along features at an end of a step, and their bounds."""
        digits, by = self._session.function.digits, self._steps.features[partners]
        events, n = places.centres.shape
        point = places.centres.copy()
        point[:, self._steps.features[a]] = places.ends[:, a, side]
        at = point[:, by]
        grid = spacings(np.abs(at) + 2 * narrow[partners], digits)
        delta = np.maximum(np.rint(narrow[partners] / grid), 1.0) * grid
        rows = np.repeat(point[:, None], 1 + 2 * len(by), axis=1)
        for k, j in enumerate(by):
            rows[:, 1 + 2 * k, j] = at[:, k] + delta[:, k]
            rows[:, 2 + 2 * k, j] = at[:, k] - delta[:, k]
        values = self._respond(rows.reshape(-1, n)).reshape(events, rows.shape[1], -1)
        values = values.swapaxes(1, 2)
        centre, rise = values[..., :1], values[..., 1::2] - values[..., :1]
        fall, delta = centre - values[..., 2::2], delta[:, None]
        noise = SIGMAS * self.noise.at(np.ascontiguousarray(centre[..., 0]))[..., None]
        return (rise + fall) / (2 * delta), (np.abs(rise - fall) + noise) / delta

    def _respond(self, rows: Floats) -> Floats:
        """Evaluates the model at rows (R, n), a chunk at a time."""
        dtype = self._session.function.dtype
        answers = [
            self._session(rows[k : k + CHUNK_ROWS].astype(dtype))
            for k in range(0, len(rows), CHUNK_ROWS)
        ]
        return np.concatenate(answers).astype(np.float64)
