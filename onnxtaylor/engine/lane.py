"""One thread's way from events to exact coefficients: run the graph, collect, compare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from onnxtaylor_kernels.collect import collect, multiply

from onnxtaylor.compiler.pieces import Piece
from onnxtaylor.engine.session import Session, reason
from onnxtaylor.errors import ModelError

__all__ = ["Lane"]

Floats = npt.NDArray[np.float64]


class Lane:
    """Runs ``compiled``, a session of a derivative graph, on ``events`` events at a time.

    ``pieces`` are its outputs behind the response, and ``factors`` (K,) what the coefficients are
    multiplied by. ``original`` is the model that was differentiated. Sessions may be shared by
    lanes.
    """

    def __init__(
        self,
        compiled: Any,
        original: Session,
        pieces: Sequence[Piece],
        factors: Floats,
        *,
        events: int,
        outputs: int,
    ) -> None:
        function = original.function
        self._compiled, self._pieces = compiled, list(zip(pieces, _first(pieces), strict=True))
        self._slots = np.flatnonzero(factors != 1.0)
        self._factors = factors[self._slots]
        self._rows = np.zeros((events, function.n_features), function.dtype)
        self._feeds = {compiled.get_inputs()[0].name: self._rows}
        self._names = [output.name for output in compiled.get_outputs()]
        self._expected = np.zeros((events, outputs), function.dtype)
        self._original = original.bind(self._rows, self._expected)
        # numbers that the kernels know
        self._dtype = np.float64 if function.dtype == np.float64 else np.float32

    def run(self, x: Floats, responses: Floats, terms: Floats) -> None:
        """Fills responses (E, C) and terms (E, C, K) at x (E, n), E at most ``events``.

        Raises ModelError where a graph fails, or the two disagree on the responses.
        """
        count = len(x)
        self._rows[:count] = x
        self._rows[count:] = x[-1]  # the last batch is filled up
        try:
            found = dict(
                zip(self._names, self._compiled.run(self._names, self._feeds), strict=True)
            )
        except Exception as error:
            raise ModelError(f"the derivative graph fails: {reason(error)}") from None
        responses[:] = found[self._names[0]][:count]
        for piece, first in self._pieces:
            part = found[piece.name][:count].astype(self._dtype, copy=False)
            flat = part.reshape(count, terms.shape[1], -1)
            collect.alone(flat, piece.runs, first, terms)
        multiply.alone(self._slots, self._factors, terms)
        self._compare(responses, count)

    def _compare(self, responses: Floats, count: int) -> None:
        """The derivative graph's response against the original model's."""
        self._original()
        expected = self._expected[:count].astype(np.float64)
        scale = np.abs(expected).max(initial=1e-30)
        # sums may be taken in another order in the two graphs, and in long chains
        limit = 2**10 * np.finfo(self._rows.dtype).eps * max(scale, 1.0)
        worst = np.abs(responses - expected).max(initial=0.0)
        if not worst <= limit and np.isfinite(expected).all():
            raise ModelError(
                f"the derivative graph's response differs from the model's by {worst:.2g}: use"
                " --engine differences, and report this"
            )


def _first(pieces: Sequence[Piece]) -> list[bool]:
    """Whether each piece is the first of its slots; another one may share none or all of them."""
    seen: set[int] = set()
    first = []
    for piece in pieces:
        slots = {slot + k for slot, _, _, length in piece.runs.tolist() for k in range(length)}
        first.append(seen.isdisjoint(slots))
        seen |= slots
    return first
