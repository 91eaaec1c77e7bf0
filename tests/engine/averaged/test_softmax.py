"""Gradients of a softmax from those of one response less behind it."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxtaylor_kernels.averaged import softmax_gradients

from onnxtaylor.engine.averaged.steps import CurvatureSteps
from onnxtaylor.engine.exact.averaged import Averaged, make_averaged
from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.engine.exact.softmax import gaps_before_softmax
from onnxtaylor.engine.finite_step.moves import Moves
from onnxtaylor.graph import build_function, choose, read_model
from onnxtaylor.indices import MultiIndices
from tests.engine.averaged.test_averaged import events, graph_of


def softmax_net(outputs=3, kind=TensorProto.DOUBLE, axis=-1, lift=0.0, behind=()):
    random = np.random.default_rng(0)
    low = np.zeros(outputs)
    low[-1] = lift
    constants = {
        "w": random.normal(size=(4, 16)),
        "b": random.normal(size=16),
        "v": random.normal(size=(16, outputs)),
        "c": low,
    }
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["u"]),
        helper.make_node("Relu", ["u"], ["h"]),
        helper.make_node("Gemm", ["h", "v", "c"], ["z"]),
        helper.make_node("Softmax", ["z"], ["p" if behind else "y"], axis=axis),
        *behind,
    ]
    return graph_of(nodes, constants, 4, outputs, kind)


def function_of(model):
    read = read_model(model)
    return build_function(read, choose(read))


def steps_of(function):
    n, all_ = function.n_features, np.full(function.n_features, np.inf)
    return CurvatureSteps(
        Moves(np.full(n, 0.35), -all_, all_, np.zeros(n, np.bool_), {}), function.digits
    )


@pytest.mark.parametrize("outputs", [2, 3, 6])
def test_the_kernel_computes_its_formula(outputs):
    random = np.random.default_rng(outputs)
    gaps, slopes = random.normal(size=(7, outputs - 1)), random.normal(size=(7, outputs - 1, 4))
    found = np.empty((7, outputs, 4))
    softmax_gradients(gaps, slopes, found)
    z, dz = np.pad(gaps, ((0, 0), (0, 1))), np.pad(slopes, ((0, 0), (0, 1), (0, 0)))
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    jacobian = np.einsum("rc,ck->rck", p, np.eye(outputs)) - np.einsum("rc,rk->rck", p, p)
    np.testing.assert_allclose(found, np.einsum("rck,rki->rci", jacobian, dz), atol=1e-14)


@pytest.mark.parametrize("size", [700.0, -700.0])
def test_large_gaps_do_not_overflow(size):
    found = np.empty((1, 2, 1), np.float32)
    softmax_gradients(np.full((1, 1), size, np.float32), np.ones((1, 1, 1), np.float32), found)
    assert np.array_equal(found, np.zeros((1, 2, 1)))


@pytest.mark.parametrize("lift", [0.0, -25.0])
@pytest.mark.parametrize("outputs", [2, 5])
def test_the_coefficients_are_those_without_it(outputs, lift):
    """Of a response of 10⁻¹¹, too, and to its own digits."""
    function, x = function_of(softmax_net(outputs, lift=lift)), events(count=50).astype(float)
    steps = steps_of(function)
    short = make_averaged(function, steps, x=x, threads=2)
    first = Exact(function, MultiIndices.full(4, 1), x=x, threads=1)
    direct = Averaged(first, function, steps).coefficients(x).terms
    assert gaps_before_softmax(function, x) is not None
    found = short.coefficients(x).terms
    sizes = np.abs(direct).mean(axis=(0, 2), keepdims=True)
    pairs = [k for k, (i, j) in enumerate(short.indices.table.tolist()) if 0 <= j != i]
    assert (np.abs(found - direct) / sizes)[..., pairs].max() < 1e-11


def test_a_response_that_is_never_given_spoils_no_other():
    model = softmax_net(3)
    for tensor in model.graph.initializer:
        if tensor.name == "c":
            tensor.CopyFrom(numpy_helper.from_array(np.array([-np.inf, 0.0, 0.0]), "c"))
    function, x = function_of(model), events(count=20).astype(float)
    assert gaps_before_softmax(function, x) is not None
    found = make_averaged(function, steps_of(function), x=x).coefficients(x).terms
    assert np.abs(found[:, 1]).max() > 0.01
    np.testing.assert_allclose(found[:, 1], -found[:, 2], atol=1e-12)
    assert np.array_equal(found[:, 0], np.zeros_like(found[:, 0]))


def test_half_and_other_functions_are_left_alone():
    x = events(count=20).astype(float)
    assert gaps_before_softmax(function_of(softmax_net(3, TensorProto.FLOAT)), x) is not None
    assert gaps_before_softmax(function_of(softmax_net(3, TensorProto.FLOAT16)), x) is None
    assert gaps_before_softmax(function_of(softmax_net(20)), x) is None  # it would not pay
    rest = helper.make_node("Neg", ["p"], ["y"])
    assert gaps_before_softmax(function_of(softmax_net(3, behind=[rest])), x) is None


def test_a_softmax_over_a_part_of_the_responses_is_none_of_all():
    constants = {"w": np.random.default_rng(0).normal(size=(4, 6))}
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["u"]),
        helper.make_node("Reshape", ["u", "shape"], ["z"]),
        helper.make_node("Softmax", ["z"], ["p"], axis=-1),
        helper.make_node("Flatten", ["p"], ["y"]),
    ]
    model = graph_of(nodes, constants, 4, 6)
    shape = helper.make_tensor("shape", TensorProto.INT64, [3], [-1, 2, 3])
    model.graph.initializer.append(shape)
    assert gaps_before_softmax(function_of(model), events(count=20).astype(float)) is None
