"""A response keeps what it needs, and nothing else."""

import numpy as np
from onnx import helper

from onnxtaylor.graph.prune import all_names, needed_inputs, prune
from tests.graph.graphs import model, op, port


def branching():
    """y = If(cond) x + captured, where the branches read outer tensors, two levels deep."""
    deep = helper.make_graph([op("Add", ["e", "outer"], ["d"])], "deep", [], [port("d", None)])
    then = helper.make_graph(
        [op("Exp", ["x"], ["e"]), op("If", ["cond"], ["t"], then_branch=deep, else_branch=deep)],
        "then",
        [],
        [port("t", None)],
    )
    other = helper.make_graph([op("Identity", ["late"], ["o"])], "other", [], [port("o", None)])
    return model(
        [
            op("Tanh", ["x"], ["outer"]),
            op("Sin", ["x"], ["late"]),
            op("Cos", ["unused_in"], ["unused"]),
            op("If", ["cond"], ["y"], then_branch=then, else_branch=other),
        ],
        [port("x", ["N", 2]), port("unused_in", ["N"])],
        [port("y", None), port("unused", None)],
        {"cond": np.array(True), "idle": np.zeros(3, np.float32)},
    )


def test_what_subgraphs_take_from_outside_is_kept():
    graph = branching().graph
    prune(graph, ["y"])
    assert {n.output[0] for n in graph.node} == {"outer", "late", "y"}
    assert [i.name for i in graph.input] == ["x"]
    assert [t.name for t in graph.initializer] == ["cond"]


def test_tensors_of_subgraphs_are_no_inputs():
    assert needed_inputs(branching().graph, ["y"]) == {"x", "cond"}


def test_a_branch_may_hand_on_an_outer_tensor():
    branch = helper.make_graph([], "branch", [], [port("outer", None)])
    node = op("If", ["cond"], ["y"], then_branch=branch, else_branch=branch)
    graph = model([op("Tanh", ["x"], ["outer"]), node], [port("x", ["N"])], [port("y", None)]).graph
    assert needed_inputs(graph, ["y"]) == {"x", "cond"}


def test_nodes_are_sorted():
    """onnxruntime takes files whose nodes are in any order."""
    proto = model(
        [op("Exp", ["b"], ["y"]), op("Neg", ["a"], ["b"]), op("Tanh", ["x"], ["a"])],
        [port("x", ["N"])],
        [port("y", ["N"])],
    )
    assert needed_inputs(proto.graph, ["y"]) == {"x"}
    prune(proto.graph, ["y"])
    assert [n.op_type for n in proto.graph.node] == ["Tanh", "Neg", "Exp"]


def test_a_circle_ends():
    proto = model(
        [op("Add", ["x", "b"], ["a"]), op("Neg", ["a"], ["b"])],
        [port("x", ["N"])],
        [port("b", ["N"])],
    )
    prune(proto.graph, ["b"])
    assert len(proto.graph.node) == 2


def test_names_of_subgraphs_are_taken():
    assert {"d", "e", "t", "outer", "cond", "x"} <= all_names(branching().graph)


def test_a_long_chain_needs_no_recursion():
    nodes = [op("Neg", [f"t{k}"], [f"t{k + 1}"]) for k in range(5000)]
    proto = model(nodes, [port("t0", ["N"])], [port("t5000", ["N"])])
    prune(proto.graph, ["t5000"])
    assert [n.output[0] for n in proto.graph.node] == [f"t{k + 1}" for k in range(5000)]
