"""Operators written out in elementary ones give what onnxruntime's own kernels give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from onnxtaylor.graph.normalize.elementary import elementary
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
    ("Gemm x w v", (3, 4), {"transA": 1, "alpha": 0.3, "beta": 2.0}),
    ("Gemm x x v", (5, 5), {"transB": 1}),
    ("MatMul x v", (3, 5), {}),
    ("MatMul s x", (3, 4), {}),
    ("MatMul s x", (2, 3, 4), {}),
    ("MatMul x v", (2, 3, 5), {}),
]


@pytest.mark.parametrize(("call", "shape", "attributes"), CASES)
def test_values_are_those_of_the_operator(
    call: str, shape: tuple[int, ...], attributes: dict[str, Any]
):
    random = np.random.default_rng(2)
    x = random.normal(size=shape).astype(np.float32)
    sizes = {"s": (3,), "b": (3,), "w": (3, 5), "v": (5,)}
    kind, *inputs = call.split()
    constants = {
        name: random.normal(size=sizes[name]).astype(np.float32) for name in inputs if name in sizes
    }
    rank = len(shape) - (kind == "MatMul")
    proto = model(kind, x, constants, inputs, ranks={"y": rank}, **attributes)
    after = same(proto, elementary, x)
    assert kind == "MatMul" or kind not in kinds(after)
    assert kinds(after) <= set(RULES)


def test_what_has_a_rule_is_left_as_it_is():
    weight = np.ones((4, 5), np.float32)
    for kind in ("Gemm", "MatMul"):
        proto = model(kind, np.ones((3, 4), np.float32), {"w": weight}, ["x", "w"])
        assert elementary(proto) is proto
