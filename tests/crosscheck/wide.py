"""Samples of rules behind 600 features: the sample's three are tanh of sums of all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

FEATURES = 600


def widened(model: onnx.ModelProto, features: int = FEATURES) -> onnx.ModelProto:
    """The same graph with x → tanh(x·A) in front, A a random matrix."""
    wide = onnx.ModelProto.FromString(model.SerializeToString())
    graph = wide.graph
    port = graph.input[0]
    kind = port.type.tensor_type.elem_type
    inner = port.type.tensor_type.shape.dim[1].dim_value
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    matrix = np.random.default_rng(3).normal(size=(features, inner)) / np.sqrt(features)
    graph.initializer.append(numpy_helper.from_array(matrix.astype(dtype), "wide.matrix"))
    front = [
        helper.make_node("MatMul", ["wide.x", "wide.matrix"], ["wide.sums"]),
        helper.make_node("Tanh", ["wide.sums"], [port.name]),
    ]
    nodes = [*front, *graph.node]
    del graph.node[:], graph.input[:]
    graph.node.extend(nodes)
    graph.input.append(helper.make_tensor_value_info("wide.x", kind, ["N", features]))
    return wide


def events(count: int = 100, features: int = FEATURES, seed: int = 5) -> Any:
    """Normal events that single precision holds."""
    x = np.random.default_rng(seed).normal(size=(count, features))
    return x.astype(np.float32).astype(np.float64)
