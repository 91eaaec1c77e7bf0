"""Branches that the data choose: both are computed, and derivatives are those of the chosen one."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import onnxtaylor
from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.errors import ModelError
from onnxtaylor.graph import read_model
from onnxtaylor.indices import MultiIndices
from onnxtaylor.options import ModelOptions
from onnxtaylor.problem.opening import open_model

HEAD = '<ir_version: 8, opset_import: ["" : 17]>\n'
X = np.array([[0.5, 0.2, 0.1], [-0.5, -0.2, 0.1], [0.5, 0.2, -0.1], [1.0, 2.0, 3.0]])
# x√x has no slope below 0, where tanh x is chosen
BRANCHES = """then_branch=t() => (float[{0}] o) {{ r=Sqrt(x) o=Mul(r,x) }},
 else_branch=e() => (float[{0}] q) {{ q=Tanh(x) }}"""


def one_event(condition):
    text = f"""m (float[3] x) => (float[3] y) <float z={{0.0}}> {{
     s=ReduceMin<keepdims=0>(x) c={condition} y=If(c)<{BRANCHES.format("3")}> }}"""
    return onnx.parser.parse_model(HEAD + text)


def expected(x):
    taken = x.min(axis=1, keepdims=True) > 0
    root = np.sqrt(np.abs(x))
    value = np.where(taken, root * x, np.tanh(x))
    slope = np.where(taken, 1.5 * root, 1 - np.tanh(x) ** 2)
    bend = np.where(taken, 0.75 / root, -2 * np.tanh(x) * (1 - np.tanh(x) ** 2))
    return value, slope, bend


def test_each_event_takes_its_own_branch():
    found = onnxtaylor.differentiate(one_event("Greater(s,z)"), no_batch=True)(X)
    value, slope, bend = expected(X)
    assert np.abs(found.value - value).max() < 1e-6
    assert np.abs(found.jacobian - np.apply_along_axis(np.diag, 1, slope)).max() < 1e-6
    for c in range(3):
        wanted = np.zeros((4, 3, 3))
        wanted[:, c, c] = bend[:, c]
        assert np.abs(found.hessian[:, c] - wanted).max() < 2e-6


def test_the_analysis_agrees_with_differences():
    x = np.random.default_rng(0).normal(0.4, 1.0, (40, 3))
    result = onnxtaylor.analyze(one_event("Greater(s,z)"), x, no_batch=True)
    assert result.model.engine == "exact"
    assert result.check["verdict"] == "agrees"


def engine(model, x):
    opened = open_model(read_model(model), ModelOptions(no_batch=True), x)
    return Exact(opened.function, MultiIndices.full(x.shape[1], 2), x=x)


def test_an_event_on_the_border_of_two_branches_has_no_derivative():
    """At min x = 0 the branches are x√x and tanh x: value and slope jump there."""
    x = np.concatenate([X, [[0.0, 0.4, 0.3]]])
    found = engine(one_event("Greater(s,z)"), x).coefficients(x)
    flags = found.no_derivative
    assert set(flags.events[flags.mask.any(axis=(1, 2))]) == {4}


def test_where_branches_meet_smoothly_the_border_has_their_limit():
    """exp x / exp(−x) where Σx > 0, else exp 2x."""
    text = """m (float[3] x) => (float[3] y) <float z={0.0}> {
     s=ReduceSum<keepdims=0>(x) c=Greater(s,z) y=If(c)<
      then_branch=t() => (float[3] o) { e=Exp(x) r=Neg(x) d=Exp(r) o=Div(e,d) },
      else_branch=e() => (float[3] q) { u=Add(x,x) q=Exp(u) }> }"""
    x = np.concatenate([X, [[0.5, -0.25, -0.25]]])
    found = engine(onnx.parser.parse_model(HEAD + text), x).coefficients(x)
    assert found.no_derivative is None or not found.no_derivative.mask.any()
    diagonal = [k for k, i in enumerate(MultiIndices.full(3, 2).tuples()) if i in ((0,), (0, 0))]
    wanted = np.exp(2 * x[:, :1]) * [2.0, 2.0]
    assert np.abs(found.terms[:, 0, diagonal] - wanted).max() < 2e-5


def test_a_guard_on_the_whole_batch_is_a_choice_too():
    text = f"""m (float[N,3] x) => (float[N,3] y) <float z={{1000000.0}}> {{
     s=ReduceMax<keepdims=0>(x) c=Greater(s,z) y=If(c)<{BRANCHES.format("N,3")}> }}"""
    found = onnxtaylor.differentiate(onnx.parser.parse_model(HEAD + text))(X)
    assert np.abs(found.value - np.tanh(X)).max() < 1e-6
    slope = np.apply_along_axis(np.diag, 1, 1 - np.tanh(X) ** 2)
    assert np.abs(found.jacobian - slope).max() < 1e-6


def test_branches_of_different_shape_are_refused():
    text = """m (float[N,3] x) => (float[N,3] y) <float z={1000000.0}, int64[1] a={1}> {
     s=ReduceMax<keepdims=0>(x) c=Greater(s,z) w=If(c)<then_branch=t() => (float[N,1] o) {
      o=ReduceSum(x,a) }, else_branch=e() => (float[N,3] q) { q=Tanh(x) }> y=Mul(w,x) }"""
    with pytest.raises(ModelError, match=r"If has no rule: .*equal shapes"):
        onnxtaylor.differentiate(onnx.parser.parse_model(HEAD + text))
