"""Times of both programs in turn, and how far their results are apart."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

import numpy as np
import onnx

from validation.performance.onnx_ad.graphs import Case, Graph, ours, theirs

__all__ = ["Row", "measure"]

SHORTEST = 0.004  # seconds that a measured group of calls takes at least


@dataclass(frozen=True)
class Row:
    """One task on one model.

    ``ours`` is the time of a call in seconds, ``ratio`` that of theirs divided by it, the median
    over pairs of groups of calls; both of processor time. ``apart`` is the largest difference of
    the results, of the largest result. ``refused`` is what onnx-ad, or onnxruntime with its graph,
    says; then there is no ratio.
    """

    model: str
    events: int
    task: str
    ours: float
    ratio: float | None = None
    apart: float | None = None
    refused: str = ""


def measure(
    name: str, proto: onnx.ModelProto, events: int, task: str, *, threads: int, pairs: int
) -> Row:
    """Measures one task; raises what our own graph raises."""
    case = Case.drawn(proto, events)
    mine = ours(case, task, threads)
    found = mine.result_of(mine.run())
    try:
        other = theirs(case, task, threads)
        wanted = other.result_of(other.run())
    except Exception as error:  # any: it is reported
        calls = _calls(mine)
        own = statistics.median(_seconds(mine, calls) for _ in range(pairs))
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        return Row(name, events, task, own, refused=reason[:120])
    largest = max(float(np.abs(wanted).max()), 1e-30)
    apart = float(np.abs(found - wanted).max()) / largest
    calls = _calls(mine), _calls(other)
    times = []
    for turn in range(pairs):
        order = (0, 1) if turn % 2 else (1, 0)
        took = {k: _seconds((mine, other)[k], calls[k]) for k in order}
        times.append((took[0], took[1]))
    own = statistics.median(t[0] for t in times)
    ratio = statistics.median(t[1] / t[0] for t in times)
    return Row(name, events, task, own, ratio, apart)


def _calls(graph: Graph) -> int:
    """Number of calls in a group."""
    graph.run()
    begin = time.perf_counter()
    graph.run()
    return max(1, int(SHORTEST / max(time.perf_counter() - begin, 1e-6)))


def _seconds(graph: Graph, calls: int) -> float:
    """Processor time of one call, the mean of a group."""
    begin = time.process_time()
    for _ in range(calls):
        graph.run()
    return (time.process_time() - begin) / calls
