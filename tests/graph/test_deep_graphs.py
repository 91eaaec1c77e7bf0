"""Graphs of very many nodes, one behind the other: cut to responses, and not differentiated."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import onnxtaylor as ot
from onnxtaylor.compiler.path import MOST_NODES
from onnxtaylor.errors import ModelError


def chain(nodes):
    """A model (N, 2) → (N, 2) of a last node that reads from the end of a chain."""
    last = nodes[-1].output[0]
    ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 2]) for n in ("x", last)]
    graph = helper.make_graph(nodes, "chain", ports[:1], ports[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def negated(count):
    return chain(
        [
            helper.make_node("Neg", [f"t{k}" if k else "x"], [f"t{k + 1}"], f"n{k}")
            for k in range(count)
        ]
    )


def doubled(count):
    """Each node reads the one before twice: 2^count ways lead from the end to the beginning."""
    half = onnx.helper.make_node("Constant", [], ["half"], value_float=0.5)
    nodes = [half]
    for k in range(count):
        before = f"t{k}" if k else "x"
        nodes += [
            helper.make_node("Add", [before, before], [f"s{k}"], f"s{k}"),
            helper.make_node("Mul", [f"s{k}", "half"], [f"t{k + 1}"], f"m{k}"),
        ]
    return chain(nodes)


@pytest.mark.parametrize("model", [negated(700), doubled(60)], ids=["long", "many ways"])
def test_a_response_of_a_deep_graph(model):
    x = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    result = ot.analyze(
        model,
        x,
        output=f"{model.graph.output[0].name}[1]",
        engine="differences",
        order=1,
        check=0,
        scale="unit",
    )
    assert result.score[0, 0] == pytest.approx([0.0, 1.0], abs=1e-4)


@pytest.mark.slow
def test_too_many_nodes_are_not_differentiated():
    model = negated(MOST_NODES + 2)
    with pytest.raises(ModelError, match=rf"60\d\d nodes stand between .* at most {MOST_NODES} "):
        ot.differentiate(model, order=1)
    x = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    result = ot.analyze(model, x, order=1, check=0, scale="unit")
    assert f"at most {MOST_NODES} are differentiated" in result.options["no_exact_engine"]
    assert result.score[:, 0] == pytest.approx(np.eye(2), abs=1e-4)
