"""A link that is infinite at some events: the message names the tensor before the saturation."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import onnxtaylor as ot
from onnxtaylor.errors import NotFiniteError

TEXT = """
    <ir_version: 8, opset_import: ["": 17]>
    net (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, -1, 2, -2}> {
        scores = MatMul (x, w)
        y = Softmax <axis = 1> (scores)
    }
"""


def test_the_way_out_is_the_tensor_before_the_softmax():
    model = onnx.parser.parse_model(TEXT)
    x = 400 * np.random.default_rng(3).normal(size=(300, 2)).astype(np.float32)
    with pytest.raises(NotFiniteError, match=r"link=\"identity\".* output='scores'"):
        ot.analyze(model, x, link="logit", bootstrap=0, check=0)
    found = ot.analyze(model, x, output=["scores"], bootstrap=0, check=0)
    assert np.isfinite(found.score).all()
