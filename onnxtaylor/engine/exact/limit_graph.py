"""The derivative graph that is evaluated at both sides of events on a joint."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.compiler.joints import JOINT_EVENTS
from onnxtaylor.engine.exact.compile_blocks import compile_blocks
from onnxtaylor.engine.exact.derive import count_joints
from onnxtaylor.engine.exact.fit import Fit, Planned, fit_memory
from onnxtaylor.engine.exact.pipeline import PipelineParts
from onnxtaylor.engine.exact.two_sided import TwoSidedLimits
from onnxtaylor.errors import ModelError
from onnxtaylor.graph import GraphFunction
from onnxtaylor.graph.function import DIGITS
from onnxtaylor.indices import MultiIndices
from onnxtaylor.runtime.available import default_bytes
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
    memory: int | None = None,
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
    memory
        Bytes that the graph may take; by default half of what is free.

    Raises
    ------
    OptionError
        One event, and one feature at a time, need more memory.
    ModelError
        The derivative graph cannot be compiled.
    """
    fine = promote(function, x, provider=provider).function
    memory = default_bytes() if memory is None else memory

    def fitted(function: GraphFunction) -> Fit:
        own = Session(function, provider=provider, threads=1)
        planned = Planned.of(function, indices, own(x[:1]).shape[1])
        return fit_memory(
            partial(compile_blocks, function, indices, x, strong=True), planned, memory, 1
        )

    try:
        fit = fitted(fine)
    except ModelError:  # the promoted graph may have operators without a rule
        if fine is function:
            raise
        fine = function
        fit = fitted(fine)
    session = Session(fine, provider=provider, threads=threads)
    parts = PipelineParts.start(fit, fine, provider=provider, threads=threads)
    feed, outputs = fine.feed, session(x[:1]).shape[1]
    size = max(1, min(BYTES // (8 * outputs * len(indices)), fit.most))

    def differentiate(points: Floats) -> Floats:
        terms = np.empty((len(points), outputs, len(indices)))
        for k in range(0, len(points), size):
            _fill(parts, {feed: points[k : k + size].astype(fine.dtype)}, terms[k : k + size])
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


def _fill(parts: PipelineParts, rows: Mapping[str, npt.NDArray[Any]], terms: Floats) -> None:
    """Fills the coefficients (E, C, K) at the rows that are fed. Raises ModelError."""
    for run in parts.blocks.runs:
        session, reader = parts.sessions[run.graph], parts.readers[run.graph]
        names = [output.name for output in session.get_outputs()]
        try:
            answers = session.run(names, {**rows, **parts.blocks.feeds(run)})
        except Exception as error:
            raise ModelError(f"the derivative graph fails: {reason(error)}") from None
        parts.blocks.put(run, partial(reader.read, dict(zip(names, answers, strict=True))), terms)


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
