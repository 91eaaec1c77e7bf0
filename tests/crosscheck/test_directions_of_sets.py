"""Checks along random directions of sets of varying size, of padded slots, and of two engines."""

from __future__ import annotations

import numpy as np
import onnx.parser
import pytest

import onnxtaylor as ot
from onnxtaylor.options import ModelOptions

MASKED = """<ir_version: 8, opset_import: ["" : 17]>
masked (float[N,3,2] x, float[N,3] mask) => (float[N,1] y)
<float[2,4] w={1.0,0.5,-0.3,0.2,0.7,-0.4,0.1,0.9}, int64[1] last={2},
 float[4,1] v={0.7,-0.4,0.3,0.2}, int64[1] slots={1}> {
  sums = MatMul (x, w)
  curved = Tanh (sums)
  column = Unsqueeze (mask, last)
  kept = Mul (curved, column)
  pooled = ReduceSum <keepdims=0> (kept, slots)
  bent = Tanh (pooled)
  y = MatMul (bent, v)
}"""


@pytest.mark.parametrize("order", [1, 2])
def test_padded_slots_are_left_out(order):
    random = np.random.default_rng(2)
    x = random.normal(size=(120, 3, 2)).astype(np.float32)
    mask = (np.arange(3) < random.integers(1, 4, 120)[:, None]).astype(np.float32)
    problem = ot.Problem.open(
        onnx.parser.parse_model(MASKED),
        {"x": x, "mask": mask},
        ModelOptions(input=["x"], mask={"mask": "x"}),
    )
    check = ot.cross_check(problem, order=order, check_method="directions")
    assert check.verdict == "agrees", (check, check.reason)
    assert check.directions


SETS = """<ir_version: 8, opset_import: ["" : 17]>
sets (float[N,T,2] x) => (float[N,1] y)
<float[2,4] w={1.0,0.5,-0.3,0.2,0.7,-0.4,0.1,0.9}, float[4,1] v={0.7,-0.4,0.3,0.2},
 int64[1] slots={1}> {
  sums = MatMul (x, w)
  curved = Tanh (sums)
  pooled = ReduceSum <keepdims=0> (curved, slots)
  bent = Tanh (pooled)
  y = MatMul (bent, v)
}"""


@pytest.mark.parametrize("order", [1, 2])
def test_sets_of_varying_size_have_directions_of_their_own_slots(order):
    random = np.random.default_rng(2)
    lists = [random.normal(size=(count, 2)).tolist() for count in random.integers(1, 4, 60)]
    problem = ot.Problem.open(onnx.parser.parse_model(SETS), {"x": lists})
    check = ot.cross_check(problem, order=order, check_method="directions", curvature="pointwise")
    assert check.verdict == "agrees", (check, check.reason)
    assert check.directions
