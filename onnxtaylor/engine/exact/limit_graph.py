"""The derivative graph that is evaluated at both sides of events on a joint."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.compiler.joints import JOINT_EVENTS
from onnxtaylor.compiler.sums import loose_pieces
from onnxtaylor.engine.exact.derive import count_joints, derive
from onnxtaylor.engine.exact.reader import CoefficientReader
from onnxtaylor.engine.exact.two_sided import TwoSidedLimits
from onnxtaylor.errors import ModelError
from onnxtaylor.graph import GraphFunction
from onnxtaylor.graph.function import DIGITS
from onnxtaylor.indices import MultiIndices
from onnxtaylor.runtime.promotion import promote
from onnxtaylor.runtime.reason import reason
from onnxtaylor.runtime.session import Session, start

__all__ = ["make_two_sided_limits"]

Floats = npt.NDArray[np.float64]

BYTES = 2**26  # of coefficients that the graph computes at a time
ROWS = 2**9  # at which joints are counted at a time


def make_two_sided_limits(
    function: GraphFunction,
    indices: MultiIndices,
    x: Floats,
    *,
    provider: str = "cpu",
    threads: int = 0,
) -> TwoSidedLimits:
    """Compiles the graph by which limits at joints are taken.

    It computes in double precision where the function can be promoted. Its products have strong
    zeros, 0 · ∞ = 0, since a branch that is not taken may have no finite slope.

    Parameters
    ----------
    function
        The function to differentiate.
    indices
        The coefficients.
    x
        Events (B, n) at which the graph is observed.
    provider
        ``cpu`` or ``cuda``.
    threads
        Threads inside the sessions; 0 takes one for each processor.

    Raises
    ------
    ModelError
        The derivative graph cannot be compiled.
    """
    fine = promote(function, x, provider=provider).function
    try:
        graph = derive(fine, indices, x, loose=True, strong=True)
    except ModelError:  # the promoted graph may have operators without a rule
        if fine is function:
            raise
        fine = function
        graph = derive(fine, indices, x, loose=True, strong=True)
    session = Session(fine, provider=provider, threads=threads)
    compiled = start(graph.proto, provider=provider, threads=threads, plain=fine.plain)
    names = [output.name for output in compiled.get_outputs()]
    feed = compiled.get_inputs()[0].name
    reader = CoefficientReader(*loose_pieces(graph), fine.dtype)
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

    counts = start(count_joints(fine, x), provider=provider, threads=threads, plain=fine.plain)
    return TwoSidedLimits(
        indices,
        x,
        DIGITS[str(fine.dtype)],
        session,
        differentiate,
        function.is_varied,
        lambda points: _count(counts, feed, points.astype(fine.dtype)),
    )


def _count(counts: Any, feed: str, points: npt.NDArray[np.floating]) -> Floats:
    """Counts the joints that points (R, n) lie on, (R,); none where no operator has one."""
    if counts.get_outputs()[-1].name != JOINT_EVENTS:
        return np.zeros(len(points))
    parts = []
    for k in range(0, len(points), ROWS):
        try:
            (part,) = counts.run([JOINT_EVENTS], {feed: points[k : k + ROWS]})
        except Exception as error:
            raise ModelError(f"the graph of joints fails: {reason(error)}") from None
        parts.append(part[:, 0])
    return np.concatenate(parts).astype(np.float64)
