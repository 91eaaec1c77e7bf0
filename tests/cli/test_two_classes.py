"""A binary classifier with the responses 1 − p and p: its second table would say nothing new."""

from __future__ import annotations

import numpy as np
import onnx
import pandas as pd
import pytest

import onnxtaylor as ot

MODEL = """
    <ir_version: 8, opset_import: ["": 17]>
    binary (float[N, 3] x) => (float[N, 2] both)
    <float[3, 1] w = {0.8, -0.5, 0.3}, float one = {1.0}> {
        bent = Tanh (x)
        s = MatMul (bent, w)
        p = Sigmoid (s)
        q = Sub (one, p)
        both = Concat <axis = 1> (q, p)
    }
"""


@pytest.fixture
def folder(place):
    model = onnx.parser.parse_model(MODEL)
    onnx.helper.set_model_props(model, {"class_names": '["0", "1"]'})
    onnx.save(model, place / "two.onnx")
    x = np.random.default_rng(3).normal(size=(120, 3))
    table = pd.DataFrame(x, columns=["a", "b", "c"]).assign(y=(x[:, 0] > 0).astype(int))
    table.to_csv(place / "two.csv", index=False)
    return place


def test_the_mirror_image_has_a_line_and_no_table(folder, cli):
    status, out, _ = cli("analyze", "two.onnx", "two.csv", "--label", "y", "-o", "two.json")
    assert status == 0
    assert "\nresponse 0\n" in out
    line = "response 1: mirror image of 0: the same ⟨t⟩, signed means with the opposite sign"
    assert f"\n{line}\n" in out
    assert out.count("± SEM") == 1
    status, out, _ = cli("rank", "two.json", "--output", "1", "--top", "2")
    assert (status, "\nresponse 1\n" in out) == (0, True)
    status, out, _ = cli("analyze", "two.onnx", "two.csv", "--label", "y", "--per-class")
    assert (status, out.count("± SEM")) == (0, 2)  # of different events


def test_pages_say_so(folder):
    result = ot.analyze(folder / "two.onnx", folder / "two.csv", labels="y", check=0, bootstrap=0)
    assert result._repr_html_().count("<table") == 1
    assert "mirror image of 0" in result._repr_html_()
    page = result.to_html()
    assert "mirror image of 0" in page
    assert 'class="statement"' in page


def test_other_responses_keep_their_tables(folder, cli):
    model = onnx.parser.parse_model(MODEL.replace("q = Sub (one, p)", "q = Mul (p, p)"))
    onnx.save(model, folder / "other.onnx")
    status, out, _ = cli("analyze", "other.onnx", "two.csv", "--exclude", "y")
    assert (status, out.count("± SEM"), "mirror" in out) == (0, 2, False)
