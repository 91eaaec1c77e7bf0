"""Nets of random weights to measure on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import onnx
from onnx import helper, numpy_helper

__all__ = ["dense_net"]


def dense_net(
    layers: Sequence[int], *, activation: str = "Tanh", last: str = "Softmax", seed: int = 0
) -> onnx.ModelProto:
    """A dense float32 net ``x`` [N, layers[0]] → ``y`` [N, layers[-1]], weights of variance 1/n."""
    random = np.random.default_rng(seed)
    nodes, weights, current = [], [], "x"
    for k, (n_in, n_out) in enumerate(pairwise(layers)):
        matrix = (random.normal(size=(n_in, n_out)) / np.sqrt(n_in)).astype(np.float32)
        weights.append(numpy_helper.from_array(matrix, f"w{k}"))
        weights.append(numpy_helper.from_array(np.zeros(n_out, np.float32), f"b{k}"))
        nodes.append(helper.make_node("Gemm", [current, f"w{k}", f"b{k}"], [f"z{k}"]))
        final = k == len(layers) - 2
        current = "y" if final else f"h{k}"
        nodes.append(helper.make_node(last if final else activation, [f"z{k}"], [current]))
    kind = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "dense",
        [helper.make_tensor_value_info("x", kind, ["N", layers[0]])],
        [helper.make_tensor_value_info("y", kind, ["N", layers[-1]])],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
