"""Exact Taylor coefficients of one graph at fixed events, for ever new weights.

The derivative graph is compiled once, with the weights as inputs. What a fresh compilation folds
into constants, such as the Jacobian rows before the first nonlinearity, the graph computes from
them whenever it runs. Weights that a rule had to know by value are frozen: other values need
another compilation.

Events on a joint, and those at which a coefficient is not finite, are looked at from both sides, as
by the exact engine: by a second graph whose products have strong zeros.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, numpy_helper
from onnxtaylor_kernels.collect import flag_not_finite

from onnxtaylor.compiler import DerivativeGraph
from onnxtaylor.compiler.joints import JOINT_EVENTS
from onnxtaylor.compiler.sums import loose_pieces
from onnxtaylor.engine.base import BatchCoefficients
from onnxtaylor.engine.exact.derive import derive_normal
from onnxtaylor.engine.exact.joints import Limits, Sides
from onnxtaylor.engine.exact.lane import Reader
from onnxtaylor.errors import ModelError
from onnxtaylor.graph import GraphFunction
from onnxtaylor.graph.function import DIGITS
from onnxtaylor.graph.prune import subgraphs
from onnxtaylor.indices import MultiIndices
from onnxtaylor.runtime.provider import available_threads
from onnxtaylor.runtime.reason import reason
from onnxtaylor.runtime.session import start
from onnxtaylor.runtime.sharing import share

__all__ = [
    "Reweighted",
    "Structure",
    "float_constants",
    "likely_weights",
    "structure_of",
    "with_stored_constants",
]

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16)
CHUNK_BYTES = 2**22  # of what one chunk of events occupies on its way: it should fit a cache
PART_BYTES = 2**26  # of coefficients that leave the engine at a time


def float_constants(function: GraphFunction) -> dict[str, Array]:
    """The values of a graph's floating-point initializers."""
    tensors = function.proto.graph.initializer
    return {t.name: numpy_helper.to_array(t) for t in tensors if t.data_type in FLOATS}


def likely_weights(normal: GraphFunction) -> list[str]:
    """The initializers that training is likely to change: no single numbers."""
    return [t.name for t in normal.proto.graph.initializer if t.data_type in FLOATS and t.dims]


def with_stored_constants(function: GraphFunction) -> GraphFunction:
    """The function with the tensors of its Constant nodes as initializers: some exporters keep
    weights there, as attributes.
    """
    kept = [n for n in function.proto.graph.node if not _holds_tensor(n)]
    if len(kept) == len(function.proto.graph.node):
        return function
    proto = onnx.ModelProto()
    proto.CopyFrom(function.proto)
    del proto.graph.node[:]
    proto.graph.node.extend(kept)
    for node in filter(_holds_tensor, function.proto.graph.node):
        proto.graph.initializer.append(node.attribute[0].t)
        proto.graph.initializer[-1].name = node.output[0]
    return function.with_proto(proto)


def _holds_tensor(node: onnx.NodeProto) -> bool:
    return bool(node.op_type == "Constant" and node.attribute[0].name == "value")


@dataclass(frozen=True)
class Structure:
    """All of a graph but the values of its floating-point constants and the names of its tensors.

    Of equal ``key``: the same nodes in the same order, connected in the same way, with the same
    attributes; constants of the same shapes and formats, and of the same values where they are no
    floating-point numbers. ``constants`` are the names of the floating-point ones, in the order in
    which nodes read them: exporters give other names each time, the order stays.
    """

    key: bytes
    constants: tuple[str, ...]


def structure_of(function: GraphFunction) -> Structure:
    """The structure of a function's graph. Where nodes have subgraphs, names count, too."""
    graph = function.proto.graph
    proto = onnx.ModelProto()
    proto.opset_import.extend(function.proto.opset_import)
    proto.functions.extend(function.proto.functions)
    named = any(subgraph for node in graph.node for subgraph in subgraphs(node))
    numbers: dict[str, str] = {"": ""}

    def called(name: str) -> str:
        return name if named else numbers.setdefault(name, str(len(numbers)))

    called(function.feed)
    for node in graph.node:
        kept = proto.graph.node.add()
        kept.CopyFrom(node)
        for field in ("name", "doc_string"):
            kept.ClearField(field)
        for names in (kept.input, kept.output):
            names[:] = [called(name) for name in names]
    tensors = {t.name: t for t in graph.initializer}
    order = [name for name in dict.fromkeys(numbers if not named else tensors) if name in tensors]
    for name in order:
        tensor = tensors[name]
        if tensor.data_type in FLOATS:
            kind = {"data_type": tensor.data_type, "dims": list(tensor.dims)}
            proto.graph.initializer.append(TensorProto(name=called(name), **kind))
        else:
            value = numpy_helper.to_array(tensor)
            proto.graph.initializer.append(numpy_helper.from_array(value, called(name)))
    for ports, own in ((proto.graph.input, graph.input), (proto.graph.output, graph.output)):
        for port in own:
            kind = port.type.tensor_type
            ports.append(onnx.ValueInfoProto(name=called(port.name)))
            ports[-1].type.tensor_type.elem_type = kind.elem_type
    key: bytes = proto.SerializeToString(deterministic=True)
    floats = (name for name in order if tensors[name].data_type in FLOATS)
    return Structure(key, tuple(floats))


class Reweighted:
    """The exact engine of a function in ``normal`` form at the events x (B, n).

    ``weights`` are names of floating-point initializers that ``swap`` may give other values.
    Raises ModelError where an operator has no rule or the derivative graph cannot be run.
    """

    def __init__(
        self,
        normal: GraphFunction,
        indices: MultiIndices,
        x: Floats,
        weights: Collection[str],
        *,
        threads: int = 0,
    ) -> None:
        self.indices = indices
        self._normal, self._weights = normal, tuple(weights)
        self._values = float_constants(normal)
        self._current = {name: self._values[name] for name in self._weights}
        graph = derive_normal(normal, indices, x, weights)
        self.kinks = dict(graph.kinks)
        self.frozen = graph.frozen  # the weights that the compiler read by value
        self._graph = _Fed(graph, normal)
        self._x = np.ascontiguousarray(x, dtype=normal.dtype)
        self.outputs = int(self._graph.run(self._x[:1], self._current)[0].shape[1])
        n, size = normal.n_features, normal.dtype.itemsize
        widest = max(normal.width, n)
        spread = n * (n + widest) if indices.order > 1 else widest * min(n, self.outputs)
        self._chunk = int(max(1, CHUNK_BYTES // (size * max(1, spread) * self.outputs)))
        self._threads = threads or available_threads()
        each = 8 * self.outputs * len(indices)
        self._part = int(max(self._chunk * self._threads, PART_BYTES // each))
        self._events = np.asarray(x, np.float64)
        self._limits = Limits(self._both_sides)

    def swap(self, values: Mapping[str, Array]) -> str | None:
        """Gives initializers other values, of the shapes and formats that they have.

        Returns None, or the name of one whose new value needs another compilation: then nothing
        is changed.
        """
        for name, value in values.items():
            fixed = name not in self._weights or name in self.frozen
            if fixed and not np.array_equal(value, self._values[name], equal_nan=True):
                return name
        for name in self._current:
            if name in values:
                self._current[name] = np.asarray(values[name], order="C")
        return None

    def coefficients(self) -> Iterator[tuple[slice, BatchCoefficients]]:
        """Responses and coefficients of the events, part by part; arrays are reused.

        Raises ModelError where the graph fails.
        """
        size = min(self._part, len(self._x))
        responses = np.empty((size, self.outputs))
        terms = np.empty((size, self.outputs, len(self.indices)))
        for start_ in range(0, len(self._x), size):
            part = slice(start_, min(start_ + size, len(self._x)))
            count = part.stop - part.start
            odd = np.empty(count, np.bool_)
            self._fill(self._graph, self._x[part], responses[:count], terms[:count], odd)
            apart = self._limits.take(self._events[part], terms[:count], odd)
            yield part, BatchCoefficients(responses[:count], terms[:count], apart=apart)

    def _both_sides(self) -> Sides:
        graph = derive_normal(self._normal, self.indices, self._x, self._weights, strong=True)
        # a weight that it alone read by value may have another one by now
        strong = _Fed(graph, self._normal) if graph.frozen <= self.frozen else self._graph

        def respond(points: Floats) -> Floats:
            rows = np.ascontiguousarray(points, dtype=self._x.dtype)
            chunks = [rows[k : k + self._chunk] for k in range(0, len(rows), self._chunk)]
            parts = [self._graph.run(chunk, self._current)[0] for chunk in chunks]
            return np.concatenate(parts).astype(np.float64)

        def differentiate(points: Floats) -> Floats:
            rows = np.ascontiguousarray(points, dtype=self._x.dtype)
            terms = np.empty((len(rows), self.outputs, len(self.indices)))
            odd = np.empty(len(rows), np.bool_)
            self._fill(strong, rows, np.empty(terms.shape[:2]), terms, odd)
            return terms

        digits = DIGITS[str(self._x.dtype)]
        return Sides(self.indices, self._events, digits, respond, differentiate)

    def _fill(
        self,
        graph: _Fed,
        x: Array,
        responses: Floats,
        terms: Floats,
        odd: npt.NDArray[np.bool_],
    ) -> None:
        def work(chunk: slice) -> None:
            graph.read(x[chunk], self._current, responses[chunk], terms[chunk], odd[chunk])

        share(len(x), self._chunk, [work] * self._threads)


class _Fed:
    """A derivative graph that is given rows of features and values of the weights."""

    def __init__(self, graph: DerivativeGraph, normal: GraphFunction) -> None:
        self._session = start(graph.proto, threads=1, plain=normal.plain)
        self._feed, self._weights = normal.feed, graph.weights
        self._names = [output.name for output in self._session.get_outputs()]
        self._reader = Reader(*loose_pieces(graph), normal.dtype, many=True)

    def run(self, rows: Array, values: Mapping[str, Array]) -> list[Array]:
        """Its outputs, the responses first. Raises ModelError where it fails."""
        feeds = {self._feed: rows, **{name: values[name] for name in self._weights}}
        try:
            found: list[Array] = self._session.run(self._names, feeds)
        except Exception as error:
            raise ModelError(f"the derivative graph fails: {reason(error)}") from None
        return found

    def read(
        self,
        rows: Array,
        values: Mapping[str, Array],
        responses: Floats,
        terms: Floats,
        odd: npt.NDArray[np.bool_],
    ) -> None:
        """Fills responses (E, C) and terms (E, C, K); ``odd`` (E,) is set for events on a joint,
        and where a coefficient is not finite.
        """
        found = dict(zip(self._names, self.run(rows, values), strict=True))
        responses[:] = found[self._names[0]]
        self._reader.read(found, terms)
        flag_not_finite.alone(terms, odd)
        if JOINT_EVENTS in found:
            odd |= found[JOINT_EVENTS][:, 0] > 0
