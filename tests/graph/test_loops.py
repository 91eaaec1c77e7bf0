"""Loops of a known number of turns: the same values, and derivatives of what they compute."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import onnxtaylor
from onnxtaylor.graph.normalize import modernize
from tests.graph.graphs import ask, events

HEAD = '<ir_version: 8, opset_import: ["" : {opset}]> m (float[N,3] x) => (float[N,K] y) '
BODIES = {
    "a state": (
        "<int64 n={3}, bool c={1}> { y=Loop(n,c,x)<body=b (int64 i, bool ci, float[N,3] a)"
        " => (bool co, float[N,3] o) { co=Identity(ci) t=Tanh(a) o=Mul(t,x) }> }"
    ),
    "a constant of the body, no condition": (
        "<int64 n={2}> { y=Loop(n,,x)<body=b (int64 i, bool ci, float[N,3] a)"
        " => (bool co, float[N,3] o) <float h={0.5}, bool co={1}>"
        " { t=Sin(a) o=Mul(t,h) }> }"
    ),
    "the number of the turn": (
        "<int64 n={4}, bool c={1}, float one={1.0}> { y=Loop(n,c,x)<body=b"
        " (int64 i, bool ci, float[N,3] a) => (bool co, float[N,3] o)"
        " { co=Identity(c) k=Cast<to=1>(i) d=Add(k,one) t=Div(a,d) s=Tanh(t) o=Add(s,x) }> }"
    ),
    "what every turn leaves": (
        "<int64 n={3}, bool c={1}, int64[2] f={-1,9}> { s,p=Loop(n,c,x)<body=b"
        " (int64 i, bool ci, float[N,3] a) => (bool co, float[N,3] o, float[N,3] q)"
        " { co=Identity(ci) o=Tanh(a) q=Mul(o,o) }>"
        " t=Transpose<perm=[1,0,2]>(p) y=Reshape(t,f) }"
    ),
    "two states that change places": (
        "<int64 n={3}, bool c={1}> { s=Sin(x) y,z=Loop(n,c,x,s)<body=b"
        " (int64 i, bool ci, float[N,3] a, float[N,3] e)"
        " => (bool co, float[N,3] e, float[N,3] o) { co=Identity(ci) t=Mul(a,e) o=Tanh(t) }> }"
    ),
    "a loop inside": (
        "<int64 n={2}, bool c={1}> { y=Loop(n,c,x)<body=b (int64 i, bool ci, float[N,3] a)"
        " => (bool co, float[N,3] o) { co=Identity(ci) r=Loop(n,c,a)<body=d"
        " (int64 j, bool cj, float[N,3] g) => (bool ck, float[N,3] h)"
        " { ck=Identity(cj) u=Tanh(g) h=Mul(u,a) }> o=Add(r,x) }> }"
    ),
}


def f(name: str, x: np.ndarray) -> np.ndarray:
    """The same in NumPy."""
    if name == "a state":
        a = x
        for _ in range(3):
            a = np.tanh(a) * x
        return a
    if name.startswith("a constant"):
        return np.sin(np.sin(x) * 0.5) * 0.5
    if name == "the number of the turn":
        a = x
        for i in range(4):
            a = np.tanh(a / (i + 1)) + x
        return a
    if name == "what every turn leaves":
        one = np.tanh(x)
        two = np.tanh(one)
        return np.concatenate([v**2 for v in (one, two, np.tanh(two))], axis=-1)
    if name == "two states that change places":
        a, e = x, np.sin(x)
        for _ in range(3):
            a, e = e, np.tanh(a * e)
        return a
    a = x
    for _ in range(2):
        g = a
        for _ in range(2):
            g = np.tanh(g) * a
        a = g + x
    return a


def parsed(name: str, opset: int = 17) -> onnx.ModelProto:
    return onnx.parser.parse_model(HEAD.format(opset=opset) + BODIES[name])


@pytest.mark.parametrize("opset", [13, 17, 21])
@pytest.mark.parametrize("name", BODIES)
def test_values_and_derivatives_are_those_of_the_turns(name, opset):
    proto, x = parsed(name, opset), events()
    after = modernize(proto)
    assert all(node.op_type != "Loop" for node in after.graph.node)
    assert np.array_equal(ask(after, x=x)["y"], ask(proto, x=x)["y"])
    found = onnxtaylor.differentiate(proto)(x)
    assert np.abs(found.value - f(name, x)).max() < 1e-6
    h = 1e-3
    for i in range(3):
        step = h * np.eye(3)[i]
        wanted = (f(name, x - 2 * step) - 8 * f(name, x - step)) / (12 * h)
        wanted += (8 * f(name, x + step) - f(name, x + 2 * step)) / (12 * h)
        assert np.abs(found.jacobian[..., i] - wanted).max() < 5e-6
        curved = f(name, x + step) - 2 * f(name, x) + f(name, x - step)
        assert np.abs(found.hessian[..., i, i] - curved / h**2).max() < 5e-5


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("co=Identity(ci)", "m=ReduceMax<keepdims=0>(a) k=Sign(m) co=Cast<to=9>(k)"),
        ("n={3}", "n={20000}"),
    ],
    ids=["ends by a value", "too long"],
)
def test_other_loops_are_left_as_they_are(old, new):
    proto = onnx.parser.parse_model(HEAD.format(opset=17) + BODIES["a state"].replace(old, new))
    assert any(node.op_type == "Loop" for node in modernize(proto).graph.node)


def test_a_loop_that_never_begins_leaves_its_state():
    text = BODIES["a state"].replace("bool c={1}", "bool c={0}").replace("y=Loop(", "z=Loop(")
    proto = onnx.parser.parse_model(HEAD.format(opset=17) + text.replace("}> }", "}> y=Exp(z) }"))
    assert np.abs(onnxtaylor.differentiate(proto)(events()).value - np.exp(events())).max() < 1e-6
