"""What rules write: nothing twice, and no node for what depends on constants alone."""

from __future__ import annotations

import numpy as np

from onnxtaylor.rules.emit import Emitter
from tests.rules.reference import compiled
from tests.rules.sample import FEATURES, Graph


def test_a_node_that_is_asked_for_twice_is_written_once():
    e = Emitter(np.float32, 21)
    first = e.op("ReduceSum", "x", e.constant([1]), keepdims=1)
    assert e.op("ReduceSum", "x", e.constant([1]), keepdims=1) == first
    assert e.ops("Split", 2, "x", axis=0) == e.ops("Split", 2, "x", axis=0)
    assert [node.op_type for node in e.nodes] == ["ReduceSum", "Split"]


def test_nodes_that_differ_in_anything_are_each_written():
    e = Emitter(np.float32, 21)
    one, two = e.constant([1]), e.constant([2])
    names = {
        e.op("ReduceSum", "x", one, keepdims=1),
        e.op("ReduceSum", "x", one, keepdims=0),
        e.op("ReduceSum", "x", two, keepdims=1),
        e.op("ReduceSum", "y", one, keepdims=1),
        e.op("ReduceMax", "x", one, keepdims=1),
    }
    assert len(names) == len(e.nodes) == 5


def test_constants_are_shared_if_they_are_the_same_to_the_bit():
    e = Emitter(np.float32, 21)
    assert e.constant([1.0, 2.0]) == e.constant(np.array([1.0, 2.0]))
    others = [e.number(0.0), e.number(-0.0), e.constant(0), e.constant([0.0]), e.constant([[0.0]])]
    assert len(set(others)) == len(others)


def test_what_depends_on_constants_alone_is_a_constant():
    e = Emitter(np.float64, 21)
    name = e.op("Mul", e.op("Transpose", e.constant([[1.0, 2.0]]), perm=[1, 0]), e.number(3.0))
    assert not e.nodes
    assert np.array_equal(e.constants[name], [[3.0], [6.0]])


def test_sweeps_and_curvature_share_what_they_have_in_common():
    """No two nodes of the derivative graph of a softmax and a normalization are the same."""
    random, g = np.random.default_rng(0), Graph(np.dtype(np.float64))
    h = g.op("Tanh", g.op("MatMul", "features", g.constant(random.normal(size=(FEATURES, 4)))))
    axis = g.constant(np.array([1]))
    away = g.op("Sub", h, g.op("ReduceMean", h, axis))
    width = g.op("Sqrt", g.op("ReduceMean", g.op("Mul", away, away), axis))
    p = g.op("Softmax", g.op("Div", away, width), axis=-1)
    proto = g.model(g.op("MatMul", p, g.constant(random.normal(size=(4, 2)))), 21)
    _, graph = compiled(proto, random.normal(size=(3, FEATURES)))
    seen = []
    for node in graph.proto.graph.node:
        attributes = sorted(a.SerializeToString() for a in node.attribute)
        inputs = sorted(node.input) if node.op_type in ("Add", "Mul") else list(node.input)
        seen.append((node.op_type, inputs, attributes))
    assert all(node not in seen[:k] for k, node in enumerate(seen))
