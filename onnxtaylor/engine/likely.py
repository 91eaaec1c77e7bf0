"""The work of an engine for an event, counted from its graphs, and the seconds it likely takes.

The seconds are those of the rough machine of ``onnxtaylor.engine.exact.batch_size``, one thread: as
a prediction they may be wrong by a factor of a few, but their ratios hold on any machine, and they
are the same in every run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from weakref import WeakKeyDictionary

import onnx

from onnxtaylor.compiler import DerivativeGraph
from onnxtaylor.engine.base import Engine
from onnxtaylor.engine.exact.averaged import Averaged
from onnxtaylor.engine.exact.batch_size import guess_batch_size
from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.runtime.flops import EventWork, work_of_event

__all__ = ["affordable_events", "likely_seconds", "seconds_of_graphs", "works_of_event"]

MOST = 256  # events of a batch

Works = list[tuple[float, EventWork]]

# shapes of long graphs take a while to infer: an engine's are counted once
_counted: WeakKeyDictionary[Engine, Works | None] = WeakKeyDictionary()


def works_of_event(engine: Engine, model: onnx.ModelProto) -> Works | None:
    """Counts the graphs that an engine runs for an event: how often, and the work of each.

    Parameters
    ----------
    engine
        The engine.
    model
        The function that it differentiates.

    Returns
    -------
    list or None
        Pairs (runs, work); None for an engine whose graphs are not known here.
    """
    if engine not in _counted:
        _counted[engine] = _count(engine, model)
    return _counted[engine]


def _count(engine: Engine, model: onnx.ModelProto) -> Works | None:
    one = work_of_event(model)
    if engine.name in ("differences", "finite-step"):
        return [(engine.points, one)]
    if isinstance(engine, Exact):
        graphs = engine.fit.graphs
        own = [_work(graph) for graph in graphs.graphs]
        return [*((1, own[run.graph]) for run in graphs.runs), (1, one)]  # responses are compared
    if not isinstance(engine, Averaged):
        return None
    # n features: 2n gradients and one, 4n + 1 responses
    gradients = 1 + (engine.points - 2) // 3
    own = [_work(engine.graphs.graphs[run.graph]) for run in engine.graphs.runs]
    return [*((gradients, work) for work in own), (engine.points - gradients, one)]


def likely_seconds(works: Works) -> float | None:
    """Adds up the seconds of runs of graphs; None where the work of one is not known."""
    if any(work.uncounted for _, work in works):
        return None
    return sum(runs * _seconds(work) for runs, work in works)


def affordable_events(engine: Engine, model: onnx.ModelProto, *, seconds: float, most: int) -> int:
    """Returns the number of events that an engine is likely to do in so many seconds, 1 to most."""
    works = works_of_event(engine, model)
    each = likely_seconds(works) if works else None
    return most if not each else int(min(max(seconds / each, 1), most))


def seconds_of_graphs(graphs: Iterator[DerivativeGraph]) -> float:
    """Adds up the seconds of one run of each graph, as far as its work is known."""
    return sum(_seconds(_work(graph)) for graph in graphs)


def _work(graph: DerivativeGraph) -> EventWork:
    """Counts the work of a derivative graph and of the products that are made behind it."""
    work = work_of_event(graph.proto)
    return replace(work, flops=work.flops + sum(product.flops for product in graph.products))


def _seconds(work: EventWork) -> float:
    guess = guess_batch_size(work, most=MOST)
    return guess.seconds / guess.size
