"""Removes loops, branches and sequences from a function, as far as no feature decides them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.compiler.facts import GraphFacts, shapes_from
from onnxtaylor.graph import GraphFunction
from onnxtaylor.graph.normalize import (
    OPSET,
    blend_branches,
    modernize,
    settle_branches,
    settle_loops,
    settle_sequences,
    split_places,
)
from onnxtaylor.graph.prune import prune, read_names
from onnxtaylor.runtime.observe import observe

__all__ = ["settle"]

ROUNDS = 8  # a branch may hold a loop, a condition may be the length of a sequence
LOOPS = ("Loop", "Scan")

Observed = tuple[Mapping[str, npt.NDArray[Any]], Mapping[str, tuple[int, ...]]]


def settle(function: GraphFunction, x: npt.NDArray[np.float64] | None) -> GraphFunction:
    """Modernizes a function and writes out its loops, branches and sequences.

    Every Loop and Scan of a known and small number of turns becomes copies of its body, every If
    whose condition does not vary the branch that is taken, another If both branches and a choice,
    every sequence of known tensors these tensors. Many Gathers of single places become a Split.

    Parameters
    ----------
    function
        The function, without half precision.
    x
        Events (B, n) at which the graph is observed; stand-ins by default.

    Raises
    ------
    ModelError
        A pass cannot handle the graph.
    """

    def observed(proto: onnx.ModelProto, names: set[str] | None = None) -> Observed:
        part = _without_loops(proto, names)
        modern = function.with_proto(part)
        tensors = observe(modern, x)
        stored = {t.name: tuple(t.dims) for t in part.graph.initializer}
        return GraphFacts(modern, tensors, OPSET).e.constants, shapes_from(tensors) | stored

    def decided(proto: onnx.ModelProto, conditions: set[str]) -> dict[str, bool]:
        fixed, _ = observed(proto, conditions)
        return {name: bool(fixed[name]) for name in conditions if name in fixed}

    def shapes(proto: onnx.ModelProto) -> Mapping[str, tuple[int, ...]]:
        return observed(proto)[1]

    proto = modernize(function.proto)
    for _ in range(ROUNDS):
        before = proto
        proto = settle_loops(proto, observed)
        proto = settle_branches(proto, decided)
        proto = settle_sequences(proto, observed)
        if proto is before:
            proto = blend_branches(proto, shapes)
        if proto is before:
            break
    return function.with_proto(split_places(proto, observed))


def _without_loops(proto: onnx.ModelProto, names: set[str] | None) -> onnx.ModelProto:
    """Returns the part of a graph that computes some tensors, or all, without running loops.

    A loop that is left may run for ever. What is behind it is left out.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    graph = copy.graph
    behind: set[str] = set()
    nodes = []
    for node in proto.graph.node:
        if node.op_type in LOOPS or behind.intersection(read_names(node)):
            behind.update(name for name in node.output if name)
        else:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    if names is not None:
        inputs = list(graph.input)
        prune(graph, names - behind)
        del graph.input[:]
        graph.input.extend(inputs)
    return copy
