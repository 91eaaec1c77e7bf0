"""Loops whose turns are counted, and Scans: values and derivatives are those of the copies."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import onnxtaylor
from onnxtaylor.errors import ModelError
from onnxtaylor.graph.normalize.loops import NODES
from tests.graph.graphs import ask, events

HEAD = '<ir_version: 8, opset_import: ["" : 17]>\n'
ROWS = np.array([[0.1, 0.2, 0.3], [-0.4, 0.5, 0.6], [1, -1, 0.5], [0.3, 0.3, -0.9]])
TABLE = "float[4,3] t={0.1,0.2,0.3,-0.4,0.5,0.6,1.0,-1.0,0.5,0.3,0.3,-0.9}"


def parsed(text):
    proto = onnx.parser.parse_model(HEAD + text)
    onnx.checker.check_model(proto)
    return proto


def compare(proto, f, x):
    """Value, slopes and second derivatives beside differences of a NumPy function."""
    found, h = onnxtaylor.differentiate(proto)(x), 1e-3
    assert np.abs(found.value - f(x)).max() < 1e-6
    for i in range(x.shape[1]):
        step = h * np.eye(x.shape[1])[i]
        first = f(x - 2 * step) - 8 * f(x - step) + 8 * f(x + step) - f(x + 2 * step)
        assert np.abs(found.jacobian[..., i] - first / (12 * h)).max() < 5e-6
        second = (f(x + step) - 2 * f(x) + f(x - step)) / h**2
        assert np.abs(found.hessian[..., i, i] - second).max() < 5e-5


WHILE = """m (float[N,3] x) => (float[N,3] y) <bool c={1}, int32 k={0}, float h={1.0}> {
 kk,hh,y=Loop(,c,k,h,x)<body=b (int64 i, bool ci, int32 n, float g, float[N,3] a)
  => (bool co, int32 n1, float g1, float[N,3] o) {
  one=Constant<value=int32{1}>() lim=Constant<value=int32{6}>() half=Constant<value_float=0.5>()
  n1=Add(n,one) g1=Mul(g,half) co=Less(n1,lim) t=Mul(a,g) o=Tanh(t) }> }"""


def halving(x):
    for k in range(6):
        x = np.tanh(x * 0.5**k)
    return x


def test_a_condition_that_counts_turns_is_followed():
    compare(parsed(WHILE), halving, events().astype(float))


def test_turns_that_the_number_of_objects_says():
    text = """m (float[N,5,2] x) => (float[N,2] y) <bool c={1}, float z={0.0}, int64 one={1}> {
     s=Shape(x) n=Gather(s,one) t=Transpose<perm=[1,0,2]>(x) m=ReduceSum<keepdims=0>(t,f)
     h=Mul(m,z) y=Loop(n,c,h)<body=b (int64 i, bool ci, float[N,2] a) => (bool co, float[N,2] o) {
      co=Identity(ci) e=Gather(t,i) q=Add(a,e) o=Tanh(q) }> }"""
    text = text.replace("int64 one={1}", "int64 one={1}, int64[1] f={0}")

    def f(x):
        h = np.zeros((len(x), 2))
        for k in range(5):
            h = np.tanh(h + x.reshape(-1, 5, 2)[:, k])
        return h

    compare(parsed(text), f, np.random.default_rng(1).normal(size=(3, 10)))


def test_a_sequence_as_state():
    text = """m (float[N,3] x) => (float[N,9] y) <bool c={1}, int64 n={3}> {
     s0=SequenceConstruct(x) q=Loop(n,c,s0)<body=b (int64 i, bool ci, seq(float[N,3]) a)
      => (bool co, seq(float[N,3]) o) {
      co=Identity(ci) e=SequenceAt(a,i) t=Sin(e) o=SequenceInsert(a,t) }>
     z=SequenceErase(q) y=ConcatFromSequence<axis=1>(z) }"""

    def f(x):
        return np.concatenate([x, np.sin(x), np.sin(np.sin(x))], axis=1)

    compare(parsed(text), f, events().astype(float))


def test_a_scan_over_rows_of_a_constant():
    """The distances to points, as skl2onnx writes them."""
    text = f"""m (float[N,3] x) => (float[N,4] y) <{TABLE}> {{
     u,p=Scan<num_scan_inputs=1,body=b (float[N,3] a, float[3] r) => (float[N,3] ao, float[N] d) {{
      ao=Identity(a) s=Sub(a,r) q=Mul(s,s) ax=Constant<value_ints=[1]>()
      d=ReduceSum<keepdims=0>(q,ax) }}>(x,t)
     z=Transpose<perm=[1,0]>(p) w=Neg(z) y=Exp(w) }}"""

    def f(x):
        return np.exp(-((x[:, None] - ROWS) ** 2).sum(axis=-1))

    compare(parsed(text), f, events().astype(float))


@pytest.mark.parametrize("backwards", [0, 1])
@pytest.mark.parametrize("reverse", [0, 1])
@pytest.mark.parametrize("axis", [1, -2])
def test_axes_and_directions_of_a_scan(axis, reverse, backwards):
    text = f"""m (float[N,4,2] x) => (float[N,8] y)
     <float z={{0.0}}, int64[1] a1={{1}}, int64[2] f={{-1,8}}> {{
     m=ReduceSum<keepdims=0>(x,a1) h=Mul(m,z)
     u,p=Scan<num_scan_inputs=1,scan_input_axes=[{axis}],scan_input_directions=[{reverse}],
      scan_output_axes=[{axis}],scan_output_directions=[{backwards}],
      body=b (float[N,2] a, float[N,2] r) => (float[N,2] o, float[N,2] d) {{
      q=Mul(a,r) s=Add(q,r) o=Tanh(s) d=Sin(s) }}>(h,x)
     y=Reshape(p,f) }}"""

    def f(x):
        x, h, found = x.reshape(-1, 4, 2), np.zeros((len(x), 2)), []
        for k in range(4)[:: -1 if reverse else 1]:
            s = h * x[:, k] + x[:, k]
            h = np.tanh(s)
            found.append(np.sin(s))
        return np.stack(found[:: -1 if backwards else 1], axis=1).reshape(len(x), -1)

    proto, x = parsed(text), np.random.default_rng(2).normal(size=(3, 8))
    given = x.reshape(-1, 4, 2).astype(np.float32)
    assert np.abs(ask(proto, x=given)["y"] - f(x)).max() < 1e-5
    compare(proto, f, x)


def test_a_scan_over_the_events_is_refused():
    text = """m (float[N,3] x) => (float[N,1] y) {
     p=Scan<num_scan_inputs=1,body=b (float[3] r) => (float[1] d) {
      q=Mul(r,r) ax=Constant<value_ints=[0]>() d=ReduceSum(q,ax) }>(x) y=Exp(p) }"""
    with pytest.raises(ModelError, match=r"Scan has no rule: .*written out"):
        onnxtaylor.differentiate(parsed(text))


def test_too_many_copies_are_refused_with_the_limit():
    proto = parsed(WHILE.replace("int32{6}", "int32{1900}"))
    for node in range(10):
        proto.graph.node[0].attribute[0].g.node.append(
            onnx.helper.make_node("Tanh", ["o" if node == 0 else f"v{node}"], [f"v{node + 1}"])
        )
    proto.graph.node[0].attribute[0].g.output[3].name = "v10"
    with pytest.raises(ModelError, match=f"at most {NODES} nodes"):
        onnxtaylor.differentiate(proto)


@pytest.mark.parametrize("state", ["int64 n={4611686018427387904}", "float n={1}"])
def test_a_loop_that_never_ends_is_refused_unread(state):
    count = "n" if "int64" in state else ""
    text = f"""m (float[N,3] x) => (float[N,3] y) <bool c={{1}}, {state}> {{
     y=Loop({count},c,x)<body=b (int64 i, bool ci, float[N,3] a) => (bool co, float[N,3] o) {{
      co=Identity(ci) o=Sin(a) }}> }}"""
    with pytest.raises(ModelError, match=r"never ends|neither a number of turns nor a condition"):
        onnxtaylor.differentiate(parsed(text))


def test_what_copies_have_in_common_is_written_once():
    text = f"""m (float[N,3] x) => (float[N,4] y) <bool c={{1}}, int64 n={{5}}, {TABLE}> {{
     p=Transpose<perm=[1,0]>(t) s=MatMul(x,p)
     w,y=Loop(n,c,t,s)<body=b (int64 i, bool ci, float[4,3] v, float[N,4] a)
      => (bool co, float[4,3] v, float[N,4] o) {{
      co=Identity(ci) r=Transpose<perm=[1,0]>(v) q=MatMul(v,r) g=MatMul(a,q) o=Tanh(g) }}> }}"""
    from onnxtaylor.graph.normalize import modernize

    kinds = [node.op_type for node in modernize(parsed(text)).graph.node]
    assert [kinds.count(kind) for kind in ("Tanh", "Transpose", "MatMul")] == [5, 2, 1 + 1 + 5]
