"""Packed tangents: tables of owners, and graphs of slots against their derivatives unpacked.

Unit vectors that are fed as directions give every feature a tangent of its own, so that nothing is
packed; ``test_directions`` and ``test_random_graphs`` compare such graphs with differences.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from onnx import printer

from onnxtaylor.compiler import TERMS, DerivativeGraph, compile_terms
from onnxtaylor.compiler.directions import DIRECTIONS, Directions
from onnxtaylor.compiler.export import arrays_of
from onnxtaylor.compiler.packed.owners import NOBODY, appended, merged, smallest, united
from onnxtaylor.graph.normalize import OPSET
from onnxtaylor.indices import MultiIndices
from tests.compiler import random_moves, random_steps  # noqa: F401  they fill STEPS
from tests.compiler.coefficients import coefficients, compiled
from tests.compiler.random_graphs import STEPS, Tensor, Writer, agrees, events, steps_of
from tests.compiler.test_directions import along
from tests.compiler.test_random_graphs import drawn
from tests.compiler.test_swapped_weights import normal_of, run
from tests.rules.reference import Array, distance, observed

NAMES = sorted(STEPS)
SLOTS, VARIABLES = 3, 2
N = SLOTS * VARIABLES


def set_graph(steps: list[Any], responses: int, ends: int, *, first: bool) -> onnx.ModelProto:
    """Random steps on a tensor (slots, variables), or (variables, slots) unless ``first``."""
    writer = Writer(N, len(steps))
    shape = (SLOTS, VARIABLES)
    rows = writer.op("Reshape", writer.tensors[0], np.array([-1, *shape]))
    if not first:
        rows, shape = writer.op("Transpose", rows, perm=[0, 2, 1]), shape[::-1]
    features = writer.tensors[0]
    writer.tensors = [Tensor(rows, shape)]
    for name, *places in steps:
        writer.add(STEPS[name], *places)
    proto = writer.model(responses, ends)
    inputs = proto.graph.input[0].type.tensor_type.shape.dim
    inputs[1].dim_value = features.shape[0]
    return proto


def unpacked(proto: onnx.ModelProto, x: Array) -> list[Array]:
    """Jacobian and Hessian from a graph that is fed with unit vectors."""
    return along(proto, x, np.eye(x.shape[1])[:, None])


@drawn(120)
@given(
    steps=steps_of(NAMES, 1, 8),
    responses=st.integers(1, 3),
    ends=st.integers(1, 2),
    first=st.booleans(),
)
def test_random_graphs_of_slots(steps: list[Any], responses: int, ends: int, first: bool):
    proto, x = set_graph(steps, responses, ends, first=first), events(N)
    note(printer.to_text(proto))
    found = arrays_of(coefficients(proto, x, 2)[1], MultiIndices.full(N, 2))
    for packed, dense in zip(found, unpacked(proto, x), strict=True):
        assert distance(packed, dense, 1e-6) < 1e-10


def network(kind: str, slots: int = 6, variables: int = 4, width: int = 5) -> onnx.ModelProto:
    """Networks of sets and sequences with every way in which slots come to mix."""
    w = Writer(slots * variables, 7)
    x = w.op("Reshape", w.tensors[0], np.array([-1, slots, variables]))

    def dense(name: str, size: int, out: int) -> str:
        return w.op("Add", w.op("MatMul", name, w.weights(size, out)), w.weights(out))

    h = w.op("Tanh", dense(x, variables, width))
    h = w.op("Tanh", dense(h, width, width))
    if kind in ("ReduceSum", "ReduceMean"):
        row = w.op(kind, h, np.array([1]), keepdims=0)
    elif kind == "flat":
        row, width = w.op("Reshape", h, np.array([-1, slots * width])), slots * width
    elif kind == "picked":  # a slot is there twice, so that a feature owns two places of a tangent
        again = w.op("Gather", x, np.array([0, *range(slots - 1)]), axis=1)
        sums = w.op("CumSum", w.op("Tanh", again), np.array(1))
        row, width = w.op("ReduceSum", sums, np.array([1]), keepdims=0), variables
    elif kind == "graph":  # a constant matrix between the slots
        mixed = w.op("Tanh", w.op("MatMul", w.weights(slots, slots), h))
        row = w.op("ReduceMean", mixed, np.array([1]))
        row = w.op("Reshape", row, np.array([-1, width]))
    elif kind == "convolution":
        turned = w.op("Transpose", h, perm=[0, 2, 1])
        image = w.op("Tanh", w.op("Conv", turned, w.weights(width, width, 1)))
        row = w.op("Reshape", w.op("GlobalAveragePool", image), np.array([-1, width]))
    elif kind == "attention":
        q, k, v = (dense(h, width, width) for _ in range(3))
        scores = w.op("MatMul", q, w.op("Transpose", k, perm=[0, 2, 1]))
        mixed = w.op("MatMul", w.op("Softmax", scores), v)
        row = w.op("ReduceMean", w.op("Add", mixed, h), np.array([1]), keepdims=0)
    elif kind == "directions":  # sums of the slots before and behind each, as in two directions
        parts, ahead, behind = w.ops("Split", slots, h, num_outputs=slots, axis=1), [], []
        for k in range(slots):
            ahead.append(w.op("Add", ahead[-1], parts[k]) if ahead else parts[k])
            behind.append(w.op("Add", behind[-1], parts[-1 - k]) if behind else parts[-1])
        both = [w.op("Concat", *way, axis=1) for way in (ahead, behind[::-1])]
        row = w.op("ReduceSum", w.op("Concat", *both, axis=2), np.array([1]), keepdims=0)
        width *= 2
    else:  # steps of a sequence
        parts = w.ops("Split", slots, h, num_outputs=slots, axis=1)
        rows = [w.op("Reshape", p, np.array([-1, width])) for p in parts]
        row = rows[0]
        for now in rows[1:]:
            gate = w.op("Sigmoid", w.op("Add", dense(row, width, width), now))
            row = w.op("Add", w.op("Mul", gate, row), w.op("Tanh", dense(now, width, width)))
    w.tensors.append(Tensor(w.op("Tanh", dense(row, width, width)), (width,)))
    return w.model(3, 1)


KINDS = (
    "ReduceSum",
    "ReduceMean",
    "picked",
    "flat",
    "graph",
    "convolution",
    "attention",
    "directions",
    "sequence",
)


@pytest.mark.parametrize("kind", KINDS)
def test_networks_of_slots(kind: str):
    proto, x = network(kind), events(24)
    found = arrays_of(coefficients(proto, x, 2)[1], MultiIndices.full(24, 2))
    for packed, dense in zip(found, unpacked(proto, x), strict=True):
        assert distance(packed, dense, 1e-6) < 1e-12


@pytest.mark.parametrize("kind", KINDS)
def test_networks_against_differences(kind: str):
    proto = network(kind, slots=3, variables=2, width=3)
    agrees(proto, events(6), 2)


@pytest.mark.parametrize("kind", ["ReduceSum", "ReduceMean", "flat", "graph", "convolution"])
def test_packed_graphs_hold_less(kind: str):
    """Fewer numbers in all tensors of the derivative graph than without packing."""
    proto, x = network(kind, slots=12), events(48)
    function, indices = normal_of(proto), MultiIndices.full(48, 2)
    plain = compile_terms(
        function, indices, observed(function, x), OPSET, directions=Directions(48)
    )
    packed = size_of(compiled(proto, x, indices), x, {})
    assert packed < 0.6 * size_of(plain, x, {DIRECTIONS: np.eye(48)[:, None]})


def size_of(graph: DerivativeGraph, x: Array, fed: dict[str, Array]) -> int:
    """Numbers in all tensors that a graph computes on its way to the coefficients."""
    proto = onnx.ModelProto()
    proto.CopyFrom(graph.proto)
    names = [o for node in proto.graph.node for o in node.output if o and o != TERMS]
    del proto.graph.output[:]
    proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    return sum(v.size for v in run(replace(graph, proto=proto), x, fed).values())


def test_owners_along_mixed_axes():
    owners = np.arange(6).reshape(1, 1, 3, 2)  # one tangent, three slots of two variables
    found = merged(owners, [2])
    assert found.tolist() == [[[[0], [2], [4]]], [[[1], [3], [5]]]]
    assert merged(owners, [1, 2]).reshape(-1).tolist() == list(range(6))


def test_owners_of_sums():
    early, late = np.array([[0], [1]]), np.array([[1], [2]])
    assert united(early, late).tolist() == [[0], [1], [2]]
    assert appended(early, late).tolist() == [[0], [1], [1], [2]]


def test_the_smallest_table_of_owners():
    assert smallest(np.array([[[4, 4], [4, 4]]])).shape == (1, 1, 1)
    assert smallest(np.array([[[4, NOBODY], [4, NOBODY]]])).shape == (1, 1, 2)
