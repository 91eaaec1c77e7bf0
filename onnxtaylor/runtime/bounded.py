"""A time limit for graphs with loops: a loop that ends by its own arithmetic may never end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Timer
from time import monotonic
from typing import Any

import onnx

from onnxtaylor.errors import EndlessError
from onnxtaylor.graph.prune import subgraphs
from onnxtaylor.runtime.provider import import_onnxruntime

__all__ = ["LIMIT", "TimeLimit", "opening"]

LIMIT = 20.0  # seconds of a run, and of all runs that open a model
SLOWER = 100  # times that an event may take as long as any before it, where that is more

LOOPS = ("Loop", "Scan")

# seconds that are left for the runs that open a model; empty elsewhere
_left: ContextVar[list[float]] = ContextVar("_left", default=[])  # noqa: B039


@contextmanager
def opening() -> Iterator[None]:
    """Gives all runs inside of it 20 s together: opening a model takes several."""
    if _left.get():  # it is already a part of opening a model
        yield
        return
    token = _left.set([LIMIT])
    try:
        yield
    finally:
        _left.reset(token)


class TimeLimit:
    """The time that a run of a graph may take, if it has a loop; others end by themselves.

    It is what is left of 20 s while a model is opened. Afterwards it is 20 s, or 100 times what the
    slowest run so far would take for as many events, if that is more. onnxruntime looks between two
    nodes, also inside of loops, whether it must stop.

    Parameters
    ----------
    proto
        The graph that is run.
    """

    def __init__(self, proto: onnx.ModelProto) -> None:
        bodies = (proto.graph.node, *(function.node for function in proto.functions))
        self._loops = any(map(_has_loop, bodies))
        self._pace = 0.0  # seconds an event

    @contextmanager
    def watch(self, events: int) -> Iterator[Any]:
        """Yields onnxruntime's options for one run of ``events``; None where nothing is watched.

        Raises EndlessError where the run was stopped, whatever it raises itself.
        """
        if not self._loops:
            yield None
            return
        options = import_onnxruntime().RunOptions()
        left = _left.get()
        allowed = max(left[0], 0.0) if left else max(LIMIT, SLOWER * self._pace * events)
        timer = Timer(allowed, setattr, (options, "terminate", True))
        timer.daemon = True  # a program that ends does not wait for it
        begin = monotonic()
        timer.start()
        try:
            yield options
        except Exception:
            if not options.terminate:
                raise
            raise EndlessError(
                f"the model did not answer {events} event{'s' * (events != 1)} within"
                f" {LIMIT if left else allowed:.0f} s: a loop in it does not end, or takes too many"
                " turns"
            ) from None
        finally:
            timer.cancel()
            took = monotonic() - begin
            if left:
                left[0] -= took
        self._pace = max(self._pace, took / max(events, 1))


def _has_loop(nodes: Iterable[onnx.NodeProto]) -> bool:
    return any(
        node.op_type in LOOPS or any(_has_loop(graph.node) for graph in subgraphs(node))
        for node in nodes
    )
