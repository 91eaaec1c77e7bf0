"""Agreement of a graph that was given other weights with the model that has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import ModelError
from onnxtaylor.graph import GraphFunction
from onnxtaylor.runtime.session import Session

__all__ = ["COMPARED", "compared", "require_same"]

COMPARED = 64  # events at which responses are compared

Array = npt.NDArray[Any]


def compared(parts: Any, function: GraphFunction, x: Array, where: str) -> Any:
    """Yields the parts unchanged; checks that the first responses agree with the function's."""
    expected = Session(function, threads=1)(x[:COMPARED])
    for part, answer in parts:
        if part.start < COMPARED:
            count = min(part.stop, COMPARED) - part.start
            want = expected[part.start : part.start + count]
            require_same(
                answer.responses[:count],
                want,
                f"{where}the derivative graph's response differs from the model's by {{}}: report"
                " this",
                digits=function.digits,
            )
        yield part, answer


def require_same(responses: Array, expected: Array, message: str, digits: int = 53) -> None:
    """Raises ModelError with the deviation in its message where responses differ.

    The limit is 2¹⁰ roundings (1/16 at most) of the largest response, in the coarser format of the
    two, or with ``digits`` binary digits if the computation had fewer. Only events with a finite
    expected response count. Responses below 2⁻⁷ count as 2⁻⁷: their terms, as in 1 − sigmoid, have
    the rounding of larger numbers.
    """
    formats = [a.dtype for a in (responses, expected) if a.dtype.kind == "f"]
    eps = max(2.0 ** (1 - digits), *(float(np.finfo(kind).eps) for kind in formats))
    finite = np.isfinite(expected)
    wanted = expected[finite].astype(np.float64)
    scale = max(2**-7, float(np.abs(wanted).max(initial=0.0)))
    worst = float(np.abs(responses[finite].astype(np.float64) - wanted).max(initial=0.0))
    if not worst <= min(2**10 * eps, 2**-4) * scale:
        raise ModelError(message.format(f"{worst:.2g}"))
