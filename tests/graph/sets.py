"""A small net on a set with a mask, and its derivatives by hand.

f(x, m) = tanh(Σ_s m_s tanh(x_s W) · u), x (S, V) or (V, S).
"""

import numpy as np
from onnx import TensorProto

from tests.graph.graphs import F64, model, op, port

SLOTS, VARIABLES, HIDDEN = 4, 3, 5
_random = np.random.default_rng(11)
W = _random.normal(size=(VARIABLES, HIDDEN))
U = _random.normal(size=(HIDDEN, 1)) / 2


def deep_set(
    *, slots=SLOTS, variables_first=False, inverted=False, kind=TensorProto.BOOL, name="m"
):
    """The net as a model with the inputs ``x`` and the mask."""
    shape = ["N", VARIABLES, slots] if variables_first else ["N", slots, VARIABLES]
    nodes = [op("Transpose", ["x"], ["xs"], perm=[0, 2, 1])] if variables_first else []
    nodes += [
        op("MatMul", [nodes[0].output[0] if nodes else "x", "w"], ["z"]),
        op("Tanh", ["z"], ["h"]),
        op("Cast", [name], ["m0"], to=TensorProto.DOUBLE),
        op("Sub", ["one", "m0"], ["m1"]) if inverted else op("Identity", ["m0"], ["m1"]),
        op("Unsqueeze", ["m1", "two"], ["m2"]),
        op("Mul", ["h", "m2"], ["filled"]),
        op("ReduceSum", ["filled", "axis"], ["pooled"], keepdims=0),
        op("MatMul", ["pooled", "u"], ["score"]),
        op("Tanh", ["score"], ["y"]),
    ]
    constants = {
        **{"w": W, "u": U, "one": np.array(1.0)},
        **{"two": np.array([2]), "axis": np.array([1])},
    }
    inputs = [port("x", shape, F64), port(name, ["N", slots], kind)]
    return model(nodes, inputs, [port("y", ["N", 1], F64)], constants)


def by_hand(x, mask):
    """Responses (B,) and gradients (B, S, V) at x (B, S, V) with a mask (B, S) of filled slots."""
    hidden = np.tanh(x @ W)
    y = np.tanh((hidden * mask[..., None]).sum(axis=1) @ U)[:, 0]
    inner = (mask[..., None] * (1 - hidden**2) * U[:, 0]) @ W.T
    return y, (1 - y**2)[:, None, None] * inner


def events(count=40, seed=0, slots=SLOTS):
    """x (B, S, V), zero where padded, and the mask (B, S) of filled slots."""
    random = np.random.default_rng(seed)
    mask = np.arange(slots) < random.integers(1, slots + 1, count)[:, None]
    return random.normal(size=(count, slots, VARIABLES)) * mask[..., None], mask
