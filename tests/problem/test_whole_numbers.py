"""Whole numbers that a model would be given as other ones are refused, not rounded."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto

import onnxtaylor as ot
from onnxtaylor.errors import DataError
from tests.graph.graphs import model, op, port

FLOAT, DOUBLE, INT64 = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64
X = np.random.default_rng(5).normal(size=(60, 2)).astype(np.float32)
BIG = 2**30 + 1 + np.arange(60)


def hashed(kind=FLOAT, whole=INT64):
    """tanh(x·w) · (c mod 7): an identifier that is hashed into seven buckets."""
    dtype = {FLOAT: np.float32, DOUBLE: np.float64}[kind]
    weights = {"w": np.array([[0.5], [-0.3]], dtype), "seven": np.array(7, np.int64)}
    nodes = [
        op("MatMul", ["x", "w"], ["h"]),
        op("Tanh", ["h"], ["t"]),
        op("Cast", ["c"], ["k"], to=INT64),
        op("Mod", ["k", "seven"], ["r"]),
        op("Cast", ["r"], ["b"], to=kind),
        op("Mul", ["t", "b"], ["y"]),
    ]
    inputs = [port("x", ["N", 2], kind), port("c", ["N", 1], whole)]
    return model(nodes, inputs, [port("y", ["N", 1], kind)], weights)


def scores(proto, c, **options):
    data = {"x": X, "c": c}
    result = ot.analyze(proto, data, order=1, bootstrap=0, scale="unit", **options)
    return result.to_pandas().set_index("label").score


def exact(c):
    slope = (1 - np.tanh(X.astype(float) @ [0.5, -0.3]) ** 2) * (c % 7)
    return np.array([0.5, 0.3]) * slope.mean()


@pytest.mark.parametrize("engine", ["exact", "differences"])
def test_numbers_beyond_the_features_format_are_refused(engine):
    with pytest.raises(DataError, match=r"'c' is 1073741825 at event 0 .*beyond 16777216"):
        scores(hashed(), BIG, engine=engine)
    with pytest.raises(DataError, match=r"'c' is 1073741825 at event 0 .*beyond 16777216"):
        ot.cross_check(hashed(), {"x": X, "c": BIG}, order=1)


def test_large_numbers_beside_doubles_are_exact():
    got = scores(hashed(DOUBLE), BIG)
    np.testing.assert_allclose(got.sort_values(ascending=False), exact(BIG), rtol=1e-6)


def test_numbers_that_float32_holds_pass():
    c = 2**24 - np.arange(60)
    np.testing.assert_allclose(
        scores(hashed(), c).sort_values(ascending=False), exact(c), rtol=1e-6
    )


def test_doubles_of_context_beside_float32_are_refused_where_they_lose_whole_numbers():
    with pytest.raises(DataError, match="beyond 16777216"):
        scores(hashed(whole=DOUBLE), BIG.astype(float), context="c")


def test_fractions_are_not_cut_off():
    with pytest.raises(DataError, match=r"'c' is 3\.5 at event 3 .*fraction would be cut off"):
        scores(hashed(), np.arange(60) + np.where(np.arange(60) == 3, 0.5, 0))


@pytest.mark.parametrize(("kind", "value"), [(TensorProto.UINT8, -1), (TensorProto.INT8, 128)])
def test_numbers_outside_the_inputs_type_are_not_wrapped(kind, value):
    c = np.arange(60)
    c[7] = value
    with pytest.raises(DataError, match=rf"'c' is {value} at event 7 .*holds u?int8, from"):
        scores(hashed(whole=kind), c)


def test_derivatives_at_a_dictionary_refuse_them_too():
    of = ot.differentiate(hashed(), context="c", order=1)
    with pytest.raises(DataError, match=r"'c' is 1073741825 at event 0 .*beyond 16777216"):
        of({"x": X, "c": BIG})
    with pytest.raises(DataError, match=r"'c' is 0\.5 at event 0 .*fraction would be cut off"):
        of({"x": X, "c": np.arange(60) + 0.5})
    jacobian = of({"x": X, "c": np.arange(60)})[1]
    expected = exact(np.arange(60))
    np.testing.assert_allclose(np.abs(jacobian).mean(axis=0).ravel(), expected, rtol=1e-6)


@pytest.mark.parametrize("value", [-1, -999, 2, 0.5])
def test_truth_values_are_0_and_1(value):
    c = np.arange(60) % 2.0
    c[7] = value
    flagged = hashed(whole=TensorProto.BOOL)
    with pytest.raises(DataError, match=rf"'c' is {value} at event 7 .*takes truth values"):
        scores(flagged, c)
    c[7] = 1
    got = scores(flagged, c).sort_values(ascending=False)
    np.testing.assert_allclose(got, exact(c), rtol=1e-6)


def test_a_column_of_the_inputs_name_is_not_proposed_in_its_place():
    with pytest.raises(DataError, match=r"'c' .*: it has that name, but not in this shape; name"):
        scores(hashed(), np.arange(60), no_batch=True)
