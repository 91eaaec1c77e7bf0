"""Step functions are told from functions with a slope."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from onnxtaylor.graph.dependence import find_dependence
from tests.graph.graphs import F32, I64, model, op, port

ML = {"ai.onnx.ml": 3}


def path(nodes, constants=None, output="y", **options):
    return find_dependence(
        model(nodes, [port("x", ["N", 3])], [port(output, None)], constants, **options)
    )


def tree(output="y"):
    return op(
        "TreeEnsembleRegressor",
        ["x"],
        [output],
        domain="ai.onnx.ml",
        n_targets=1,
        nodes_treeids=[0, 0, 0],
        nodes_nodeids=[0, 1, 2],
        nodes_featureids=[0, 0, 0],
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"],
        nodes_values=[0.0, 0.0, 0.0],
        nodes_truenodeids=[1, 0, 0],
        nodes_falsenodeids=[2, 0, 0],
        target_treeids=[0, 0],
        target_nodeids=[1, 2],
        target_ids=[0, 0],
        target_weights=[1.0, 2.0],
    )


@pytest.mark.parametrize(
    "nodes",
    [
        [op("Floor", ["x"], ["y"])],
        [op("Sign", ["x"], ["s"]), op("Mul", ["s", "s"], ["y"])],
        [op("ArgMax", ["x"], ["a"]), op("Cast", ["a"], ["y"], to=F32)],
        [op("Cast", ["x"], ["i"], to=I64), op("Cast", ["i"], ["y"], to=F32)],
        [op("Cast", ["x"], ["i"], to=TensorProto.BOOL), op("Cast", ["i"], ["y"], to=F32)],
        [op("Greater", ["x", "c"], ["b"]), op("Where", ["b", "c", "c"], ["y"])],
        [op("TopK", ["x", "k"], ["values", "places"]), op("Cast", ["places"], ["y"], to=F32)],
        [op("QuantizeLinear", ["x", "c"], ["q"]), op("DequantizeLinear", ["q", "c"], ["y"])],
    ],
    ids=lambda nodes: nodes[0].op_type,
)
def test_steps(nodes):
    found = path(nodes, {"c": np.array(0.5, np.float32), "k": np.array([1])})
    assert found.connected
    assert not found.smooth
    assert found.steps[-1][0] == nodes[0].op_type
    assert found.steps[-1][2] == "x"


@pytest.mark.parametrize(
    "nodes",
    [
        [op("Relu", ["x"], ["y"])],
        [op("Floor", ["x"], ["f"]), op("Sub", ["x", "f"], ["y"])],
        [op("Greater", ["x", "c"], ["b"]), op("Where", ["b", "x", "c"], ["y"])],
        [op("TopK", ["x", "k"], ["y", "places"])],
        [op("Cast", ["x"], ["d"], to=TensorProto.DOUBLE), op("Exp", ["d"], ["y"])],
        [tree("t"), op("Add", ["t", "x"], ["y"])],
        [op("Unheard", ["x"], ["y"], domain="somebody")],
    ],
    ids=lambda nodes: nodes[-1].op_type,
)
def test_slopes(nodes):
    assert path(nodes, {"c": np.array(0.5, np.float32), "k": np.array([1])}, domains=ML).smooth


def test_a_tree_is_a_step_function():
    found = path([tree()], domains=ML)
    assert not found.smooth
    assert found.steps == (("TreeEnsembleRegressor", "y", "x"),)


def test_scores_of_a_classifier_have_a_slope_and_its_labels_none():
    node = op("LinearClassifier", ["x"], ["l", "p"], domain="ai.onnx.ml", coefficients=[1.0] * 3)
    assert path([node, op("Identity", ["p"], ["y"])], domains=ML).smooth
    assert not path([node, op("Cast", ["l"], ["y"], to=F32)], domains=ML).smooth


@pytest.mark.parametrize("kind", ["Shape", "Size"])
def test_the_shape_of_the_features_is_no_dependence(kind):
    found = path([op(kind, ["x"], ["s"]), op("Cast", ["s"], ["y"], to=F32)])
    assert not found.connected


@pytest.mark.parametrize("kind", ["If", "Loop"])
def test_subgraphs_count_as_smooth(kind):
    """What they take from outside reaches them."""
    if kind == "If":
        branch = helper.make_graph([op("Exp", ["x"], ["e"])], "b", [], [port("e", None)])
        node = op("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    else:
        ports = [port("i", [], I64), port("g", [], TensorProto.BOOL), port("s", None)]
        nodes = [op("Add", ["s", "x"], ["n"]), op("Identity", ["g"], ["on"])]
        results = [port("on", [], TensorProto.BOOL), port("n", None)]
        node = op(
            "Loop", ["k", "c", "z"], ["y"], body=helper.make_graph(nodes, "b", ports, results)
        )
    constants = {"c": np.array(True), "k": np.array(3), "z": np.zeros(3, np.float32)}
    assert path([node], constants).smooth


def test_a_condition_alone_is_a_step():
    branch = helper.make_graph([op("Identity", ["c"], ["e"])], "b", [], [port("e", None)])
    nodes = [
        op("ReduceMax", ["x"], ["m"], keepdims=0),
        op("Greater", ["m", "c"], ["is"]),
        op("If", ["is"], ["y"], then_branch=branch, else_branch=branch),
    ]
    found = path(nodes, {"c": np.array(0.5, np.float32)})
    assert found.connected
    assert not found.smooth


def test_formats_are_those_of_the_way_alone():
    half, double = TensorProto.FLOAT16, TensorProto.DOUBLE
    nodes = [
        op("Cast", ["x"], ["d"], to=double),
        op("Cast", ["c"], ["h"], to=half),
        op("Exp", ["d"], ["y"]),
    ]
    assert path(nodes, {"c": np.ones(3, np.float32)}).formats == {"float64"}


def test_a_damaged_cast_is_a_step():
    assert not path([op("Cast", ["x"], ["y"])]).smooth
