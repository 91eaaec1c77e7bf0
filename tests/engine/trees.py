"""Small models without derivatives: a tree ensemble, a quantized one, one of whole numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto

from tests.graph.graphs import F32, model, op, port

I32 = TensorProto.INT32

# feature, threshold, below or equal, above: a number is a leaf
Tree = tuple[int, float, "Tree | float", "Tree | float"]
FOREST: tuple[Tree, ...] = (
    (0, 0.25, 1.0, (1, -0.5, 2.0, 5.0)),
    (1, 0.5, (2, 1.5, 0.0, -1.0), 3.0),
    (2, 0.0, -2.0, (2, 2.0, 0.0, 4.0)),
)


def forest(trees: Sequence[Tree] = FOREST, features: int = 3) -> onnx.ModelProto:
    """The sum of trees as a TreeEnsembleRegressor."""
    nodes: dict[str, list[object]] = {
        f"nodes_{name}": []
        for name in (
            *("treeids", "nodeids", "featureids", "values", "modes"),
            *("truenodeids", "falsenodeids"),
        )
    }
    leaves: dict[str, list[object]] = {f"target_{n}": [] for n in ("treeids", "nodeids", "weights")}

    def add(number: int, tree: Tree | float, count: list[int]) -> int:
        own = count[0]
        count[0] += 1
        row = len(nodes["nodes_modes"])
        inner = isinstance(tree, tuple)
        feature, threshold = tree[:2] if inner else (0, 0.0)
        for name, value in zip(
            nodes,
            (number, own, feature, threshold, "BRANCH_LEQ" if inner else "LEAF", 0, 0),
            strict=True,
        ):
            nodes[name].append(value)
        if inner:
            nodes["nodes_truenodeids"][row] = add(number, tree[2], count)
            nodes["nodes_falsenodeids"][row] = add(number, tree[3], count)
        else:
            for name, value in zip(leaves, (number, own, float(tree)), strict=True):
                leaves[name].append(value)
        return own

    for number, tree in enumerate(trees):
        add(number, tree, [0])
    ids = [0] * len(leaves["target_weights"])
    node = op(
        "TreeEnsembleRegressor",
        ["x"],
        ["y"],
        domain="ai.onnx.ml",
        n_targets=1,
        target_ids=ids,
        **nodes,
        **leaves,
    )
    return model(
        [node], [port("x", ["N", features])], [port("y", ["N", 1])], domains={"ai.onnx.ml": 1}
    )


def grown(x: np.ndarray, trees: Sequence[Tree] = FOREST) -> np.ndarray:
    """The same sum in Python, (B, 1)."""

    def leaf(row: np.ndarray, tree: Tree | float) -> float:
        while isinstance(tree, tuple):
            tree = tree[2] if row[tree[0]] <= tree[1] else tree[3]
        return tree

    return np.array([[sum(leaf(row, tree) for tree in trees)] for row in x.astype(np.float32)])


def quantized(features: int = 3) -> onnx.ModelProto:
    """round(10 x) / 10, then a product of all features."""
    nodes = [
        op("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
        op("DequantizeLinear", ["q", "scale", "zero"], ["d"]),
        op("ReduceProd", ["d"], ["y"], axes=[1], keepdims=1),
    ]
    constants = {"scale": np.float32(0.1), "zero": np.int8(0)}
    return model(nodes, [port("x", ["N", features])], [port("y", ["N", 1])], constants)


def embedding(features: int = 3, kind: int = I32, rows: int = 10) -> onnx.ModelProto:
    """tanh of the mean of rows of a table, by whole numbers 0 … rows − 1: y (N, 2)."""
    random = np.random.default_rng(0)
    constants = {"table": random.normal(size=(rows, 2)).astype(np.float32)}
    nodes = [
        op("Gather", ["table", "x"], ["rows"]),
        op("ReduceMean", ["rows"], ["mean"], axes=[1], keepdims=0),
        op("Tanh", ["mean"], ["y"]),
    ]
    return model(nodes, [port("x", ["N", features], kind)], [port("y", ["N", 2], F32)], constants)
