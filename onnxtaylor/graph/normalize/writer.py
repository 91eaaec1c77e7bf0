"""Replaces nodes of a graph by others; shared by the passes that write operators out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from onnxtaylor.graph.onnx_errors import ONNX_ERRORS
from onnxtaylor.graph.prune import all_names

__all__ = ["Attributes", "Writer", "axes", "format_of", "image_of", "replace_nodes"]

Array = npt.NDArray[Any]
Attributes = dict[str, Any]


class Writer:
    """Writer of nodes and constants under names that the graph does not have.

    It also knows the values of constants, and shapes and element types as far as ONNX infers them.
    """

    def __init__(self, proto: onnx.ModelProto, shapes: Mapping[str, Sequence[int]] | None) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        graph = proto.graph
        self._taken = all_names(graph)
        self._values = {t.name: t for t in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                self._values[node.output[0]] = node.attribute[0].t
        self._shapes = shapes
        self._proto = proto
        self._kinds: dict[str, int] | None = None
        self._written: dict[tuple[object, ...], str] = {}
        self._count = 0

    def value(self, name: str) -> Array | None:
        """Returns the value of a constant; None for a tensor that is computed."""
        tensor = self._values.get(name)
        return None if tensor is None else numpy_helper.to_array(tensor)

    def shape(self, name: str) -> Sequence[int] | None:
        """Returns a tensor's shape, with sizes ≤ 0 that depend on the batch; None: unknown."""
        if self._shapes is not None:
            return self._shapes.get(name)
        if self._kinds is None:
            self._infer()
        return self._inferred.get(name)

    def kind(self, name: str) -> int:
        """Returns a tensor's element type; 0: unknown."""
        if self._kinds is None:
            self._infer()
        assert self._kinds is not None
        return self._kinds.get(name, 0)

    def _infer(self) -> None:
        try:
            graph = onnx.shape_inference.infer_shapes(self._proto, data_prop=True).graph
        except ONNX_ERRORS:  # an operator that onnx does not know
            graph = self._proto.graph
        infos = [*graph.input, *graph.value_info, *graph.output]
        kinds = {i.name: int(i.type.tensor_type.elem_type) for i in infos}
        self._kinds = kinds | {t.name: int(t.data_type) for t in graph.initializer}
        self._inferred: dict[str, Sequence[int]] = {
            t.name: list(t.dims) for t in graph.initializer
        } | {
            i.name: [int(d.dim_value) for d in i.type.tensor_type.shape.dim]
            for i in infos
            if i.type.tensor_type.HasField("shape")
        }

    def constant(self, value: npt.ArrayLike) -> str:
        """Returns the name of a constant; equal values share one."""
        array = np.ascontiguousarray(value) if np.ndim(value) else np.asarray(value)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._written:
            name = self._name()
            self.constants.append(numpy_helper.from_array(array, name))
            self._written[key] = name
        return self._written[key]

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Writes a node with one output; returns the output's name."""
        return self.ops(kind, 1, *inputs, **attributes)[0]

    def ops(self, kind: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        """Writes a node with several outputs; returns their names."""
        names = [self._name() for _ in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, names[0], **attributes))
        return names

    def write(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> None:
        """Writes a node whose output has a name of the graph, in place of the node that had it."""
        self.nodes.append(
            helper.make_node(kind, list(inputs), [output], self._name(), **attributes)
        )

    def unused(self, name: str) -> str:
        """Returns the name, with primes appended until no other has it."""
        while name in self._taken:
            name += "'"
        self._taken.add(name)
        return name

    def _name(self) -> str:
        while True:
            self._count += 1
            name = f"onnxtaylor/n{self._count}"
            if name not in self._taken:
                return name


def replace_nodes(
    proto: onnx.ModelProto,
    rewrite: Callable[[Writer, onnx.NodeProto], bool],
    shapes: Mapping[str, Sequence[int]] | None = None,
) -> onnx.ModelProto:
    """Calls a function for each node of a graph, which may write other nodes in its place.

    Parameters
    ----------
    proto
        The model; it is not changed.
    rewrite
        Writes nodes in place of a node and returns True. Where it returns False the node stays, and
        the nodes written for it are dropped.
    shapes
        Shapes of tensors, sizes ≤ 0 depending on the batch; without them ONNX infers shapes.

    Returns
    -------
    onnx.ModelProto
        A copy with the new nodes; the proto itself where all nodes stay.
    """
    w = Writer(proto, shapes)
    changed = False
    for node in proto.graph.node:
        before = len(w.nodes)
        if rewrite(w, node):
            changed = True
        else:
            del w.nodes[before:]
            w.nodes.append(node)
    if not changed:
        return proto
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    del copy.graph.node[:]
    copy.graph.node.extend(w.nodes)
    copy.graph.initializer.extend(w.constants)
    return copy


def format_of(w: Writer, node: onnx.NodeProto) -> npt.DTypeLike | None:
    """Returns the format in which a node computes; None: unknown."""
    kind = w.kind(node.input[0]) or w.kind(node.output[0])
    return helper.tensor_dtype_to_np_dtype(kind) if kind else None


def axes(w: Writer, *axes: int) -> str:
    """Writes whole numbers, such as axes or a shape, as a constant; returns its name."""
    return w.constant(np.array(axes, dtype=np.int64))


def image_of(w: Writer, node: onnx.NodeProto) -> tuple[Sequence[int], list[int]] | None:
    """Returns the shape of a node's input and the axes of its images; None without images."""
    shape = w.shape(node.input[0])
    return None if shape is None or len(shape) < 3 else (shape, list(range(2, len(shape))))
