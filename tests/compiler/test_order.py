"""Events in another order: the sequence in front of the batch, both merged into one axis."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import onnxtaylor
from onnxtaylor.compiler.order import UNKNOWN, event_blocks
from onnxtaylor.engine.exact.derive import derive
from onnxtaylor.errors import ModelError
from onnxtaylor.indices import MultiIndices
from onnxtaylor.rules.rule import Node
from tests.graph.graphs import model, op, port
from tests.rules.reference import function_of

STEPS, SIZE = 3, 2
MIXING = np.array([[0.5, -1.0], [1.0, 0.3]], np.float32)


def sequence_first() -> onnx.ModelProto:
    """x (N, 3, 2) → (3, N, 2) → (3N, 2) → tanh(· W) → back; y_c = Σ_s c-weighted squares."""
    shapes = {"steps": [-1, STEPS, SIZE], "rows": [-1, SIZE], "back": [STEPS, -1, SIZE]}
    constants = {k: np.array(v) for k, v in shapes.items()} | {"flat": np.array([-1, STEPS * SIZE])}
    weights = {"w": MIXING, "v": np.linspace(-1, 1, STEPS * SIZE * 2).reshape(-1, 2)}
    constants |= {k: v.astype(np.float32) for k, v in weights.items()}
    nodes = [
        op("Reshape", ["x", "steps"], ["s"]),
        op("Transpose", ["s"], ["t"], perm=[1, 0, 2]),
        op("Reshape", ["t", "rows"], ["r"]),
        op("MatMul", ["r", "w"], ["m"]),
        op("Tanh", ["m"], ["h"]),
        op("Mul", ["h", "h"], ["q"]),
        op("Reshape", ["q", "back"], ["b"]),
        op("Transpose", ["b"], ["u"], perm=[1, 0, 2]),
        op("Reshape", ["u", "flat"], ["f"]),
        op("MatMul", ["f", "v"], ["y"]),
    ]
    ports = [port("x", ["N", STEPS * SIZE])], [port("y", ["N", 2])]
    return model(nodes, *ports, constants)


def test_second_order_puts_an_event_s_own_elements_together():
    x = np.random.default_rng(4).normal(size=(5, STEPS * SIZE))
    found = onnxtaylor.differentiate(sequence_first())(x)
    weights = np.linspace(-1, 1, STEPS * SIZE * 2).reshape(-1, 2).astype(np.float32).astype(float)
    block = np.kron(np.eye(STEPS), MIXING.astype(float))
    t = np.tanh(x @ block)
    first, second = 2 * t * (1 - t**2), 2 * (1 - t**2) * (1 - 3 * t**2)
    jacobian = np.einsum("ik,nk,kc->nci", block, first, weights)
    hessian = np.einsum("ik,jk,nk,kc->ncij", block, block, second, weights)
    assert np.abs(found.jacobian - jacobian).max() < 2e-6
    assert np.abs(found.hessian - hessian).max() < 5e-6


SHAPES = {
    "s": (-1, 3, 2),
    "t": (3, -1, 2),
    "rows": (-3, 2),
    "turned": (2, -3),
    "back": (3, -1, 2),
    "own": (-3, 2),
    "summed": (-1, 2),
    "half": (3, -1, 1, 2),
    "cut": (2, -3, 1),
}


def node(kind: str, source: str, to: str, **attributes: object) -> Node:
    return Node(kind, to, (source, "c"), (to,), attributes)


@pytest.mark.parametrize(
    ("nodes", "wanted"),
    [
        ([node("Reshape", "s", "own")], {}),
        ([node("Reshape", "t", "rows")], {"rows": 3}),
        ([node("Reshape", "t", "rows"), node("Transpose", "rows", "turned")], {"turned": 3}),
        ([node("Reshape", "t", "rows"), node("Reshape", "rows", "back")], {"back": None}),
        ([node("Reshape", "t", "rows"), node("Reshape", "rows", "half")], {"half": None}),
        ([node("Reshape", "t", "rows"), node("ReduceSum", "rows", "summed")], {"summed": UNKNOWN}),
        ([node("Reshape", "s", "cut")], {"cut": UNKNOWN}),
    ],
)
def test_what_lies_outside_the_events(nodes, wanted):
    found = event_blocks(nodes, SHAPES)
    assert {name: found.get(name) for name in wanted} == wanted


def test_events_that_are_joined_along_their_axis_are_refused():
    """Two towers in one batch: no derivative is better than one that mixes events."""
    nodes = [
        op("Tanh", ["x"], ["t"]),
        op("Concat", ["t", "x"], ["j"], "joined", axis=0),
        op("Mul", ["j", "j"], ["y"]),
    ]
    proto = model(nodes, [port("x", ["N", 2])], [port("y", ["M", 2])])
    function = function_of(proto)
    with pytest.raises(ModelError, match=r"'joined' \(Concat\): it joins tensors along the axis"):
        derive(function, MultiIndices.full(2, 1), np.ones((6, 2)))
