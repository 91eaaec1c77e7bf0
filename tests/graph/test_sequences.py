"""Sequences and optionals on the way of the features: exact where they are known."""

import numpy as np
import onnx.parser
import pytest

import onnxtaylor as ot
from onnxtaylor.engine.exact.derive import normal_form
from onnxtaylor.errors import ModelError, OptionError
from tests.graph.graphs import events, opened, respond

X = events(3, 6)
HEAD = '<ir_version: 8, opset_import: ["" : 17]>\n'
SEQUENCES = {"SplitToSequence", "SequenceConstruct", "SequenceAt", "ConcatFromSequence"}
SEQUENCES |= {"SequenceInsert", "SequenceErase", "SequenceLength", "SequenceEmpty"}
SEQUENCES |= {"Optional", "OptionalGetElement", "OptionalHasElement"}


def graph(body, shape="N,3", constants="", outputs=""):
    head = f"m (float[N,3] x) => (float[{shape}] y{outputs}) <{constants}>"
    return onnx.parser.parse_model(f"{HEAD}{head} {{ {body} }}")


ONE = "int64 i={1}"
SPLIT = "s=SplitToSequence<axis=1>(x)"
BOTH = "t=Tanh(x) s=SequenceConstruct(x,t)"
JOIN = "c=ConcatFromSequence<axis=1>(s1) y=Mul(c,c)"

# the graph, and the same function in NumPy
KNOWN = {
    "one of a split": (
        graph(f"{SPLIT} a=SequenceAt(s,i) y=Mul(a,a)", "N,1", ONE),
        lambda x: x[:, 1:2] ** 2,
    ),
    "counted from the end": (
        graph("s=SplitToSequence<axis=-1>(x) a=SequenceAt(s,i) y=Exp(a)", "N,1", "int64 i={-3}"),
        lambda x: np.exp(x[:, :1]),
    ),
    "without the axis": (
        graph("s=SplitToSequence<axis=1,keepdims=0>(x) a=SequenceAt(s,i) y=Exp(a)", "N", ONE),
        lambda x: np.exp(x[:, 1:2]),
    ),
    "sizes given": (
        graph("s=SplitToSequence<axis=1>(x,k) a=SequenceAt(s,i) y=Mul(a,a)", "N,2",
              "int64 i={1}, int64[2] k={1,2}"),
        lambda x: x[:, 1:] ** 2,
    ),
    "one size, the last is smaller": (
        graph("s=SplitToSequence<axis=1>(x,k) a=SequenceAt(s,i) y=Mul(a,a)", "N,1",
              "int64 i={1}, int64 k={2}"),
        lambda x: x[:, 2:] ** 2,
    ),
    "joined": (
        graph(f"{BOTH} s1=Identity(s) {JOIN}", "N,6"),
        lambda x: np.concatenate((x, np.tanh(x)), 1) ** 2,
    ),
    "joined along a new axis": (
        graph(f"{BOTH} c=ConcatFromSequence<axis=-1,new_axis=1>(s) q=Mul(c,c)"
              " y=ReduceMean<axes=[2],keepdims=0>(q)"),
        lambda x: (x**2 + np.tanh(x) ** 2) / 2,
    ),
    "inserted and erased": (
        graph(f"{BOTH} e=Exp(x) s2=SequenceInsert(s,e,p) s3=SequenceInsert(s2,e)"
              f" s1=SequenceErase(s3,p) {JOIN}", "N,9", "int64 p={-2}"),
        lambda x: np.concatenate((np.exp(x), x, np.exp(x)), 1) ** 2,
    ),
    "the last one erased": (graph(f"{BOTH} s1=SequenceErase(s) {JOIN}"), lambda x: x**2),
    "from nothing": (
        graph(f"t=Tanh(x) s=SequenceEmpty() s0=SequenceInsert(s,t) s1=SequenceInsert(s0,x) {JOIN}",
              "N,6"),
        lambda x: np.concatenate((np.tanh(x), x), 1) ** 2,
    ),
    "an index from a length": (
        graph(f"{SPLIT} n=SequenceLength(s) k=Sub(n,i) a=SequenceAt(s,k) y=Mul(a,a)", "N,1", ONE),
        lambda x: x[:, 2:] ** 2,
    ),
    "beside an output": (
        graph(f"{SPLIT} a=SequenceAt(s,i) y=Mul(a,a)", "N,1", ONE, ", seq(float[N,1]) s"),
        lambda x: x[:, 1:2] ** 2,
    ),
    "optional": (
        graph("t=Tanh(x) o=Optional(t) o1=Identity(o) g=OptionalGetElement(o1) y=Mul(g,g)"),
        lambda x: np.tanh(x) ** 2,
    ),
    "optional sequence": (
        graph(f"{SPLIT} o=Optional(s) g=OptionalGetElement(o) a=SequenceAt(g,i) y=Mul(a,a)",
              "N,1", ONE),
        lambda x: x[:, 1:2] ** 2,
    ),
    "is there one": (
        graph("o=Optional(x) h=OptionalHasElement(o) f=Cast<to=1>(h) q=Mul(x,x) y=Mul(q,f)"),
        lambda x: x**2,
    ),
}  # fmt: skip

# the length or an index depends on the events
UNKNOWN = {
    "split into events": (
        graph("s1=SplitToSequence<axis=0>(x) c=ConcatFromSequence<axis=0>(s1) y=Mul(c,c)"),
        lambda x: x**2,
    ),
    "an index from the features": (
        graph(f"{SPLIT} m=ReduceMax<keepdims=0>(x) b=Cast<to=7>(m) k=Sub(b,b) a=SequenceAt(s,k)"
              " y=Mul(a,a)", "N,1"),
        lambda x: x[:, :1] ** 2,
    ),
}  # fmt: skip


def jacobian(f, x, step=1e-5):
    """∂f_c/∂x_i (B, C, n) by central differences in double precision."""
    moved = step * np.eye(x.shape[1])
    return np.stack([(f(x + d) - f(x - d)) / (2 * step) for d in moved], axis=2)


def hessian_diagonal(f, x, step=1e-4):
    moved = step * np.eye(x.shape[1])
    return np.stack([(f(x + d) - 2 * f(x) + f(x - d)) / step**2 for d in moved], axis=2)


@pytest.mark.parametrize("name", KNOWN)
def test_derivatives_through_sequences(name):
    proto, f = KNOWN[name]
    found = ot.differentiate(proto)(X)
    np.testing.assert_allclose(found.value, f(X), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.value, respond(proto, X), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.jacobian, jacobian(f, X), atol=2e-5)
    diagonal = np.einsum("bcii->bci", found.hessian)
    np.testing.assert_allclose(diagonal, hessian_diagonal(f, X), atol=2e-4)


@pytest.mark.parametrize("name", KNOWN)
def test_no_sequence_is_left(name):
    normal = normal_form(opened(KNOWN[name][0], X).function, X)
    read, left = {normal.response}, set()
    for node in reversed(normal.proto.graph.node):
        if read.intersection(node.output):
            read.update(node.input)
            left.add(node.op_type)
    assert not left & SEQUENCES


@pytest.mark.parametrize("name", [*KNOWN, *UNKNOWN])
def test_differences_serve_them_all(name):
    proto, f = (KNOWN | UNKNOWN)[name]
    result = ot.analyze(proto, X, order=1, engine="differences", check=0, scale="unit")
    assert result.model.engine == "differences"
    assert result.options["no_float64"] is None
    found = result.score[:, 0, :3]
    np.testing.assert_allclose(found, np.abs(jacobian(f, X)).mean(0), atol=1e-6)


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_sequences_are_named(name):
    result = ot.analyze(UNKNOWN[name][0], X, order=1, check=4, scale="unit")
    assert result.model.engine == "differences"
    assert "SplitToSequence has no rule" in result.options["no_exact_engine"]
    with pytest.raises(ModelError, match='SplitToSequence has no rule; use engine="differences"'):
        ot.analyze(UNKNOWN[name][0], X, engine="exact")


def test_a_sequence_is_no_response():
    proto = KNOWN["beside an output"][0]
    with pytest.raises(OptionError, match=r"output 's' holds no tensor.*choose y"):
        ot.analyze(proto, X, output="s")
