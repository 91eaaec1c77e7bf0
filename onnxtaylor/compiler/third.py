"""Third order: the derivative graph is an ordinary graph, so it is differentiated again.

With g_ci = ∂f_c/∂x_i as C·n responses of the Jacobian graph, the second-order coefficients of g are

    s_ci,jk = ∂³f_c/∂x_i∂x_j∂x_k, halved where j = k,

and for i ≤ j ≤ k   t_ijk = s_ci,jk   i < j        (α! is 1, or 2 where j = k)
                          = s_ci,jk/2   i = j < k
                          = s_ci,jk/3   i = j = k.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from onnxtaylor.compiler.derivative import TERMS, DerivativeGraph
from onnxtaylor.graph import GraphFunction
from onnxtaylor.indices import MultiIndices

__all__ = ["as_function", "collect"]

JACOBIAN = "third/jacobian"
ALL = "third/terms"


def as_function(function: GraphFunction, jacobian: DerivativeGraph) -> GraphFunction:
    """The first-order terms (N, C, n) of a function as a function of C·n responses."""
    proto = onnx.ModelProto()
    proto.CopyFrom(jacobian.proto)
    graph = proto.graph
    info = graph.output[0].type.tensor_type
    width = int(info.shape.dim[1].dim_value) * function.n_features
    shape = numpy_helper.from_array(np.array([-1, width]), "third/shape")
    graph.initializer.append(shape)
    graph.node.append(helper.make_node("Reshape", [TERMS, shape.name], [JACOBIAN]))
    _rename(graph, TERMS, "third/first")  # the next graph has coefficients of its own
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(JACOBIAN, info.elem_type, ["N", width]))
    return function.with_proto(proto)


def collect(
    function: GraphFunction, twice: DerivativeGraph, response: str, indices: MultiIndices
) -> DerivativeGraph:
    """Picks f, t_i, t_ij and t_ijk out of the graph that differentiated the Jacobian.

    ``twice`` has all second-order coefficients of g, and still computes ``response``, that of f.
    """
    n, pairs = function.n_features, MultiIndices.full(function.n_features, 2)
    place = {alpha: k for k, alpha in enumerate(pairs.tuples())}
    # per response: g itself (n), then s_ci (n · K): first t_i, then all of g_i's coefficients
    positions, factors = [], []
    for alpha in indices.tuples():
        if len(alpha) == 1:
            positions.append(alpha[0])
            factors.append(1.0)
        elif len(alpha) == 2:
            positions.append(n + alpha[0] * len(pairs) + place[alpha[1:]])
            factors.append(0.5 if alpha[0] == alpha[1] else 1.0)
        else:
            i, j, k = alpha
            positions.append(n + i * len(pairs) + place[j, k])
            factors.append(1 / 3 if i == j == k else 0.5 if i == j else 1.0)
    proto = onnx.ModelProto()
    proto.CopyFrom(twice.proto)
    graph = proto.graph
    info = graph.output[0].type.tensor_type
    outputs = int(info.shape.dim[1].dim_value) // n
    dtype = helper.tensor_dtype_to_np_dtype(info.elem_type)
    _rename(graph, TERMS, ALL)
    constants = {
        "third/per_response": np.array([0, outputs, n]),
        "third/all": np.array([0, outputs, n * len(pairs)]),
        "third/places": np.array(positions),
        "third/factors": np.array(factors, dtype=dtype),
    }
    graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in constants.items())
    graph.node.extend(
        [
            helper.make_node("Reshape", [JACOBIAN, "third/per_response"], ["third/g"]),
            helper.make_node("Reshape", [ALL, "third/all"], ["third/s"]),
            helper.make_node("Concat", ["third/g", "third/s"], ["third/gs"], axis=2),
            helper.make_node("Gather", ["third/gs", "third/places"], ["third/picked"], axis=2),
            helper.make_node("Mul", ["third/picked", "third/factors"], [TERMS]),
        ]
    )
    del graph.output[:]
    kind, count = info.elem_type, len(indices)
    graph.output.append(helper.make_tensor_value_info(response, kind, ["N", outputs]))
    graph.output.append(helper.make_tensor_value_info(TERMS, kind, ["N", outputs, count]))
    return DerivativeGraph(proto, indices)


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    """Gives a tensor, and a node of that name, another name."""
    for node in graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                if name == old:
                    names[place] = new
        if node.name == old:
            node.name = new
