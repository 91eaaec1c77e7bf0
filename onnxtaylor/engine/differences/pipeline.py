"""One thread's pipeline from events to coefficients: displace → evaluate → contract, in chunks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from onnxtaylor_kernels.contract import contract
from onnxtaylor_kernels.displace import displace, round_to_grid
from onnxtaylor_kernels.errors import bound_errors

from onnxtaylor.engine.differences.noise import ResponseNoise
from onnxtaylor.engine.differences.stencil import Stencil
from onnxtaylor.runtime.session import Evaluator

__all__ = ["Pipeline"]

Floats = npt.NDArray[np.float64]


class Pipeline:
    """Turns chunks of events into coefficients, with buffers that are reused.

    Parameters
    ----------
    session
        The original model; threads may share it.
    stencil
        Points and weights.
    steps
        Steps of the stencil's groups, (G, n), in units of the features.
    outputs
        Number of responses, C.
    events
        Most events of a chunk.
    block
        Stencil points that are evaluated at a time.
    parallel
        Whether the kernels run on all of Numba's threads: for a single pipeline only.
    noise
        Noise of the responses; needed where the stencil has error weights.
    """

    def __init__(
        self,
        session: Evaluator,
        stencil: Stencil,
        steps: Floats,
        *,
        outputs: int,
        events: int,
        block: int,
        parallel: bool,
        noise: ResponseNoise | None = None,
    ) -> None:
        function = session.function
        n, dtype = function.n_features, function.dtype
        self._session, self._stencil, self._steps = session, stencil, steps
        self._digits = function.digits
        self._noise = noise
        self._widest = steps.max(axis=0)
        self._block = block
        self._centres = np.empty((events, n), dtype)
        self._rows = np.empty((events, block, n), dtype)
        self._responses = np.empty((events, stencil.points, outputs), dtype)
        self._calls: dict[tuple[int, int, int], Callable[[], None]] = {}
        self._round: Callable[..., None] = round_to_grid if parallel else round_to_grid.alone
        self._displace: Callable[..., None] = displace if parallel else displace.alone
        self._contract: Callable[..., None] = contract if parallel else contract.alone
        self._bound_errors: Callable[..., None] = bound_errors if parallel else bound_errors.alone

    def run(
        self,
        x: Floats,
        responses: Floats,
        terms: Floats,
        error_bounds: Floats | None = None,
        kinks: npt.NDArray[np.bool_] | None = None,
        evaluated: Callable[[int], None] | None = None,
    ) -> None:
        """Computes the coefficients of up to ``events`` events.

        Parameters
        ----------
        x
            Events (E, n).
        responses
            Filled with their responses, (E, C).
        terms
            Filled with their coefficients, (E, C, K).
        error_bounds
            Filled with bounds of abs(t − true), (E, C, K), where the stencil has error weights.
        kinks
            Likewise filled with flags of features along which a kink lies within reach, (E, n).
        evaluated
            Called with the number of rows that the model has evaluated since its last call.

        Raises
        ------
        ModelError
            The model fails.
        """
        stencil, formula, count = self._stencil, self._stencil.formula, len(x)
        centres = self._centres[:count]
        self._round(np.ascontiguousarray(x), self._widest, formula.reach, self._digits, centres)
        for first in range(0, stencil.points, self._block):
            size = min(self._block, stencil.points - first)
            self._displace(
                centres,
                self._steps,
                stencil.features,
                stencil.pairs,
                formula.multiples,
                formula.corners,
                first,
                self._rows[:count, :size],
            )
            self._call(count, first, size)()
            if evaluated is not None:
                evaluated(count * size)
        at_points = self._responses[:count]
        responses[:] = at_points[:, 0]
        self._contract(
            at_points,
            self._steps,
            stencil.features,
            stencil.pairs,
            stencil.axes_of_pairs,
            formula.first,
            formula.second,
            formula.corner,
            formula.ridge,
            stencil.slots_first,
            stencil.slots_second,
            stencil.slots_pairs,
            terms,
        )
        if error_bounds is not None and kinks is not None:
            self._bound(at_points, error_bounds, kinks)

    def _bound(
        self,
        at_points: npt.NDArray[Any],
        error_bounds: Floats,
        kinks: npt.NDArray[np.bool_],
    ) -> None:
        """Fills bounds and kinks from the responses at the stencil's points (E, P, C)."""
        stencil, weights = self._stencil, self._stencil.error_weights
        if weights is None or self._noise is None:
            return
        self._bound_errors(
            at_points,
            self._noise.at(at_points[:, 0]),
            self._noise.relative,
            self._steps,
            stencil.features,
            stencil.pairs,
            stencil.axes_of_pairs,
            weights.first,
            weights.second,
            stencil.formula.corners,
            weights.corner,
            weights.ridge,
            weights.amplified,
            weights.pooled,
            stencil.slots_first,
            stencil.slots_second,
            stencil.slots_pairs,
            error_bounds,
            kinks,
        )

    def _call(self, events: int, first: int, size: int) -> Callable[[], None]:
        """Binds the rows of a block to their place among the responses, once for each size."""
        key = (events, first, size)
        if key not in self._calls:
            rows: npt.NDArray[Any] = self._rows[:events, :size]
            targets = self._responses[:events, first : first + size]
            self._calls[key] = self._session.bind(
                rows.reshape(-1, rows.shape[2]), targets.reshape(-1, targets.shape[2])
            )
        return self._calls[key]
