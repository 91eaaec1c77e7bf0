"""Trees beside a smooth part: no engine has derivatives across their steps."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import onnxtaylor as ot
from onnxtaylor.errors import ModelError
from onnxtaylor.options import ModelOptions
from tests.engine.trees import forest
from tests.graph.graphs import model, op, port

X = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)


def forest_and_gemm(*, trees=True):
    """y = Σ trees(x) + x·1 and z = x·1, which is linear."""
    proto = forest()
    node = onnx.NodeProto()
    node.CopyFrom(proto.graph.node[0])
    node.name, node.output[0] = "forest", "t"
    last = op("Add", ["t", "z"], ["y"]) if trees else op("Identity", ["z"], ["y"])
    nodes = [*[node] * trees, op("Gemm", ["x", "w"], ["z"]), last]
    ports = [port("x", ["N", 3])], [port("y", ["N", 1]), port("z", ["N", 1])]
    made = model(nodes, *ports, {"w": np.ones((3, 1), np.float32)})
    domains = {one.domain for one in made.opset_import}
    made.opset_import.extend(one for one in proto.opset_import if one.domain not in domains)
    return made


@pytest.mark.parametrize("engine", ["auto", "exact", "differences"])
@pytest.mark.parametrize("order", [1, 2])
def test_a_sum_of_trees_and_gemm_has_no_derivatives(engine, order):
    with pytest.raises(ModelError) as caught:
        ot.analyze(forest_and_gemm(), X, output="y", engine=engine, order=order)
    assert "output y jumps at the steps of node 'forest' (TreeEnsembleRegressor)" in str(
        caught.value
    )
    assert 'finite_step="0.5sigma"' in str(caught.value)


def test_inspect_says_so():
    found = ot.inspect_model(forest_and_gemm(), model_options=ModelOptions(output="y"))
    assert "jumps at the steps of node 'forest'" in found["problem"]
    assert (
        ot.inspect_model(forest_and_gemm(), model_options=ModelOptions(output="z"))["problem"]
        is None
    )


@pytest.mark.parametrize("engine", ["auto", "exact", "differences"])
def test_trees_alone_have_none_either(engine):
    with pytest.raises(ModelError, match=r"step function: .*TreeEnsembleRegressor.*finite_step="):
        ot.analyze(forest(), X, engine=engine)


@pytest.mark.parametrize("engine", ["auto", "exact", "differences"])
def test_a_response_beside_the_trees_has_derivatives(engine):
    """t_i = 1 of z = x₁ + x₂ + x₃, as without the trees."""
    one = ot.analyze(forest_and_gemm(), X, output="z", engine=engine, scale="unit", order=1)
    np.testing.assert_allclose(one.score, 1.0, rtol=1e-4)


def test_responses_to_finite_steps_are_for_such_models():
    steps = {"finite_step": "0.5sigma", "output": "y", "order": 1, "bootstrap": 0}
    assert ot.analyze(forest_and_gemm(), X, **steps).score.max() > 0
    assert ot.analyze(forest_and_gemm(trees=False), X, engine="exact", output="y").score.max() > 0
