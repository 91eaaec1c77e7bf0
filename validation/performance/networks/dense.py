"""Dense networks of one hidden layer."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

__all__ = ["dense"]


def dense(features: int, hidden: int, outputs: int) -> onnx.ModelProto:
    """tanh(x·A)·B with random A and B, in single precision."""
    random = np.random.default_rng(features)
    nodes, weights, name = [], [], "x"
    for k, (a, b) in enumerate(((features, hidden), (hidden, outputs))):
        matrix = (random.normal(size=(a, b)) / np.sqrt(a)).astype(np.float32)
        weights.append(numpy_helper.from_array(matrix, f"matrix{k}"))
        last = k == 1
        nodes.append(helper.make_node("MatMul", [name, f"matrix{k}"], ["y" if last else "sums"]))
        if not last:
            nodes.append(helper.make_node("Tanh", ["sums"], ["hidden"]))
            name = "hidden"
    kind = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "dense",
        [helper.make_tensor_value_info("x", kind, ["N", features])],
        [helper.make_tensor_value_info("y", kind, ["N", outputs])],
        weights,
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="dense"
    )
