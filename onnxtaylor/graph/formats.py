"""Number formats that a graph names, and copies of a graph in other formats."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from onnxtaylor.graph.prune import subgraphs
from onnxtaylor.graph.walk import all_graphs

__all__ = ["HALF", "formats_of", "retyped"]

HALF = frozenset({TensorProto.FLOAT16, TensorProto.BFLOAT16})
# attributes that name a format; where they are left out, that does not mean single precision
FORMATS = ("to", "dtype", "output_datatype", "softmax_precision")
# operators whose output is in single precision unless an attribute says otherwise
SINGLE_BY_DEFAULT = frozenset(
    {"HannWindow", "HammingWindow", "BlackmanWindow", "MelWeightMatrix", "RandomNormal"}
    | {"RandomUniform", "SequenceEmpty"}
)


def formats_of(proto: onnx.ModelProto) -> set[int]:
    """Returns the element types of a graph's constants, ports and casts, subgraphs included."""
    graphs = list(all_graphs(proto.graph))
    nodes = [node for g in graphs for node in g.node]
    formats = {t.data_type for g in graphs for t in g.initializer}
    formats |= {i.type.tensor_type.elem_type for g in graphs for i in (*g.input, *g.output)}
    for a in (a for node in nodes for a in node.attribute):
        formats |= {a.t.data_type} if a.HasField("t") else set()
        formats |= {a.i} if a.name in FORMATS else set()
    return formats


def retyped(proto: onnx.ModelProto, kinds: Collection[int], to: int) -> onnx.ModelProto:
    """Returns a copy in which every element type of ``kinds`` is replaced by the type ``to``."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    _retype_graph(copy.graph, kinds, to)
    return copy


def _retype_graph(graph: onnx.GraphProto, kinds: Collection[int], to: int) -> None:
    for info in (*graph.input, *graph.output, *graph.value_info):
        _retype_type(info.type, kinds, to)
    for tensor in graph.initializer:
        _retype_tensor(tensor, kinds, to)
    for sparse in graph.sparse_initializer:
        _retype_tensor(sparse.values, kinds, to)
    for node in graph.node:
        _retype_node(node, kinds, to)


def _retype_type(type_: onnx.TypeProto, kinds: Collection[int], to: int) -> None:
    for field in ("tensor_type", "sparse_tensor_type"):
        if type_.HasField(field):
            tensor = getattr(type_, field)
            if tensor.elem_type in kinds:
                tensor.elem_type = to
    for field in ("sequence_type", "optional_type"):
        if type_.HasField(field):
            _retype_type(getattr(type_, field).elem_type, kinds, to)


def _retype_tensor(tensor: onnx.TensorProto, kinds: Collection[int], to: int) -> None:
    if tensor.data_type in kinds:
        value = numpy_helper.to_array(tensor).astype(helper.tensor_dtype_to_np_dtype(to))
        tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))


def _retype_node(node: onnx.NodeProto, kinds: Collection[int], to: int) -> None:
    for a in node.attribute:
        if a.HasField("t"):
            _retype_tensor(a.t, kinds, to)
        if a.HasField("sparse_tensor"):
            _retype_tensor(a.sparse_tensor.values, kinds, to)
        if a.HasField("tp"):
            _retype_type(a.tp, kinds, to)
        if a.type == onnx.AttributeProto.INT and a.name in FORMATS and a.i in kinds:
            a.i = to
    for graph in subgraphs(node):
        _retype_graph(graph, kinds, to)
    if TensorProto.FLOAT in kinds and node.domain in ("", "ai.onnx"):
        _name_format(node, to)


def _name_format(node: onnx.NodeProto, to: int) -> None:
    """Writes the format into a node whose numbers would be in single precision without it."""
    dtype, attributes = helper.tensor_dtype_to_np_dtype(to), {a.name: a for a in node.attribute}
    if node.op_type == "Constant" and {"value_float", "value_floats"} & set(attributes):
        value = helper.get_attribute_value(node.attribute[0])
        tensor = numpy_helper.from_array(np.asarray(value, dtype=dtype))
        node.attribute[0].CopyFrom(helper.make_attribute("value", tensor))
    elif node.op_type == "ConstantOfShape" and not attributes:
        tensor = numpy_helper.from_array(np.zeros(1, dtype=dtype))
        node.attribute.append(helper.make_attribute("value", tensor))
    elif node.op_type in SINGLE_BY_DEFAULT and not {"dtype", "output_datatype"} & set(attributes):
        windows = node.op_type.endswith(("Window", "Matrix"))
        name = "output_datatype" if windows else "dtype"
        node.attribute.append(helper.make_attribute(name, to))
