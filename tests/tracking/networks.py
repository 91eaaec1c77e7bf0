"""Checkpoints: small networks of one structure and other weights, made without a framework."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["checkpoint"]


def checkpoint(
    seed: int,
    layers: Sequence[int] = (3, 6, 4, 2),
    *,
    prefix: str = "",
    normalized: bool = False,
    activation: str = "Tanh",
    metadata: dict[str, str] | None = None,
) -> onnx.ModelProto:
    """A dense network with random weights, all of them other ones for another seed.

    ``prefix`` stands before all names, ``normalized`` puts a BatchNormalization behind each layer.
    """
    random = np.random.default_rng(seed)
    nodes, constants, row = [], [], f"{prefix}x"

    def constant(name: str, value: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(value.astype(np.float32), f"{prefix}{name}"))
        return f"{prefix}{name}"

    for k, (n_in, n_out) in enumerate(pairwise(layers)):
        weight = constant(f"w{k}", random.normal(size=(n_out, n_in)) / np.sqrt(n_in))
        bias = constant(f"b{k}", random.normal(size=n_out))
        nodes.append(helper.make_node("Gemm", [row, weight, bias], [f"{prefix}z{k}"], transB=1))
        row = f"{prefix}z{k}"
        if normalized:
            names = [constant(f"n{k}{j}", random.uniform(0.5, 2, n_out)) for j in range(4)]
            nodes.append(helper.make_node("BatchNormalization", [row, *names], [f"{row}n"]))
            row = f"{row}n"
        last = k == len(layers) - 2
        kind = ("Sigmoid" if layers[-1] == 1 else "Softmax") if last else activation
        nodes.append(helper.make_node(kind, [row], [f"{prefix}h{k}"]))
        row = f"{prefix}h{k}"
    graph = helper.make_graph(
        nodes,
        "dense",
        [helper.make_tensor_value_info(f"{prefix}x", TensorProto.FLOAT, ["N", layers[0]])],
        [helper.make_tensor_value_info(row, TensorProto.FLOAT, ["N", layers[-1]])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, metadata or {})
    return model
