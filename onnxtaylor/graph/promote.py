"""A graph of half or single precision as one that computes in double precision.

Every stored number, shape record and cast becomes float64; attributes keep the values that they
have. Operators that onnxruntime has no double kernel for become ones that it has: official bodies
are written out, recurrent layers unrolled, windows gathered, activations composed. An operator
that is defined for single precision alone is named.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, defs, helper, numpy_helper

from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph.normalize.classical import expand_classical
from onnxtaylor.graph.normalize.elementary import WRITERS as ELEMENTARY
from onnxtaylor.graph.normalize.elementary import elementary
from onnxtaylor.graph.normalize.expand import expand
from onnxtaylor.graph.normalize.resize import expand_resize
from onnxtaylor.graph.normalize.special import SPECIAL, expand_special
from onnxtaylor.graph.normalize.unroll import unroll
from onnxtaylor.graph.normalize.unrounded import unrounded
from onnxtaylor.graph.normalize.windows import WRITERS as WINDOWS
from onnxtaylor.graph.normalize.windows import expand_windows
from onnxtaylor.graph.prune import subgraphs
from onnxtaylor.graph.reach import QUANTIZED, TREES

__all__ = ["HALF", "formats_of", "promote_graph", "retyped"]

HALF = frozenset({TensorProto.FLOAT16, TensorProto.BFLOAT16})
NARROW = HALF | {TensorProto.FLOAT}
FLOATS = NARROW | {TensorProto.DOUBLE}
NARROW_TYPES = frozenset({"tensor(float)", "tensor(float16)", "tensor(bfloat16)"})
# Attributes that name a format, where one that is left out does not mean single precision.
FORMATS = ("to", "dtype", "output_datatype", "softmax_precision")
# These answer in single precision where they are not told otherwise.
SINGLE_BY_DEFAULT = frozenset(
    {"HannWindow", "HammingWindow", "BlackmanWindow", "MelWeightMatrix", "RandomNormal"}
    | {"RandomUniform"}
)
# Operators with an official body that onnxruntime computes in double precision itself.
KERNELS = frozenset(
    {"AffineGrid", "CastLike", "Clip", "GreaterOrEqual", "LessOrEqual", "LogSoftmax"}
    | {"Range", "ReduceL1", "ReduceL2", "ReduceSumSquare", "Relu", "Shrink", "Softmax"}
    | {"BlackmanWindow", "HammingWindow", "HannWindow", "DepthToSpace", "SpaceToDepth"}
    | {"Bernoulli", "SequenceMap", "DynamicQuantizeLinear"}
)


def promote_graph(proto: onnx.ModelProto) -> onnx.ModelProto:
    """A graph's double precision form. Requires: normalized to today's operators, no functions.

    Ensures: no tensor of half or single precision, but for the seeds of inverse functions. Raises
    ModelError, naming operator and node, where an operator is defined for single precision alone.
    """
    # bodies are written for the formats that networks use
    single = retyped(expand_classical(proto), HALF, TensorProto.FLOAT)
    written = frozenset({"Resize"}).union(SPECIAL, ELEMENTARY, WINDOWS)
    plain = expand(single, KERNELS | written)
    _require_double(plain, written)
    # ahead of the change: of Resize, scales in double precision have no meaning
    double = retyped(_inferred(plain), NARROW, TensorProto.DOUBLE)
    double = expand_windows(expand_resize(unroll(elementary(unrounded(double)))))
    double = expand_special(double)
    _require_double(double)
    return double


def formats_of(proto: onnx.ModelProto) -> set[int]:
    """The element types that a graph's casts, constants and ports name, subgraphs included."""
    nodes = list(_all_nodes(proto.graph))
    graphs = [proto.graph, *(g for node in nodes for g in subgraphs(node))]
    found = {t.data_type for g in graphs for t in g.initializer}
    found |= {i.type.tensor_type.elem_type for g in graphs for i in (*g.input, *g.output)}
    for a in (a for node in nodes for a in node.attribute):
        found |= {a.t.data_type} if a.HasField("t") else set()
        found |= {a.i} if a.name in FORMATS else set()
    return found


def retyped(proto: onnx.ModelProto, kinds: Collection[int], to: int) -> onnx.ModelProto:
    """A copy with all that is of one of the ``kinds`` in the format ``to``, subgraphs too."""
    found = onnx.ModelProto()
    found.CopyFrom(proto)
    _retype_graph(found.graph, kinds, to)
    return found


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
        _say_format(node, to)


def _say_format(node: onnx.NodeProto, to: int) -> None:
    """Numbers without a format are in single precision: they get one."""
    dtype, given = helper.tensor_dtype_to_np_dtype(to), {a.name: a for a in node.attribute}
    if node.op_type == "Constant" and {"value_float", "value_floats"} & set(given):
        value = helper.get_attribute_value(node.attribute[0])
        tensor = numpy_helper.from_array(np.asarray(value, dtype=dtype))
        node.attribute[0].CopyFrom(helper.make_attribute("value", tensor))
    elif node.op_type == "ConstantOfShape" and not given:
        tensor = numpy_helper.from_array(np.zeros(1, dtype=dtype))
        node.attribute.append(helper.make_attribute("value", tensor))
    elif node.op_type in SINGLE_BY_DEFAULT and not {"dtype", "output_datatype"} & set(given):
        name = "dtype" if node.op_type.startswith("Random") else "output_datatype"
        node.attribute.append(helper.make_attribute(name, to))


def _require_double(proto: onnx.ModelProto, written: Collection[str] = ()) -> None:
    """Raises ModelError for an operator whose definition leaves no room for double precision.

    Those that will be ``written`` in others are spared. Trees are not: on which side of a cut an
    event falls is a matter of its rounding.
    """
    versions = {e.domain.removesuffix("ai.onnx"): e.version for e in proto.opset_import}
    formats = _formats(proto)
    for node in _all_nodes(proto.graph):
        domain = node.domain.removesuffix("ai.onnx")
        if domain == "" and node.op_type in written:
            continue
        schema: Any = None
        with suppress(defs.SchemaError):  # onnxruntime has its own say
            schema = defs.get_schema(node.op_type, versions.get(domain, 1), domain)
        narrow = node.op_type in TREES | QUANTIZED
        if schema:
            sides = ((node.input, schema.inputs), (node.output, schema.outputs))
            narrow |= any(_narrow(names, formal, formats) for names, formal in sides)
        if narrow:
            raise ModelError(
                f"operator {printable(node.op_type)} (node"
                f" '{printable(node.name or node.output[0])}') has no float64 form"
            )


def _narrow(names: Collection[str], formal: Any, formats: Mapping[str, int]) -> bool:
    """Whether one of these tensors can be of single precision and not of double."""
    for place, name in enumerate(names):
        types = set(formal[min(place, len(formal) - 1)].types)
        if not name or not types & NARROW_TYPES or "tensor(double)" in types:
            continue
        kind = formats.get(name, 0)
        if kind in FLOATS or (not kind and types <= NARROW_TYPES):
            return True
    return False


def _formats(proto: onnx.ModelProto) -> dict[str, int]:
    graph = _inferred(proto).graph
    infos = (*graph.input, *graph.value_info, *graph.output)
    kinds = {i.name: int(i.type.tensor_type.elem_type) for i in infos}
    return kinds | {t.name: int(t.data_type) for t in graph.initializer}


def _inferred(proto: onnx.ModelProto) -> onnx.ModelProto:
    """With shapes and formats, as far as they can be inferred."""
    try:
        return onnx.shape_inference.infer_shapes(proto, data_prop=True)
    except (RuntimeError, ValueError):  # of operators that onnx does not know
        return proto


def _all_nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for inner in subgraphs(node):
            yield from _all_nodes(inner)
