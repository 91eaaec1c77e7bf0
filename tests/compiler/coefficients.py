"""Coefficients of any order by the compiler, on a runtime that has all operators in float64.

Here the compiler observes the graph with ``Evaluator``, which turns to ONNX's reference where
onnxruntime has no kernel in double precision; the rest is what the exact engine does.
"""

from __future__ import annotations

import numpy as np
import onnx

from onnxtaylor.compiler import TERMS, DerivativeGraph, compile_terms
from onnxtaylor.compiler.third import third_order
from onnxtaylor.graph import GraphFunction
from onnxtaylor.graph.normalize import OPSET, normalize
from onnxtaylor.indices import MultiIndices
from onnxtaylor.rules import RULES
from tests.rules.reference import Array, Evaluator, function_of, observed

__all__ = ["coefficients", "compiled"]


def compiled(proto: onnx.ModelProto, x: Array, indices: MultiIndices) -> DerivativeGraph:
    """The derivative graph of a model, normalized first."""

    def up_to_second(
        f: GraphFunction, some: MultiIndices, *keep: str, joints: bool = False
    ) -> DerivativeGraph:
        return compile_terms(f, some, observed(f, x), OPSET, keep=keep, joints=joints)

    function = function_of(proto)
    normal = function.with_proto(normalize(function.proto, RULES))
    compile_graph = third_order if indices.order == 3 else lambda f, some, c: c(f, some)
    return compile_graph(normal, indices, up_to_second)


def coefficients(
    proto: onnx.ModelProto, x: Array, indices: MultiIndices | int
) -> tuple[Array, Array]:
    """Responses (N, C) and coefficients (N, C, K) at events x (N, n)."""
    if isinstance(indices, int):
        indices = MultiIndices.full(x.shape[1], indices)
    graph = compiled(proto, x, indices).proto
    found = Evaluator(graph)(np.ascontiguousarray(x))
    return found[graph.graph.output[0].name], found[TERMS]
