"""Automatic choice of averaged second order, where kinks are few, at an edge, or in disguise."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import onnxtaylor as ot
from tests.engine.averaged.test_averaged import engine_of, events, graph_of, net, problem_of

FLOAT = TensorProto.FLOAT


def node(kind, inputs, output, **attributes):
    return helper.make_node(kind, inputs, [output], **attributes)


def tanh_net_of_one_abs(n):
    """A tanh net of abs(x_0), x_1, …: a single kink among n features."""
    first = {"from0": [0], "to1": [1], "end": [n], "ax": [1]}
    before = [
        node("Slice", ["x", "from0", "to1", "ax"], "one"),
        node("Slice", ["x", "to1", "end", "ax"], "others"),
        node("Abs", ["one"], "bent"),
        node("Concat", ["bent", "others"], "x0", axis=1),
    ]
    model = net("Tanh", n=n, before=before, widths=(24, 1))
    for name, value in first.items():
        model.graph.initializer.append(helper.make_tensor(name, TensorProto.INT64, [1], value))
    return model


@pytest.mark.parametrize("n", [8, 30, 60])
@pytest.mark.parametrize("seed", range(3))
def test_a_single_kink_is_found_among_many_features(n, seed):
    """Steps at events of a sample alone would miss it: one in sixty is along x_0."""
    x = events(n=n, count=3000, seed=seed)
    chosen = engine_of(problem_of(tanh_net_of_one_abs(n), x))
    assert chosen.curvature.averaged
    assert "kinks of Abs ×1" in str(chosen.curvature.reason)


@pytest.mark.parametrize("engine", ["exact", "differences"])
def test_a_lone_node_with_kinks_is_named(engine):
    model = tanh_net_of_one_abs(4)
    (gate,) = (node for node in model.graph.node if node.op_type == "Abs")
    gate.name = "blocks.3/gate/Abs"
    chosen = engine_of(problem_of(model, events(n=4)), engine=engine)
    assert "(node 'blocks.3/gate/Abs') make" in str(chosen.curvature.reason)
    model.graph.node.insert(0, node("Abs", ["x"], "x_again"))
    model.graph.node[1].input[0] = model.graph.node[2].input[0] = "x_again"
    chosen = engine_of(problem_of(model, events(n=4)), engine=engine)
    assert "(node" not in str(chosen.curvature.reason)  # two of them


def product_net(mask):
    """sigmoid of Σ v_k z_k m(z_k): ReLU in other words."""
    nodes, random = [node("MatMul", ["x", "w"], "a"), *mask], np.random.default_rng(0)
    nodes += [node("Mul", ["a", "m"], "z"), node("MatMul", ["z", "v"], "c")]
    nodes += [node("Sigmoid", ["c"], "y")]
    constants = {"w": random.normal(size=(4, 16)), "v": 0.4 * random.normal(size=(16, 1)), "o": 0.0}
    return graph_of(nodes, constants, 4)


@pytest.mark.parametrize(
    ("mask", "kind"),
    [
        ([node("Greater", ["a", "o"], "g"), node("Cast", ["g"], "m", to=FLOAT)], "Cast"),
        ([node("Sign", ["a"], "m")], "Sign"),
    ],
)
def test_a_kink_that_is_a_product_with_a_step_counts(mask, kind):
    result = ot.analyze(product_net(mask), events(), bootstrap=0)
    assert result.method == "averaged"
    assert f"kinks of {kind} ×1 make" in result.options["curvature_reason"]
    assert result.check["verdict"] == "agrees"


@pytest.mark.parametrize("engine", ["exact", "differences"])
@pytest.mark.parametrize(("alpha", "averaged"), [(0.3, True), (1.0, False)])
def test_an_elu_has_kinks_unless_its_slopes_meet(engine, alpha, averaged):
    model = net("Elu")
    for elu in model.graph.node:
        if elu.op_type == "Elu":
            elu.attribute.append(helper.make_attribute("alpha", alpha))
    chosen = engine_of(problem_of(model, events()), engine=engine)
    assert chosen.curvature.averaged == averaged
    assert ("Elu" in str(chosen.curvature.reason)) == averaged


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6])
@pytest.mark.parametrize("missing", [None, -999.0])
@pytest.mark.parametrize("test", ["Equal", "Less"])
def test_sentinels_are_no_kinks_however_many_there_are(share, missing, test):
    x = events(count=2000)
    x[np.random.default_rng(1).random(x.shape) < share] = -999.0
    before = [node(test, ["x", "s"], "bad"), node("Where", ["bad", "zero", "x"], "x0")]
    limit = -999.0 if test == "Equal" else -900.0
    model = net("Tanh", before=before, constants={"s": limit, "zero": 0.0})
    chosen = engine_of(problem_of(model, x, missing=missing))
    assert not chosen.curvature.averaged
    assert "Where ×1 make at most" in str(chosen.curvature.reason)


def test_a_kink_beyond_the_data_does_not_count():
    """Steps would leave the positive numbers, where a guard of a logarithm is: no event does."""
    before = [node("Clip", ["x", "low"], "c"), node("Log", ["c"], "x0")]
    model = net("Tanh", before=before, constants={"low": 1e-6}, widths=(24, 1))
    x = np.exp(events(count=2000))
    assert not engine_of(problem_of(model, x)).curvature.averaged


def test_a_replaced_zero_is_a_point_of_its_own():
    before = [node("Equal", ["x", "o"], "bad"), node("Where", ["bad", "one", "x"], "x0")]
    model = net("Tanh", before=before, constants={"o": 0.0, "one": -1.0})
    x = events(count=2000)
    x[np.random.default_rng(1).random(x.shape) < 0.5] = 0.0
    assert not engine_of(problem_of(model, x)).curvature.averaged


def test_the_function_has_no_kinks_whose_operators_are_written_out_in_double_precision():
    """Elu becomes a Where there, and Simpson's rule fails for a steep net on a long tail."""
    x = np.random.default_rng(14).lognormal(0, 2, size=(1000, 3))
    model = net("Elu", n=3, widths=(24, 24, 1))
    for tensor in model.graph.initializer:
        if tensor.data_type == FLOAT:
            values = 4 * onnx.numpy_helper.to_array(tensor)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    for precision in ("float32", "float64"):
        result = ot.analyze(model, x, bootstrap=0, check=0, precision=precision)
        assert result.options["curvature"] == "pointwise", precision
