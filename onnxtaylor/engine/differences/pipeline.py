"""One thread's way from events to coefficients: displace → evaluate → contract, chunk by chunk."""

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
from onnxtaylor.runtime.session import BoundCall, Session

__all__ = ["Pipeline"]

Floats = npt.NDArray[np.float64]


class Pipeline:
    """Buffers for a chunk of ``events`` events or, of one event, for ``block`` stencil points.

    ``steps`` (G, n) are those of the stencil's groups, ``noise`` is needed where it has gaps.
    ``parallel`` runs the kernels on all of Numba's threads: for a single pipeline only.
    """

    def __init__(
        self,
        session: Session,
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
        self._calls: dict[tuple[int, int, int], BoundCall] = {}
        self._round: Callable[..., None] = round_to_grid if parallel else round_to_grid.alone
        self._displace: Callable[..., None] = displace if parallel else displace.alone
        self._contract: Callable[..., None] = contract if parallel else contract.alone
        self._bound: Callable[..., None] = bound_errors if parallel else bound_errors.alone

    def run(
        self,
        x: Floats,
        responses: Floats,
        terms: Floats,
        errors: Floats | None = None,
        kinks: npt.NDArray[np.bool_] | None = None,
        evaluated: Callable[[int], None] | None = None,
    ) -> None:
        """Fills responses (E, C) and terms (E, C, K) at x (E, n), E at most ``events``.

        Of a stencil with gaps also errors (E, C, K) and kinks (E, n). ``evaluated`` is told how
        many rows the model has gone through since the last time. Raises ModelError where the model
        fails.
        """
        stencil, weights, count = self._stencil, self._stencil.formula, len(x)
        centres = self._centres[:count]
        self._round(np.ascontiguousarray(x), self._widest, weights.reach, self._digits, centres)
        for first in range(0, stencil.points, self._block):
            size = min(self._block, stencil.points - first)
            self._displace(
                centres,
                self._steps,
                stencil.features,
                stencil.pairs,
                weights.multiples,
                weights.corners,
                first,
                self._rows[:count, :size],
            )
            self._call(count, first, size)()
            if evaluated is not None:
                evaluated(count * size)
        found = self._responses[:count]
        responses[:] = found[:, 0]
        self._contract(
            found,
            self._steps,
            stencil.features,
            stencil.pairs,
            stencil.axes_of_pairs,
            weights.first,
            weights.second,
            weights.corner,
            weights.ridge,
            stencil.slots_first,
            stencil.slots_second,
            stencil.slots_pairs,
            terms,
        )
        if stencil.gaps is None or self._noise is None or errors is None or kinks is None:
            return
        self._bound(
            found,
            self._noise.at(found[:, 0]),
            self._noise.relative,
            self._steps,
            stencil.features,
            stencil.pairs,
            stencil.axes_of_pairs,
            stencil.gaps.first,
            stencil.gaps.second,
            weights.corners,
            stencil.gaps.corner,
            stencil.gaps.ridge,
            stencil.gaps.amplified,
            stencil.gaps.pooled,
            stencil.slots_first,
            stencil.slots_second,
            stencil.slots_pairs,
            errors,
            kinks,
        )

    def _call(self, events: int, first: int, size: int) -> BoundCall:
        """The bound call from the rows of this chunk into its place among the responses."""
        key = (events, first, size)
        if key not in self._calls:
            rows: npt.NDArray[Any] = self._rows[:events, :size]
            targets = self._responses[:events, first : first + size]
            self._calls[key] = self._session.bind(
                rows.reshape(-1, rows.shape[2]), targets.reshape(-1, targets.shape[2])
            )
        return self._calls[key]
