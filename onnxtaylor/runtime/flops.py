"""Operations and memory traffic of a graph, counted from its nodes and the shapes of its tensors.

A product of matrices (m, k)·(k, n) is 2·m·k·n operations, multiplications and additions; an element
of an elementwise operator is one, whatever the function; what only moves numbers is none. So they
compare graphs and predict no time by themselves: times are measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import onnx

from onnxtaylor.runtime.operations import Shapes, count_node
from onnxtaylor.runtime.shapes import shapes_of_feeds, tensor_shapes

__all__ = ["EventWork", "Work", "count_work", "work_of_event"]

SEVERAL = 8  # events of the run that the work of one event is taken from


@dataclass(frozen=True)
class Work:
    """The work of one run of a graph.

    Parameters
    ----------
    flops
        Operations.
    elements
        Numbers that nodes read and write, those of constants left out.
    largest
        Numbers that the node with most of them reads and writes: what a cache must hold for it.
    uncounted
        Operators whose work is not known: a shape is missing or does not fit, or a loop
        has no fixed length.
    """

    flops: float
    elements: float
    largest: float
    uncounted: frozenset[str] = frozenset()


def count_work(proto: onnx.ModelProto, shapes: Shapes) -> Work:
    """Counts the work of one run.

    Parameters
    ----------
    proto
        The graph.
    shapes
        The shape of every tensor by name, at the number of events of the run.

    Returns
    -------
    Work
        Sums over all nodes. A node whose shapes are missing adds nothing and is named.
    """
    constants = {tensor.name: tuple(tensor.dims) for tensor in proto.graph.initializer}
    known = {**constants, **shapes}
    flops, elements, largest, uncounted = 0.0, 0.0, 0.0, set()
    for node in proto.graph.node:
        found = count_node(node, known)
        if found is None:
            uncounted.add(node.op_type)
            continue
        flops += found
        if node.op_type == "Constant":
            continue
        moved = {name for name in (*node.input, *node.output) if name and name not in constants}
        own = float(sum(prod(known[name]) for name in moved if name in known))
        elements, largest = elements + own, max(largest, own)
    return Work(flops, elements, largest, frozenset(uncounted))


@dataclass(frozen=True)
class EventWork:
    """The work of one event in a call of several.

    Parameters
    ----------
    nodes
        Nodes of the graph.
    flops
        Operations.
    bytes
        Bytes that nodes read and write, those of constants left out.
    largest
        Bytes of the node with most of them.
    uncounted
        Operators whose work is not known.
    """

    nodes: int
    flops: float
    bytes: float
    largest: float
    uncounted: frozenset[str] = frozenset()


def work_of_event(proto: onnx.ModelProto, itemsize: int = 4) -> EventWork:
    """Counts the work of one event: every axis of an input without a fixed length counts events.

    Parameters
    ----------
    proto
        The graph.
    itemsize
        Bytes of a number.
    """
    shapes = tensor_shapes(proto, shapes_of_feeds(proto, SEVERAL))
    # a shape that is an estimate does for bytes; so it does for operations, where it fits the node
    work = count_work(proto, {name: known.shape for name, known in shapes.items()})
    each = itemsize / SEVERAL
    return EventWork(
        len(proto.graph.node),
        work.flops / SEVERAL,
        each * work.elements,
        each * work.largest,
        work.uncounted,
    )
