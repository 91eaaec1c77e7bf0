"""Facts about a graph before it is differentiated: shapes, constants, formats, dependences."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from onnxtaylor.compiler.order import event_blocks
from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph import GraphFunction
from onnxtaylor.graph.moving import MOVING
from onnxtaylor.graph.prune import read_names
from onnxtaylor.graph.rename import unused_stem
from onnxtaylor.rules.bundle import Bundle, Shape
from onnxtaylor.rules.emit import Emitter
from onnxtaylor.rules.rule import Node
from onnxtaylor.rules.strong import StrongZeros

__all__ = ["GraphFacts", "Observation", "shapes_from"]

FIXED_LIMIT = 2**24  # numbers that a tensor may have to be made a constant

# operators whose elements are elements of their input, so that the input's floor is theirs
CARRYING = MOVING | {"MaxPool", "ReduceMax"}
FLAT_AT_ZERO = frozenset({"Relu", "ThresholdedRelu", "HardSigmoid"})

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Observation:
    """All tensors of a graph for batches of two and of three events, by name."""

    two: Arrays
    three: Arrays


def shapes_from(seen: Observation) -> dict[str, Shape]:
    """The shape of every tensor, where −m stands for m·N with the number of events N.

    A tensor is left out if a dimension is neither the same for both batches nor a multiple of N.
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
    """Facts about a graph for the rules: implements ``rules.rule.Context``.

    Tensors that are the same for all data and any number of events become constants, and the nodes
    that compute them are left out. ``event_blocks`` has the order of the events in tensors that do
    not hold them one after another, see ``order``.

    Parameters
    ----------
    function
        The graph.
    seen
        Tensors of the graph for batches of two and of three events.
    opset
        Operator set in which nodes are written.
    weights
        Constants of the graph that will be fed: tensors that depend on them are computed when the
        graph runs.
    strong
        Whether products have strong zeros, 0 · ∞ = 0, see ``rules.strong``.
    """

    def __init__(
        self,
        function: GraphFunction,
        seen: Observation,
        opset: int,
        weights: Collection[str] = (),
        *,
        strong: bool = False,
    ) -> None:
        self.function = function
        graph = function.proto.graph
        emitter = StrongZeros if strong else Emitter
        self.e = emitter(function.dtype, opset, unused_stem(graph, "taylor"))
        self._shapes = shapes_from(seen)
        for tensor in graph.initializer:
            value = numpy_helper.to_array(tensor)
            own = frozenset({tensor.name}) if tensor.name in weights else frozenset[str]()
            self.e.adopt(tensor.name, value, own)
            self._shapes[tensor.name] = tuple(value.shape)
        views = [(Node.of(proto), proto) for proto in graph.node]
        self._adopt_fixed(views, seen)
        # a constant that depends on fed weights must be computed in each run: its node stays
        known = self.e.constants.keys() - self.e.constants.weights.keys()
        live = [(n, p) for n, p in views if not known.issuperset(filter(None, n.outputs))]
        self.nodes = [node for node, _ in live]
        self.protos = [proto for _, proto in live]
        self._makers = {name: node for node in self.nodes for name in node.outputs if name}
        self._formats = {
            name: value.dtype
            for values in (seen.two, self.e.constants)
            for name, value in values.items()
            if value.dtype.kind == "f"
        }
        self.event_blocks = event_blocks([node for node, _ in views], self._shapes)

    def _adopt_fixed(self, views: list[tuple[Node, onnx.NodeProto]], seen: Observation) -> None:
        """Makes constants of the tensors that do not depend on the values of the features.

        A shape depends on the number of events, not on values.
        """
        varying, weights = {self.function.feed}, dict(self.e.constants.weights)
        for node, proto in views:
            if node.kind in ("Shape", "Size"):
                continue
            # CastLike reads only the format of its second input
            read = node.inputs[:1] if node.kind == "CastLike" else tuple(read_names(proto))
            outputs = [name for name in node.outputs if name]
            if varying.intersection(read):
                varying.update(outputs)
            fed = frozenset[str]().union(*(weights.get(name, ()) for name in read))
            weights.update(dict.fromkeys(outputs, fed) if fed else {})
        for name, value in seen.two.items():
            same = value.shape == seen.three[name].shape and value.size <= FIXED_LIMIT
            if name not in varying and same and np.array_equal(value, seen.three[name]):
                self.e.adopt(name, value, weights.get(name, frozenset()))

    def format(self, name: str) -> np.dtype[Any] | None:
        """The floating-point format of a tensor; None for whole numbers and truth values."""
        return self._formats.get(name)

    def cast(self, bundle: Bundle, own: np.dtype[np.floating], to: np.dtype[np.floating]) -> Bundle:
        """Casts a bundle from the format ``own`` to the format ``to``."""
        if own == to:
            return bundle
        kind = helper.np_dtype_to_tensor_dtype(to)
        return bundle.with_tensor(self.e.op("Cast", bundle.name, to=kind))

    def shape(self, name: str) -> Shape:
        """The shape of a tensor; raises ModelError where it is unknown."""
        if name not in self._shapes:
            raise ModelError(
                f"the shape of tensor '{printable(name)}' depends on the events in an unknown way"
            )
        return self._shapes[name]

    def floor(self, name: str) -> float | None:
        """The value at which a tensor is flat, such as 0 behind Relu; None where it has none."""
        node = self._makers.get(name)
        while node is not None and node.kind in CARRYING:
            node = self._makers.get(node.inputs[0])
        return 0.0 if node is not None and node.kind in FLAT_AT_ZERO else None

    def value(self, name: str) -> npt.NDArray[Any] | None:
        """The value of a tensor that is the same for all data; None for any other tensor."""
        value: npt.NDArray[Any] | None = self.e.constants.get(name)
        return value

    def repeat_events(self, bundle: Bundle) -> Bundle:
        """Repeats a bundle that is the same for all events, once for each of them."""
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
