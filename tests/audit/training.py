"""Small networks, really trained: gradient descent on the cross entropy, written in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Floats = npt.NDArray[np.float64]


@dataclass
class Net:
    """p = σ(tanh(tanh(z W₁ + b₁) W₂ + b₂) v), z = (x − mean)/std."""

    mean: Floats
    std: Floats
    w1: Floats
    b1: Floats
    w2: Floats
    b2: Floats
    v: Floats

    def __call__(self, x: Floats) -> Floats:
        first = np.tanh((x - self.mean) / self.std @ self.w1 + self.b1)
        return 1 / (1 + np.exp(-np.tanh(first @ self.w2 + self.b2) @ self.v))


def train(
    x: Floats, y: Floats, *, seed: int = 0, nodes: int = 6, steps: int = 400, rate: float = 0.5
) -> Net:
    """x (N, n) and y (N,) of 0 and 1."""
    random = np.random.default_rng(seed)
    net = Net(
        x.mean(axis=0),
        x.std(axis=0),
        random.normal(size=(x.shape[1], nodes)) / np.sqrt(x.shape[1]),
        np.zeros(nodes),
        random.normal(size=(nodes, nodes)) / np.sqrt(nodes),
        np.zeros(nodes),
        random.normal(size=nodes) / np.sqrt(nodes),
    )
    z = (x - net.mean) / net.std
    for _ in range(steps):
        first = np.tanh(z @ net.w1 + net.b1)
        second = np.tanh(first @ net.w2 + net.b2)
        slope = (1 / (1 + np.exp(-second @ net.v)) - y) / len(y)
        at_second = slope[:, None] * net.v * (1 - second**2)
        at_first = at_second @ net.w2.T * (1 - first**2)
        net.v -= rate * second.T @ slope
        net.w2 -= rate * first.T @ at_second
        net.b2 -= rate * at_second.sum(axis=0)
        net.w1 -= rate * z.T @ at_first
        net.b1 -= rate * at_first.sum(axis=0)
    return net


def export(net: Net, path: Path, *, scaler: bool = True, transposed: bool = False) -> Path:
    """The net as ONNX; without its scaler, or with W₂ transposed, as a faulty exporter may do."""
    arrays = {
        "mean": net.mean,
        "std": net.std,
        "w1": net.w1,
        "b1": net.b1,
        "w2": net.w2.T if transposed else net.w2,
        "b2": net.b2,
        "v": net.v[:, None],
    }
    scaled: Sequence[tuple[str, ...]] = [("Sub", "x", "mean", "c"), ("Div", "c", "std", "z")]
    nodes = [
        *(scaled if scaler else [("Identity", "x", "z")]),
        ("MatMul", "z", "w1", "m1"),
        ("Add", "m1", "b1", "u1"),
        ("Tanh", "u1", "h1"),
        ("MatMul", "h1", "w2", "m2"),
        ("Add", "m2", "b2", "u2"),
        ("Tanh", "u2", "h2"),
        ("MatMul", "h2", "v", "logit"),
        ("Sigmoid", "logit", "p"),
    ]
    used = {name for _, *ends in nodes for name in ends}
    graph = helper.make_graph(
        [helper.make_node(kind, ends[:-1], ends[-1:]) for kind, *ends in nodes],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", len(net.mean)])],
        [helper.make_tensor_value_info("p", TensorProto.FLOAT, ["N", 1])],
        [
            numpy_helper.from_array(np.ascontiguousarray(a, np.float32), name)
            for name, a in arrays.items()
            if name in used
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path
