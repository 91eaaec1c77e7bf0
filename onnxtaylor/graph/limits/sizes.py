"""Shapes of all tensors for one event: a model that would fill the memory is refused.

Node by node, ONNX's inference gets the shapes of a node's inputs, and the values of small tensors
that follow from constants. Axes of free length are taken as 1 long, so that shapes are those of one
event, and of the shortest sets; shapes that depend on other data are not known and not judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import prod

import numpy as np
import onnx
from onnx import TypeProto, helper, inliner

from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph.endless import passes_on_condition
from onnxtaylor.graph.limits.einsum import largest_product
from onnxtaylor.graph.limits.place import factor, node_phrase, way_out
from onnxtaylor.graph.limits.values import Array, divides_badly, small_constant, value_of
from onnxtaylor.graph.node_types import NodeTypes, itemsize
from onnxtaylor.graph.onnx_errors import ONNX_ERRORS
from onnxtaylor.graph.ports import input_ports
from onnxtaylor.graph.prune import needed_nodes, subgraphs

__all__ = ["require_sizes"]

MOST_BYTES = 2**29  # of a tensor
MOST_TOGETHER = 2**34
MOST_FEATURES = 2**22  # of an input


def require_sizes(proto: onnx.ModelProto, where: str) -> None:
    """Raises ModelError for the first tensor that is too large for one event.

    Whole numbers that are divided by 0, and the least of them by −1, are refused on the way: what
    they are is known here.
    """
    if proto.functions:
        try:
            proto = inliner.inline_local_functions(proto)
        except ONNX_ERRORS:
            return  # the pass that inlines them says why
    _require_few_features(proto, where)
    _Walk(proto, where).graph(proto.graph)


def _require_few_features(proto: onnx.ModelProto, where: str) -> None:
    most = MOST_FEATURES * factor()
    for port in input_ports(proto.graph):
        count = prod(size for size in port.sizes if isinstance(size, int))
        if count > most:
            raise ModelError(
                f"{where}: input '{printable(port.name)}' {printable(port.shape_text, 80)} has"
                f" {count} numbers for each event, which is more than"
                f" {most:.0f}{way_out(count / MOST_FEATURES)}"
            )


class _Walk:
    """One walk through a graph and the graphs inside it."""

    def __init__(self, proto: onnx.ModelProto, where: str) -> None:
        self._inferred = NodeTypes(proto)
        self._where = where
        self._factor = factor()
        self._most = max(MOST_BYTES, 2 * proto.ByteSize())
        self._together = 0
        self._types: dict[str, TypeProto] = {}
        self._values: dict[str, Array] = {}
        self._assumed: set[str] = set()  # values that follow from axes of free length

    def graph(self, graph: onnx.GraphProto) -> None:
        """Looks at a graph; inputs that are not known yet have the shapes that it declares."""
        for tensor in graph.initializer:
            self._types[tensor.name] = helper.make_tensor_type_proto(tensor.data_type, tensor.dims)
            self._set_value(tensor.name, small_constant(tensor))
        for port in graph.input:
            tensor = port.type.tensor_type if port.type.HasField("tensor_type") else None
            if port.name not in self._types and tensor is not None and tensor.HasField("shape"):
                kind = _of_one_event(port.type)
                self._require_room(kind, f"{self._where}: input '{printable(port.name)}'", "is")
                self._types[port.name] = kind
        every = [name for node in graph.node for name in node.output if name]
        for place in needed_nodes(graph, every)[0]:
            self._node(graph.node[place])

    def _node(self, node: onnx.NodeProto) -> None:
        given = [self._values.get(name) for name in node.input]
        if fault := divides_badly(node, given if self._assumed.isdisjoint(node.input) else []):
            raise ModelError(f"{node_phrase(node, self._where)} {fault}: no processor can do that")
        for name, kind in zip(node.output, self._outputs(node), strict=False):
            if name and kind.tensor_type.HasField("shape"):
                at = f"{node_phrase(node, self._where)}: its output '{printable(name)}'"
                self._require_room(kind, at, "is")
                if all(d.HasField("dim_value") for d in kind.tensor_type.shape.dim):
                    self._types[name] = kind
        if len(node.output) == 1 and not node.domain:
            self._set_value(node.output[0], self._value(node, given))
            if node.op_type == "Shape" or not self._assumed.isdisjoint(node.input):
                self._assumed.add(node.output[0])
        if node.op_type == "Einsum":
            self._require_products(node)

    def _value(self, node: onnx.NodeProto, given: Sequence[Array | None]) -> Array | None:
        if node.op_type == "Constant":
            stored = next((a.t for a in node.attribute if a.name == "value"), None)
            if stored is not None:
                return small_constant(stored)
            listed = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            whole = listed.get("value_ints", listed.get("value_int"))
            return None if whole is None else np.asarray(whole, np.int64)
        if node.op_type == "Shape" and node.input[0] in self._types:
            marks = {a.name: a.i for a in node.attribute}
            shape = _dims(self._types[node.input[0]])
            return np.asarray(shape[marks.get("start", 0) : marks.get("end", len(shape))], np.int64)
        return value_of(node, given)

    def _set_value(self, name: str, value: Array | None) -> None:
        if value is not None:
            self._values[name] = value

    def _outputs(self, node: onnx.NodeProto) -> list[TypeProto]:
        """Returns the types of a node's outputs; none where they are not known."""
        if node.op_type == "Constant" and not node.domain:
            return [
                helper.make_tensor_type_proto(a.t.data_type, a.t.dims)
                for a in node.attribute
                if a.name == "value"
            ]
        if any(True for _ in subgraphs(node)):
            return list(self._of_subgraphs(node))
        return self._inferred.of(node, self._types, self._values)

    def _of_subgraphs(self, node: onnx.NodeProto) -> Iterator[TypeProto]:
        """Looks into an If, Loop or Scan, and yields the types of its outputs that follow."""
        inside: list[TypeProto | None] = []
        for body in subgraphs(node):
            outer = dict(self._types), dict(self._values)
            for name, kind in zip((i.name for i in body.input), self._fed(node), strict=False):
                self._types.pop(name, None)
                self._values.pop(name, None)
                if kind is not None:
                    self._types[name] = kind
            self.graph(body)
            inside = [self._types.get(o.name) for o in body.output]
            self._types, self._values = outer
        states, turns = len(inside), 1
        if node.op_type == "Loop":
            inside = inside[1:]
            states, turns = len(node.input) - 2, self._turns(node)
        for k, kind in enumerate(inside):
            if kind is None:
                yield TypeProto()
            elif k < states:
                yield kind
            else:
                yield helper.make_tensor_type_proto(
                    kind.tensor_type.elem_type, (turns, *_dims(kind))
                )

    def _fed(self, node: onnx.NodeProto) -> Iterator[TypeProto | None]:
        """Yields the types of the inputs of a Loop's body, where they follow from outside."""
        if node.op_type == "Loop":
            yield from (None, None)
            yield from (self._types.get(name) for name in node.input[2:])

    def _turns(self, node: onnx.NodeProto) -> int:
        """Returns the turns of a Loop that its condition cannot end; 1 where they are not known."""
        count = self._values.get(node.input[0])
        if count is None or count.size != 1 or not passes_on_condition(node.attribute[0].g):
            return 1
        return max(int(count.ravel()[0]), 0)

    def _require_products(self, node: onnx.NodeProto) -> None:
        equation = next((a.s.decode("utf-8", "replace") for a in node.attribute), "")
        if all(name in self._types for name in node.input):
            shapes = [_dims(self._types[name]) for name in node.input]
            kind = self._types[node.input[0]].tensor_type.elem_type if node.input else 1
            found = helper.make_tensor_type_proto(kind, [largest_product(equation, shapes)])
            self._require_room(found, f"{node_phrase(node, self._where)}: a product inside", "has")

    def _require_room(self, kind: TypeProto, what: str, verb: str) -> None:
        """Raises ModelError where a tensor is too large, or all so far are too many."""
        dims = _dims(kind)
        size = prod(dims) * itemsize(kind.tensor_type.elem_type)
        self._together += size
        for bytes_, most, ending in (
            (size, self._most, ""),
            (self._together, MOST_TOGETHER, "; all tensors before it, together"),
        ):
            if bytes_ > most * self._factor:
                shown = printable(list(dims), 80)
                raise ModelError(
                    f"{what} {verb} {shown} and takes {bytes_ / 2**30:.3g} GiB for one event"
                    f"{ending}, which is more than {most * self._factor / 2**30:.3g}"
                    f" GiB{way_out(bytes_ / most)}"
                )


def _of_one_event(kind: TypeProto) -> TypeProto:
    """Returns a type whose axes of free length are 1 long."""
    sizes: Iterable[int] = (
        d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else 1
        for d in kind.tensor_type.shape.dim
    )
    return helper.make_tensor_type_proto(kind.tensor_type.elem_type, list(sizes))


def _dims(kind: TypeProto) -> tuple[int, ...]:
    return tuple(d.dim_value for d in kind.tensor_type.shape.dim)
