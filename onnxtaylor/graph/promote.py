"""A graph of half or single precision as one that computes in double precision.

Every stored number, shape record and cast becomes float64; attributes keep the values that they
have. Operators that onnxruntime has no double kernel for become ones that it has: official bodies
are written out, recurrent layers unrolled, windows gathered, activations composed. An operator
that is defined for single precision alone is named.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

import onnx
from onnx import TensorProto, defs

from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph.dependence import QUANTIZED, TREES
from onnxtaylor.graph.formats import HALF, retyped
from onnxtaylor.graph.half_precision import without_half_precision
from onnxtaylor.graph.normalize.classical import expand_classical
from onnxtaylor.graph.normalize.composite import WRITERS as COMPOSITE
from onnxtaylor.graph.normalize.composite import expand_composite
from onnxtaylor.graph.normalize.expand import expand
from onnxtaylor.graph.normalize.resize import expand_resize
from onnxtaylor.graph.normalize.special import SPECIAL, expand_special
from onnxtaylor.graph.normalize.unroll import unroll
from onnxtaylor.graph.normalize.unrounded import unrounded
from onnxtaylor.graph.normalize.windows import WRITERS as WINDOWS
from onnxtaylor.graph.normalize.windows import expand_windows
from onnxtaylor.graph.onnx_errors import ONNX_ERRORS
from onnxtaylor.graph.walk import all_nodes

__all__ = ["promote_graph"]

NARROW = HALF | {TensorProto.FLOAT}
FLOATS = NARROW | {TensorProto.DOUBLE}
NARROW_TYPES = frozenset({"tensor(float)", "tensor(float16)", "tensor(bfloat16)"})
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
    single = without_half_precision(expand_classical(proto))
    written = frozenset({"Resize"}).union(SPECIAL, COMPOSITE, WINDOWS)
    plain = expand(single, KERNELS | written)
    _require_double(plain, written)
    # ahead of the change: of Resize, scales in double precision have no meaning
    double = retyped(_inferred(plain), NARROW, TensorProto.DOUBLE)
    double = expand_windows(expand_resize(unroll(expand_composite(unrounded(double)))))
    double = expand_special(double)
    _require_double(double)
    return double


def _require_double(proto: onnx.ModelProto, written: Collection[str] = ()) -> None:
    """Raises ModelError for an operator whose definition leaves no room for double precision.

    Those that will be ``written`` in others are spared. Trees are not: on which side of a cut an
    event falls is a matter of its rounding.
    """
    versions = {e.domain.removesuffix("ai.onnx"): e.version for e in proto.opset_import}
    formats = _formats(proto)
    for node in all_nodes(proto.graph):
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
    except ONNX_ERRORS:  # of operators that onnx does not know
        return proto
