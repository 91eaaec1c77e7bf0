"""Coefficients that a few events make are told: round-off, which a sample does not see."""

from __future__ import annotations

import numpy as np
import onnx

import onnxtaylor as ot

# (eˣ − 1)/x is smooth, but its float32 digits cancel near 0
MODEL = onnx.parser.parse_model("""
<ir_version: 8, opset_import: ["": 17]>
g (float[N, 1] x) => (float[N, 1] y) <float one = {1}> {
    s = Exp (x)
    t = Sub (s, one)
    y = Div (t, x)
}
""")


def codes(result):
    return [notice.code for notice in result.warnings]


def test_round_off_at_single_events_is_told():
    x = np.random.default_rng(0).normal(size=(2000, 1)).astype(np.float32)
    x[1000] = 1e-5
    options = {"scale": "unit", "bootstrap": 0}
    single = ot.analyze(MODEL, x, **options)
    double = ot.analyze(MODEL, x, precision="float64", **options)
    assert single.score[0, 0, 1] > 2 * double.score[0, 0, 1]
    (told,) = [notice for notice in single.warnings if notice.code == "few-events"]
    assert "most of ⟨t⟩ of x0, x0" in told.message
    assert "float64" in told.message
    assert "few-events" not in codes(double)
    assert ot.TaylorResult.from_json(single.to_json()).warnings == single.warnings


def test_few_events_are_no_surprise_in_a_small_sample():
    x = np.random.default_rng(0).normal(size=(50, 1)).astype(np.float32)
    x[0] = 1e-5
    assert "few-events" not in codes(ot.analyze(MODEL, x, scale="unit", bootstrap=0, check=0))
