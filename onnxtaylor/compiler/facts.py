"""What is known of a graph before it is differentiated: shapes, values, what depends on what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from onnxtaylor.errors import ModelError
from onnxtaylor.graph import GraphFunction
from onnxtaylor.rules.base import Node
from onnxtaylor.rules.bundle import Bundle, Shape
from onnxtaylor.rules.emit import Emitter

__all__ = ["GraphFacts", "Observation", "shapes_from"]

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Observation:
    """All tensors of a graph, seen at two batch sizes: two and three events."""

    two: Arrays
    three: Arrays


def shapes_from(seen: Observation) -> dict[str, Shape]:
    """Every tensor's shape with its dependence on the number of events N: −m for m·N.

    A dimension that is neither the same in both nor a multiple of N is left out with its tensor.
    """
    shapes: dict[str, Shape] = {}
    for name, a in seen.two.items():
        b = seen.three[name]
        if a.ndim != b.ndim:
            continue
        dims = []
        for p, q in zip(a.shape, b.shape, strict=True):
            if p == q:
                dims.append(int(p))
            elif p == 2 * (q - p):
                dims.append(-int(q - p))
            else:
                break
        else:
            shapes[name] = tuple(dims)
    return shapes


class GraphFacts:
    """The context in which rules write: implements ``rules.base.Context``."""

    def __init__(self, function: GraphFunction, seen: Observation, opset: int) -> None:
        self.function = function
        self.e = Emitter(function.dtype, opset)
        graph = function.proto.graph
        self._shapes = shapes_from(seen)
        self.nodes = [Node.of(proto) for proto in graph.node]
        self.protos: list[onnx.NodeProto] = list(graph.node)
        self.varying = self._follow_features()
        for tensor in graph.initializer:
            value = numpy_helper.to_array(tensor)
            self.e.adopt(tensor.name, value)
            self._shapes[tensor.name] = tuple(value.shape)
        self._values = self._fixed_values(seen)

    def _follow_features(self) -> set[str]:
        """Everything that is computed from the features, whether it has a derivative or not."""
        varying = {self.function.feed}
        for node in self.nodes:
            if varying.intersection(node.inputs):
                varying.update(name for name in node.outputs if name)
        return varying

    def _fixed_values(self, seen: Observation) -> dict[str, npt.NDArray[Any]]:
        """Tensors that no feature reaches, and shapes: the same at both batch sizes."""
        fixed = dict(self.e.constants)
        for name, value in seen.two.items():
            other = seen.three[name]
            whole = value.dtype.kind in "iub"
            settled = name not in self.varying or (whole and self._is_shape(name))
            if settled and value.shape == other.shape and np.array_equal(value, other):
                fixed[name] = value
        return fixed

    def _is_shape(self, name: str) -> bool:
        """Whole numbers that come from shapes alone, not from what the features are."""
        sources = {n: node for node in self.nodes for n in node.outputs}
        waiting, known = [name], set()
        while waiting:
            current = waiting.pop()
            node = sources.get(current)
            if current == self.function.feed:
                return False
            if node is None or node.kind in ("Shape", "Size") or current in known:
                continue
            known.add(current)
            waiting.extend(n for n in node.inputs if n)
        return True

    def shape(self, name: str) -> Shape:
        """The shape of a tensor; raises ModelError where it is not known."""
        if name not in self._shapes:
            raise ModelError(f"the shape of tensor '{name}' changes in an unknown way")
        return self._shapes[name]

    def value(self, name: str) -> npt.NDArray[Any] | None:
        """The value of a tensor that is the same for all data, None for others."""
        return self._values.get(name)

    def repeated(self, bundle: Bundle) -> Bundle:
        """Tiles a bundle along its events."""
        if bundle.varies:
            return bundle
        e = self.e
        shape = e.op("Shape", self.function.feed)
        events = e.op("Gather", shape, e.constant([0]), axis=0)
        axis = next(k for k, d in enumerate(bundle.shape) if d < 0)
        front, back = [1] * (axis + 1), [1] * (len(bundle.shape) - axis - 1)
        parts = [e.constant(front), events, *([e.constant(back)] if back else [])]
        name = e.op("Tile", bundle.name, e.op("Concat", *parts, axis=0))
        return Bundle(name, bundle.lead, bundle.shape, varies=True)
