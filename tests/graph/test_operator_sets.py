"""Files of operator sets old and new, and of several."""

import numpy as np
import onnx
import pytest

from onnxtaylor.runtime.session import Session
from tests.graph.functions import function_of
from tests.graph.graphs import (
    ask,
    events,
    model,
    net,
    op,
    port,
    respond,
)


@pytest.mark.parametrize("opset", [6, 7, 8, 9, 11, 13, 18, 21])
def test_operator_sets_old_and_new(opset):
    x = events()
    proto = net(opset=opset)
    assert respond(proto, x) == pytest.approx(ask(net(), x=x)["y"], rel=1e-6)
    two = function_of(proto, outputs=("y", "h"))
    assert Session(two)(x).shape == (6, 6)


@pytest.mark.parametrize("batch", [2, "N"])
def test_operators_that_onnxruntime_no_longer_runs_are_converted(batch):
    """Gemm of operator set 6, with its broadcast attribute."""
    weights = {"w": np.ones((3, 2), np.float32), "b": np.ones(2, np.float32)}

    def gemm(batch, opset, **attributes):
        node = op("Gemm", ["x", "w", "b"], ["y"], **attributes)
        ports = [port("x", [batch, 3]), port("w", [3, 2]), port("b", [2])]
        return model([node], ports, [port("y", [batch, 2])], weights, opset=opset, ir=3)

    x = events()
    expected = ask(gemm("N", 9), x=x)["y"]
    assert respond(gemm(batch, 6, broadcast=1), x) == pytest.approx(expected, rel=1e-6)


def test_a_file_that_imports_only_the_ml_operators():
    node = op(
        "LinearRegressor",
        ["x"],
        ["r"],
        domain="ai.onnx.ml",
        coefficients=[1.0, 2.0, 3.0],
        intercepts=[0.5],
    )
    alone = model(
        [node], [port("x", ["N", 3])], [port("r", ["N", 1])], opset=None, domains={"ai.onnx.ml": 1}
    )
    onnx.checker.check_model(function_of(alone).proto)
    x = events()
    assert respond(alone, x) == pytest.approx(x @ [[1], [2], [3]] + 0.5, rel=1e-5)
    mixed = model(
        [node, op("Exp", ["r"], ["y"])],
        [port("x", ["N", 3])],
        [port("y", ["N", 1])],
        opset=None,
        domains={"ai.onnx.ml": 1},
    )
    assert respond(mixed, x) == pytest.approx(ask(mixed, x=x)["y"], rel=1e-6)
