"""Promotes a graph of half or single precision to one that computes in double precision.

Every constant, recorded type and cast becomes float64; attributes keep their values. Operators for
which onnxruntime has no kernel in double precision are replaced by operators for which it has one:
official bodies are written out, recurrent layers unrolled, windows gathered, activations composed.
An operator that is defined for single precision alone is refused by name.
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
# operators with an official body that onnxruntime computes in double precision itself
KERNELS = frozenset(
    {"AffineGrid", "CastLike", "Clip", "GreaterOrEqual", "LessOrEqual", "LogSoftmax"}
    | {"Range", "ReduceL1", "ReduceL2", "ReduceSumSquare", "Relu", "Shrink", "Softmax"}
    | {"BlackmanWindow", "HammingWindow", "HannWindow", "DepthToSpace", "SpaceToDepth"}
    | {"Bernoulli", "SequenceMap", "DynamicQuantizeLinear"}
)


def promote_graph(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Returns a graph in double precision.

    Parameters
    ----------
    proto
        A graph of today's operators, without functions of its own: see ``normalize.modernize``.

    Returns
    -------
    onnx.ModelProto
        The graph with every tensor of half or single precision in double precision.

    Raises
    ------
    ModelError
        An operator is defined for single precision alone; the message names it and its node.
    """
    single = without_half_precision(expand_classical(proto))
    written = frozenset({"Resize"}).union(SPECIAL, COMPOSITE, WINDOWS)
    plain = expand(single, KERNELS | written)
    _require_double(plain, written)
    # shapes are inferred before the change: Resize takes no scales in double precision
    double = retyped(_inferred(plain), NARROW, TensorProto.DOUBLE)
    double = expand_windows(expand_resize(unroll(expand_composite(unrounded(double)))))
    double = expand_special(double)
    _require_double(double)
    return double


def _require_double(proto: onnx.ModelProto, written: Collection[str] = ()) -> None:
    """Raises ModelError for an operator that is not defined for double precision.

    Operators in ``written`` are allowed, since they will be replaced. Trees are not allowed: the
    side of a cut on which an event falls depends on the rounding of its features.
    """
    versions = {e.domain.removesuffix("ai.onnx"): e.version for e in proto.opset_import}
    formats = _formats(proto)
    for node in all_nodes(proto.graph):
        domain = node.domain.removesuffix("ai.onnx")
        if domain == "" and node.op_type in written:
            continue
        schema: Any = None
        with suppress(defs.SchemaError):  # of another domain: onnxruntime decides
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
    """Whether one of these tensors may have single precision, but not double."""
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
    """Graph with shapes and formats, as far as they can be inferred."""
    try:
        return onnx.shape_inference.infer_shapes(proto, data_prop=True)
    except ONNX_ERRORS:  # an operator that onnx does not know
        return proto
