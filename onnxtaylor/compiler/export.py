"""The derivative graph as others want it: value, Jacobian and Hessian as outputs of one file."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from onnxtaylor.compiler.derivative import TERMS, DerivativeGraph

__all__ = ["export"]


def export(graph: DerivativeGraph) -> onnx.ModelProto:
    """A model with the outputs ``value`` (N, C), ``jacobian`` (N, C, n), ``hessian`` (N, C, n, n).

    Requires all coefficients of the graph's order; ``hessian`` is there from order 2 on. Standard
    operators only. H_ij = t_ij and H_ii = 2 t_ii.
    """
    proto = onnx.ModelProto()
    proto.CopyFrom(graph.proto)
    indices, n = graph.indices, graph.indices.n_features
    response = proto.graph.output[0]
    kind = response.type.tensor_type.elem_type
    outputs = int(response.type.tensor_type.shape.dim[1].dim_value)
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    nodes, constants = proto.graph.node, proto.graph.initializer

    def constant(name: str, value: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(value, f"export/{name}"))
        return f"export/{name}"

    nodes.append(helper.make_node("Identity", [response.name], ["value"]))
    first = constant("first", np.arange(n))
    nodes.append(helper.make_node("Gather", [TERMS, first], ["jacobian"], axis=2))
    shapes: dict[str, list[str | int | None]] = {
        "value": ["N", outputs],
        "jacobian": ["N", outputs, n],
    }
    if indices.order >= 2:
        place = np.zeros((n, n), dtype=np.int64)
        for k, alpha in enumerate(indices.tuples()):
            if len(alpha) == 2:
                place[alpha] = place[alpha[::-1]] = k
        flat = constant("places", place.reshape(-1))
        factor = constant("factor", (1 + np.eye(n)).astype(dtype))
        target = constant("shape", np.array([0, outputs, n, n]))
        nodes.append(helper.make_node("Gather", [TERMS, flat], ["export/gathered"], axis=2))
        nodes.append(helper.make_node("Reshape", ["export/gathered", target], ["export/square"]))
        nodes.append(helper.make_node("Mul", ["export/square", factor], ["hessian"]))
        shapes["hessian"] = ["N", outputs, n, n]
    del proto.graph.output[:]
    proto.graph.output.extend(
        helper.make_tensor_value_info(name, kind, shape) for name, shape in shapes.items()
    )
    proto.producer_name = "onnxtaylor"
    return proto
