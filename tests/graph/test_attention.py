"""Attention written out responds as onnxruntime's own kernel does."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnxtaylor.graph.normalize.composite import expand_composite
from onnxtaylor.graph.normalize.masked import keep_masked_rows_finite
from onnxtaylor.rules import RULES

BATCH, HEADS, SEQUENCE, SIZE = 2, 2, 4, 3
FLOAT, OPSET = TensorProto.FLOAT, 24

random = np.random.default_rng(8)
MASK = random.normal(size=(SEQUENCE, SEQUENCE)).astype(np.float32)
REACH = random.random((SEQUENCE, SEQUENCE)) < 0.6
REACH[1] = False
PAST = random.normal(size=(2, BATCH, HEADS, 2, SIZE)).astype(np.float32)

# attributes and further inputs by their place
CASES: dict[str, tuple[dict[str, Any], dict[int, Any]]] = {
    "plain": ({}, {}),
    "scaled": ({"scale": 0.3}, {}),
    "softcap": ({"softcap": 0.5}, {}),
    "causal": ({"is_causal": 1}, {}),
    "mask": ({}, {3: MASK}),
    "rows without a key": ({}, {3: REACH}),
    "causal mask": ({"is_causal": 1}, {3: REACH}),
    "past": ({}, {4: PAST[0], 5: PAST[1]}),
    "causal past": ({"is_causal": 1}, {4: PAST[0], 5: PAST[1]}),
    "padding": ({}, {6: np.array([2, 4])}),
}


def model(shape: tuple[int, ...], more: dict[int, Any], **attributes: Any) -> onnx.ModelProto:
    names = ["x", "x", "x", *("" for _ in range(4))]
    for place in more:
        names[place] = f"more{place}"
    while not names[-1]:
        names.pop()
    outputs = ["y", *(["k", "v"] if 4 in more else [])]
    graph = helper.make_graph(
        [helper.make_node("Attention", names, outputs, **attributes)],
        "attention",
        [helper.make_tensor_value_info("x", FLOAT, ["N", *shape[1:]])],
        [helper.make_tensor_value_info(o, FLOAT, None) for o in outputs],
        [numpy_helper.from_array(v, f"more{k}") for k, v in more.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)


def run(proto: onnx.ModelProto, x: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return list(session.run(None, {"x": x}))


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_values_are_those_of_the_kernel(case: str, flat: bool):
    attributes, more = CASES[case]
    shape: tuple[int, ...] = (BATCH, HEADS, SEQUENCE, SIZE)
    if flat:
        shape = (BATCH, SEQUENCE, HEADS * SIZE)
        attributes = {**attributes, "q_num_heads": HEADS, "kv_num_heads": HEADS}
    proto = model(shape, more, **attributes)
    after = expand_composite(proto)
    found = {n.op_type for n in after.graph.node}
    assert "Attention" not in found
    assert found <= set(RULES)
    x = random.normal(size=shape).astype(np.float32)
    for wanted, have in zip(run(proto, x), run(after, x), strict=True):
        assert np.isfinite(have).all()
        np.testing.assert_allclose(have, wanted, rtol=2e-6, atol=2e-6)


def test_a_row_that_is_masked_away_gives_no_nan_on_the_way_back():
    """softmax → IsNaN → Where, as exporters write it: NaN in the softmax stays, but alone."""
    from onnxtaylor import differentiate

    logits = np.zeros((4, 4), np.float32)
    logits[2] = -np.inf
    graph = helper.make_graph(
        [
            helper.make_node("Mul", ["x", "w"], ["q"]),
            helper.make_node("Add", ["q", "mask"], ["z"]),
            helper.make_node("Softmax", ["z"], ["p"], axis=-1),
            helper.make_node("IsNaN", ["p"], ["nan"]),
            helper.make_node("Where", ["nan", "zero", "p"], ["y"]),
        ],
        "masked",
        [helper.make_tensor_value_info("x", FLOAT, ["N", 4, 4])],
        [helper.make_tensor_value_info("y", FLOAT, ["N", 4, 4])],
        [
            numpy_helper.from_array(logits, "mask"),
            numpy_helper.from_array(np.array(0, np.float32), "zero"),
            numpy_helper.from_array(np.array(0.5, np.float32), "w"),
        ],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    assert keep_masked_rows_finite(proto) is not proto
    x = random.normal(size=(2, 16)).astype(np.float32)
    for order in (1, 2):
        d = differentiate(proto, order=order)(x)
        p = np.exp(x.reshape(2, 4, 4) / 2)
        p /= p.sum(axis=-1, keepdims=True)
        p[:, 2] = 0
        expected = np.zeros((2, 4, 4, 4, 4))
        for row in range(4):
            outer = p[:, row, :, None] * p[:, row, None, :]
            expected[:, row, :, row] = (np.eye(4) * p[:, row, None, :] - outer) / 2
        np.testing.assert_allclose(d.jacobian.reshape(expected.shape), expected, atol=1e-6)
    assert np.isfinite(d.hessian).all()


@pytest.mark.parametrize("more", [{}, {3: REACH}])
def test_a_softmax_that_gives_no_nan_is_left_as_it_is(more: dict[int, Any]):
    proto = expand_composite(model((BATCH, HEADS, SEQUENCE, SIZE), more))
    assert keep_masked_rows_finite(proto) is proto
