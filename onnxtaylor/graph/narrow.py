"""Cuts functions to some of their responses, without the nodes that only others need.

A choice of columns is moved from the responses up through all operators that act on each column by
itself, as far as these go: of a model with two heads, one head remains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import onnx
from onnx import numpy_helper

from onnxtaylor.graph.builder import Builder
from onnxtaylor.graph.function import GraphFunction
from onnxtaylor.graph.moving import RESHAPING
from onnxtaylor.graph.prune import prune

__all__ = ["narrowed", "sources"]

# each column of the output comes from the same column of the input; further inputs are numbers
UNARY = frozenset(
    {"Identity", "Cast", "Abs", "Neg", "Exp", "Log", "Sqrt", "Reciprocal", "Clip", "Relu"}
    | {"Sigmoid", "Tanh", "Elu", "LeakyRelu", "Softplus", "Softsign", "Erf", "Gelu"}
)
BINARY = frozenset({"Add", "Sub", "Mul", "Div", "Pow"})
HIGHEST = 200  # nodes one above the other that a choice is moved through


def narrowed(
    function: GraphFunction, columns: Sequence[int], widths: Mapping[str, int]
) -> GraphFunction:
    """Returns a function cut to some of its responses.

    Parameters
    ----------
    function
        The function (N, n) → (N, C).
    columns
        Places of the responses to keep, from 0 to C − 1.
    widths
        W of every tensor (N, W) of the graph, by its name.

    Returns
    -------
    GraphFunction
        The function (N, n) → (N, len(columns)).
    """
    return _Walk(function, widths).cut(columns)


def sources(function: GraphFunction, column: int, widths: Mapping[str, int]) -> frozenset[str]:
    """Returns the tensors from which a response's column is read.

    Responses that are read from the same tensors need the same nodes. ``widths`` is described at
    ``narrowed``.
    """
    walk = _Walk(function, widths)
    walk.choose(function.response, (column,))
    return frozenset(walk.ends)


class _Walk:
    """Walk from the responses upwards through a copy of the graph, with the columns to keep."""

    def __init__(self, function: GraphFunction, widths: Mapping[str, int]) -> None:
        self._function, self._widths = function, widths
        self._proto = onnx.ModelProto()
        self._proto.CopyFrom(function.proto)
        graph = self._proto.graph
        self._builder = Builder(self._proto)
        self._producers = {name: node for node in graph.node for name in node.output}
        self._constants = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        self._chosen: dict[tuple[str, tuple[int, ...]], str] = {}  # what was asked for before
        self._height = 0
        self.ends: set[str] = set()

    def cut(self, columns: Sequence[int]) -> GraphFunction:
        """Returns the function that has only these response columns."""
        graph, feed = self._proto.graph, self._proto.graph.input[0].SerializeToString()
        chosen = self.choose(self._function.response, tuple(columns))
        graph.output[0].name = self._builder.node(
            "Identity", [chosen], output=self._builder.unused("responses"), last=True
        )
        prune(graph, [graph.output[0].name])
        del graph.input[:]
        graph.input.append(onnx.ValueInfoProto.FromString(feed))
        return replace(self._function, proto=self._proto)

    def choose(self, name: str, columns: tuple[int, ...]) -> str:
        """Returns the name of a tensor (N, len(columns)) that has these columns of a tensor."""
        if (name, columns) not in self._chosen:
            self._chosen[name, columns] = self._choose(name, columns)
        return self._chosen[name, columns]

    def _choose(self, name: str, columns: tuple[int, ...]) -> str:
        node, width = self._producers.get(name), self._widths.get(name)
        high = self._height >= HIGHEST
        if node and width is not None and not high and node.domain in ("", "ai.onnx"):
            self._height += 1
            above = self._above(node, width, columns)
            self._height -= 1
            if above is not None:
                return above
        self.ends.add(name)
        if columns == tuple(range(width or 0)):
            return name
        places = self._builder.constant(np.array(columns, np.int64))
        return self._builder.node("Gather", [name, places], axis=1, last=True)

    def _above(self, node: onnx.NodeProto, width: int, columns: tuple[int, ...]) -> str | None:
        """Name of a node's output with these columns alone; None where the node mixes columns."""
        kind, first = node.op_type, node.input[0]
        same = self._widths.get(first) == width
        if kind in RESHAPING:
            return self.choose(first, columns) if same else None
        if kind in UNARY:
            return (
                self._copy(node, [self.choose(first, columns), *node.input[1:]]) if same else None
            )
        if kind in BINARY:
            inputs = [self._operand(name, width, columns) for name in node.input]
            return None if None in inputs else self._copy(node, [n for n in inputs if n])
        axis = {a.name: a.i for a in node.attribute}.get("axis", 0)
        if kind == "Concat" and axis in (1, -1):
            return self._joined(node, columns)
        places = self._constants.get(node.input[1]) if kind == "Gather" else None
        if places is None or axis not in (1, -1) or places.ndim != 1 or first not in self._widths:
            return None
        chosen = places[list(columns)] % self._widths[first]
        return self.choose(first, tuple(chosen.tolist()))

    def _operand(self, name: str, width: int, columns: tuple[int, ...]) -> str | None:
        """These columns of an operand, which may be a number or a row of constants."""
        value = self._constants.get(name)
        if value is not None and value.size == 1:
            return name
        if value is not None:
            fits = value.shape in ((width,), (1, width))
            return self._builder.constant(value[..., list(columns)]) if fits else None
        return self.choose(name, columns) if self._widths.get(name) == width else None

    def _joined(self, node: onnx.NodeProto, columns: tuple[int, ...]) -> str | None:
        """Splits the columns of a Concat by input; neighbours from one input form one run."""
        if any(name not in self._widths for name in node.input):
            return None
        origins = [(name, k) for name in node.input for k in range(self._widths[name])]
        parts: list[tuple[str, list[int]]] = []
        for name, place in (origins[c] for c in columns):
            if not parts or parts[-1][0] != name:
                parts.append((name, []))
            parts[-1][1].append(place)
        names = [self.choose(name, tuple(places)) for name, places in parts]
        return (
            names[0] if len(names) == 1 else self._builder.node("Concat", names, axis=1, last=True)
        )

    def _copy(self, node: onnx.NodeProto, inputs: Sequence[str]) -> str:
        copy = onnx.NodeProto.FromString(node.SerializeToString())
        copy.input[:] = inputs
        copy.name = copy.output[0] = self._builder.unused(node.output[0])
        self._builder.graph.node.append(copy)
        return str(copy.output[0])
