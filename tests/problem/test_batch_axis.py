"""Batches that are not the first axis of the inputs."""

import numpy as np
import pytest

import onnxtaylor as ot
from tests.graph.graphs import F64, model, op, port

W = np.random.default_rng(3).normal(size=(2, 4))


def batch_last(symbol):
    nodes = [op("MatMul", ["w", "x"], ["z"]), op("Tanh", ["z"], ["y"])]
    return model(nodes, [port("x", [4, symbol], F64)], [port("y", [2, symbol], F64)], {"w": W})


@pytest.mark.parametrize("symbol", ["N", "batch_size"])
def test_a_batch_on_the_last_axis_is_recognized_by_its_name(symbol):
    x = np.random.default_rng(0).normal(size=(50, 4))
    result = ot.analyze(batch_last(symbol), x, order=1, scale="unit")
    slope = 1 - np.tanh(x @ W.T) ** 2
    expected = np.abs(slope[:, :, None] * W).mean(axis=0)
    np.testing.assert_allclose(result.score[:, 0], expected, rtol=1e-13)
    assert result.check["verdict"] == "agrees"


def test_a_batch_on_the_last_axis_without_a_name_is_refused():
    x = np.random.default_rng(0).normal(size=(50, 4))
    with pytest.raises(ot.OnnxTaylorError, match=r"its first axis is not the batch|mixes events"):
        ot.analyze(batch_last("columns"), x, order=1)
