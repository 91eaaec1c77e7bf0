"""Operators written out in elementary ones give what onnxruntime's own kernels give."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnxtaylor.graph.normalize.composite import expand_composite
from onnxtaylor.rules import RULES
from tests.graph.passes import kinds, model, same

CASES: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
    ("InstanceNormalization x s b", (2, 3, 4, 5), {}),
    ("InstanceNormalization x s b", (2, 3, 6), {"epsilon": 0.1}),
    ("LpNormalization x", (2, 3, 4), {}),
    ("LpNormalization x", (2, 3, 4), {"p": 1, "axis": 1}),
    ("LRN x", (2, 7, 4, 3), {"size": 3, "alpha": 0.5, "beta": 0.6, "bias": 1.2}),
    ("LRN x", (2, 7, 4, 3), {"size": 5, "alpha": 0.5}),
    ("GlobalLpPool x", (2, 3, 4, 5), {}),
    ("GlobalLpPool x", (2, 3, 4, 5), {"p": 3}),
    *(
        ("LpPool x", (2, 3, 5, 5), {"kernel_shape": [3, 3], "pads": [1, 0, 1, 1], "p": p})
        for p in (1, 2, 3)
    ),
    *(
        ("LpPool x", (2, 3, 5, 5), {"kernel_shape": [3, 2], "auto_pad": how, "strides": [2, 2]})
        for how in ("SAME_UPPER", "SAME_LOWER", "VALID")
    ),
    ("Gemm x w v", (3, 4), {"transA": 1, "alpha": 0.3, "beta": 2.0}),
    ("Gemm x x v", (5, 5), {"transB": 1}),
    ("MatMul x v", (3, 5), {}),
    ("MatMul s x", (3, 4), {}),
    ("MatMul s x", (2, 3, 4), {}),
    ("MatMul x v", (2, 3, 5), {}),
    ("LayerNormalization x s b", (2, 5, 3), {}),
    ("LayerNormalization x s", (4, 3), {"epsilon": 0.1}),
    ("LayerNormalization x w", (2, 3, 5), {"axis": 1}),
    ("GroupNormalization x s b", (2, 3, 4, 5), {"num_groups": 3}),
    ("GroupNormalization x c d", (2, 4, 6), {"num_groups": 2, "epsilon": 0.1}),
    ("MeanVarianceNormalization x", (2, 3, 4, 5), {}),
    ("MeanVarianceNormalization x", (2, 3, 4, 5), {"axes": [1, 2, 3]}),
    ("ReduceL2 x", (2, 3, 4), {}),
    ("ReduceL2 x last", (2, 3, 4), {"keepdims": 0}),
    ("ReduceL2 x", (4, 3), {"noop_with_empty_axes": 1}),
    ("ReduceLogSumExp x", (2, 3, 4), {}),
    ("ReduceLogSumExp x last", (2, 3, 4), {"keepdims": 0}),
    ("ReduceLogSumExp x", (4, 3), {"noop_with_empty_axes": 1}),
    ("CastLike x s", (4, 3), {}),
    ("Celu x", (4, 3), {"alpha": 0.7}),
    ("Max x s b", (4, 3), {}),
    ("Min x b s x", (4, 3), {}),
    ("Max x", (4, 3), {}),
]


@pytest.mark.parametrize(("call", "shape", "attributes"), CASES)
def test_values_are_those_of_the_operator(
    call: str, shape: tuple[int, ...], attributes: dict[str, Any]
):
    random = np.random.default_rng(2)
    x = random.normal(size=shape).astype(np.float32)
    sizes = {"s": (3,), "b": (3,), "c": (4,), "d": (4,), "w": (3, 5), "v": (5,)}
    kind, *inputs = call.split()
    constants: dict[str, Any] = {
        name: random.normal(size=sizes[name]).astype(np.float32) for name in inputs if name in sizes
    }
    if "last" in inputs:
        constants["last"] = np.array([-1])
    rank = len(shape) - (kind == "MatMul" or "last" in inputs)
    proto = model(kind, x, constants, inputs, ranks={"y": rank}, **attributes)
    after = same(proto, expand_composite, x)
    if kind in ("Max", "Min"):
        assert all(len(n.input) == 2 for n in after.graph.node if n.op_type == kind)
    else:
        assert kind == "MatMul" or kind not in kinds(after)
    assert kinds(after) <= set(RULES)


def test_the_logarithm_of_a_sum_does_not_overflow():
    x = np.array([[200.0, 199.0, -300.0], [-250.0, -251.0, -250.5]], np.float32)
    after = same(model("ReduceLogSumExp", x, {}, ["x"], ranks={"y": 2}), expand_composite, x[:1])
    # what shifts the exponents has no slope
    assert kinds(after) >= {"Floor", "ReduceMax"}


def test_a_cast_to_whole_numbers_says_so():
    """A CastLike tells the compiler no format; to whole numbers it has no slope."""
    x = np.array([[0.4, 1.7, -2.6]], np.float32)
    proto = model("CastLike", x, {"like": np.array(1)}, ["x", "like"], wanted=("label",),
                  outputs=("label",))  # fmt: skip
    after = same(proto, expand_composite, x)
    (cast,) = (n for n in after.graph.node if n.op_type == "Cast")
    assert cast.attribute[0].i == TensorProto.INT64


def test_further_outputs_of_layer_normalization():
    x = np.random.default_rng(5).normal(size=(2, 4, 3)).astype(np.float32)
    names = ("y", "mean", "inverse")
    proto = model("LayerNormalization", x, {"s": np.ones(3, np.float32)}, ["x", "s"], names, names,
                  ranks=dict.fromkeys(names, 3))  # fmt: skip
    assert "LayerNormalization" not in kinds(same(proto, expand_composite, x))


@pytest.mark.parametrize("kind", ["LayerNormalization", "RMSNormalization"])
def test_layers_are_normalized_in_double_precision(kind: str):
    """The official bodies compute in single precision whatever they are given."""
    random = np.random.default_rng(3)
    x, scale = random.normal(size=(4, 5)), random.normal(size=5)
    double = TensorProto.DOUBLE
    graph = helper.make_graph(
        [helper.make_node(kind, ["x", "s"], ["y"], epsilon=0.25)],
        "layer",
        [helper.make_tensor_value_info("x", double, ["N", 5])],
        [helper.make_tensor_value_info("y", double, ["N", 5])],
        [numpy_helper.from_array(scale, "s")],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10)
    centred = x - x.mean(axis=1, keepdims=True) if kind[0] == "L" else x
    expected = scale * centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 0.25)
    after = expand_composite(proto)
    assert kinds(after) <= set(RULES)
    session = onnxruntime.InferenceSession(
        after.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    assert session.run(None, {"x": x})[0] == pytest.approx(expected, rel=1e-13)


def test_what_has_a_rule_is_left_as_it_is():
    weight = np.ones((4, 5), np.float32)
    for kind in ("Gemm", "MatMul"):
        proto = model(kind, np.ones((3, 4), np.float32), {"w": weight}, ["x", "w"])
        assert expand_composite(proto) is proto
