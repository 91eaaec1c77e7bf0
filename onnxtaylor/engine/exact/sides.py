"""The graphs by which events on a joint are looked at from both sides."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from onnxtaylor.compiler.sums import loose_pieces
from onnxtaylor.engine.exact.derive import derive
from onnxtaylor.engine.exact.joints import Sides
from onnxtaylor.engine.exact.lane import Reader
from onnxtaylor.errors import ModelError
from onnxtaylor.graph import GraphFunction
from onnxtaylor.graph.function import DIGITS
from onnxtaylor.indices import MultiIndices
from onnxtaylor.runtime.promotion import promote
from onnxtaylor.runtime.reason import reason
from onnxtaylor.runtime.session import Session, start

__all__ = ["two_sides"]

Floats = npt.NDArray[np.float64]

BYTES = 2**26  # of coefficients that the graph makes at a time


def two_sides(
    function: GraphFunction,
    indices: MultiIndices,
    x: Floats,
    *,
    provider: str = "cpu",
    threads: int = 0,
) -> Sides:
    """Looks at a function beside its joints, in double precision where it can be promoted.

    Products have strong zeros: a branch that is not taken may have no finite slope. x (B, n) are
    events at which the graph is observed. Raises ModelError where that cannot be compiled.
    """
    fine = promote(function, x, provider=provider).function
    try:
        graph = derive(fine, indices, x, loose=True, strong=True)
    except ModelError:
        if fine is function:
            raise
        fine = function
        graph = derive(fine, indices, x, loose=True, strong=True)
    session = Session(fine, provider=provider, threads=threads)
    compiled = start(graph.proto, provider=provider, threads=threads, plain=fine.plain)
    names = [output.name for output in compiled.get_outputs()]
    feed = compiled.get_inputs()[0].name
    reader = Reader(*loose_pieces(graph), fine.dtype)
    outputs = session(x[:1]).shape[1]
    size = max(1, BYTES // (8 * outputs * len(indices)))

    def differentiate(points: Floats) -> Floats:
        terms = np.empty((len(points), outputs, len(indices)))
        for k in range(0, len(points), size):
            rows = points[k : k + size].astype(fine.dtype)
            try:
                answers = compiled.run(names, {feed: rows})
            except Exception as error:
                raise ModelError(f"the derivative graph fails: {reason(error)}") from None
            reader.read(dict(zip(names, answers, strict=True)), terms[k : k + size])
        return terms

    return Sides(indices, x, DIGITS[str(fine.dtype)], session, differentiate)
