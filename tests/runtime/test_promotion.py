"""Promotion of a function: what it gives, what it refuses, and what an analysis makes of it."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from math import erf, pi, sqrt
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

import onnxtaylor as ot
from onnxtaylor.cli import main
from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.errors import ModelError, OptionError
from onnxtaylor.indices import MultiIndices
from onnxtaylor.runtime import promotion
from onnxtaylor.runtime.promotion import promote
from onnxtaylor.runtime.session import Session
from tests.graph.graphs import BF16, F16, F32, F64, events, model, net, op, opened, port
from validation.models import CASES, in_double


def by_hand(proto: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    """tanh(x W1) W2 in NumPy's double precision."""
    w1, w2 = (onnx.numpy_helper.to_array(t).astype(np.float64) for t in proto.graph.initializer)
    return np.tanh(x @ w1) @ w2


def quantized() -> onnx.ModelProto:
    """y = x + a rounded x, so that it has a derivative and passes for smooth."""
    nodes = [
        op("QuantizeLinear", ["x", "s"], ["q"], name="squash"),
        op("DequantizeLinear", ["q", "s"], ["d"]),
        op("Mul", ["x", "x"], ["r"]),
        op("Add", ["r", "d"], ["y"]),
    ]
    return model(nodes, [port("x", ["N", 2])], [port("y", ["N", 2])], {"s": np.float32(0.01)})


def determinant() -> onnx.ModelProto:
    nodes = [
        op("Reshape", ["x", "square"], ["m"]),
        op("Det", ["m"], ["d"], name="volume"),
        op("Reshape", ["d", "column"], ["y"]),
    ]
    shapes = {"square": np.array([-1, 2, 2]), "column": np.array([-1, 1])}
    return model(nodes, [port("x", ["N", 4])], [port("y", ["N", 1])], shapes)


# --- the function --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [F32, F16])
def test_a_network_in_double_precision(kind):
    proto, x = net(kind=kind), np.random.default_rng(5).normal(size=(9, 3))
    function = opened(proto, x).function
    before = function.proto.SerializeToString()
    found = promote(function, x)
    assert found.refused is None
    assert (found.function.precision, found.function.digits) == ("float64", 53)
    assert found.function.dtype == np.float64
    assert (found.function.n_features, found.function.outputs) == (3, ("y",))
    answer, wanted = Session(found.function)(x), by_hand(proto, x)
    assert np.abs(answer - wanted).max() < 1e-14 * np.abs(wanted).max()
    assert np.abs(Session(function)(x) - wanted).max() > 1e-9
    assert function.proto.SerializeToString() == before


def test_bfloat16():
    """onnxruntime stores it, and computes with it on few devices."""
    weights = {"w": onnx.numpy_helper.to_array(helper.make_tensor("w", BF16, [3], [0.3, 1.7, -2]))}
    nodes = [
        op("Cast", ["x"], ["h"], to=BF16),
        op("Cast", ["h"], ["x32"], to=F32),
        op("Cast", ["w"], ["w32"], to=F32),
        op("Mul", ["x32", "w32"], ["m"]),
        op("Tanh", ["m"], ["y"]),
    ]
    proto = model(nodes, [port("x", ["N", 3])], [port("y", ["N", 3])], weights)
    x = np.random.default_rng(5).normal(size=(9, 3))
    found = promote(opened(proto, x).function, x)
    assert found.refused is None
    wanted = np.tanh(x * weights["w"].astype(np.float64))
    assert np.abs(Session(found.function)(x) - wanted).max() < 1e-15


def test_a_model_in_double_precision_is_left_alone():
    function = opened(net(kind=F64), events()).function
    found = promote(function, events())
    assert found.function is function
    assert found.refused is None


def test_branches_whose_condition_is_known_are_taken():
    """A convolution inside an If has no double kernel, and passes see the top level alone."""
    weight = np.random.default_rng(2).normal(size=(2, 1, 3)).astype(np.float32)
    inner = helper.make_graph(
        [op("Conv", ["image", "weight"], ["c"])], "inner", [], [port("c", None)]
    )
    other = helper.make_graph([op("Identity", ["image"], ["o"])], "other", [], [port("o", None)])
    nodes = [
        op("Reshape", ["x", "shape"], ["image"]),
        op("Greater", ["rate", "limit"], ["high"]),
        op("If", ["high"], ["f"], then_branch=inner, else_branch=other),
        op("Flatten", ["f"], ["y"]),
    ]
    constants = {
        "shape": np.array([-1, 1, 5]),
        "rate": np.float32(16),
        "limit": np.float32(8),
        "weight": weight,
    }
    proto = model(nodes, [port("x", ["N", 5])], [port("y", ["N", 6])], constants)
    x = np.random.default_rng(5).normal(size=(9, 5))
    found = promote(opened(proto, x).function, x)
    assert found.refused is None
    view = np.lib.stride_tricks.sliding_window_view(x, 3, axis=1)
    wanted = np.einsum("nsk,mk->nms", view, weight[:, 0].astype(np.float64)).reshape(9, 6)
    assert np.abs(Session(found.function)(x) - wanted).max() < 1e-14


def test_a_batch_that_is_fixed_stays():
    x = events(count=7)
    function = replace(opened(net(batch=4), x).function, fixed_batch=4)
    found = promote(function, x)
    assert found.refused is None
    assert found.function.fixed_batch == 4
    wanted = by_hand(net(batch=4), x)
    assert np.abs(Session(found.function)(x) - wanted).max() < 1e-14 * np.abs(wanted).max()


@pytest.mark.parametrize("size", [1.0, 14.0])
def test_the_logit_of_a_saturated_response(size):
    """Of a response close to 1 single precision has lost what the logit is made of."""
    nodes = [
        op("Mul", ["x", "w"], ["h"]),
        op("Sigmoid", ["h"], ["p"]),
        op("Mul", ["p", "one"], ["y"]),
    ]
    constants = {"w": np.float32([size]), "one": np.float32([0.9999999])}
    proto = model(nodes, [port("x", ["N", 1])], [port("y", ["N", 1])], constants)
    x = np.linspace(0.5, 1.0, 8)[:, None]
    assert promote(opened(proto, x, link="logit").function, x).refused is None


@pytest.mark.parametrize("kind", ["Gelu", "Softplus", "Atan", "Erf"])
def test_what_is_smooth_is_promoted_without_a_kink(kind):
    """φ′ and φ″ of the promoted graph by the exact engine, over all branches."""
    x = np.linspace(-7, 7, 141)[:, None] + 0.013
    bell, cut = np.exp(-x * x), 1 / (1 + np.exp(-x))
    slopes = {
        "Gelu": (
            np.vectorize(erf)(x / sqrt(2)) / 2 + 0.5 + x * np.exp(-x * x / 2) / sqrt(2 * pi),
            (2 - x * x) * np.exp(-x * x / 2) / sqrt(2 * pi),
        ),
        "Softplus": (cut, cut * (1 - cut)),
        "Atan": (1 / (1 + x * x), -2 * x / (1 + x * x) ** 2),
        "Erf": (2 / sqrt(pi) * bell, -4 / sqrt(pi) * x * bell),
    }
    ports = [port("x", ["N", 1])], [port("y", ["N", 1])]
    proto = model([op(kind, ["x"], ["y"])], *ports, opset=20, ir=9)
    found = promote(opened(proto, x).function, x)
    engine = Exact(found.function, MultiIndices.full(1, 2), x=x, threads=1)
    terms = engine.coefficients(x).terms[:, 0]
    wanted = np.concatenate([slopes[kind][0], slopes[kind][1] / 2], axis=1)
    assert np.abs(terms - wanted).max() < 5e-15
    assert engine.describe()["piecewise_linear"] == {}


DATA = os.environ.get("ONNXTAYLOR_DATA")


@pytest.mark.skipif(not DATA, reason="ONNXTAYLOR_DATA names no folder of data")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_models_by_other_people(case):
    said = {
        "magika_v3_3": "promoted as a graph; its features are whole numbers",
        "atspm_stacker_treeensemble_v5": "as it is",
        "xgb_regressor_4": "no: operator TreeEnsembleRegressor (node 'TreeEnsembleRegressor')"
        " has no float64 form",
    }
    assert in_double(case, Path(str(DATA)) / "models") == said.get(case.name, "promoted")


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "n", "line"),
    [(quantized, 2, "operator QuantizeLinear.*'squash'"), (determinant, 4, "'Det'.*'volume'")],
)
def test_what_cannot_be_promoted_is_named(make, n, line):
    x = events(n)
    function = opened(make(), x).function
    found = promote(function, x)
    assert found.function is function
    assert re.search(line, str(found.refused))
    assert "export the model" not in str(found.refused)
    assert "\n" not in str(found.refused)


@pytest.mark.parametrize(("fault", "refused"), [(1e-3, True), (1e-4, True), (1e-7, False)])
def test_responses_that_differ_are_refused(fault, refused, monkeypatch):
    """Up to 2⁹ roundings of single precision, 6e-5, the original may be off itself."""
    right = promotion.promote_graph

    def wrong(proto: onnx.ModelProto) -> onnx.ModelProto:
        found = right(proto)
        for tensor in found.graph.initializer:
            if tensor.name == "W2":
                value = onnx.numpy_helper.to_array(tensor) * (1 + fault)
                tensor.CopyFrom(onnx.numpy_helper.from_array(value, "W2"))
        return found

    monkeypatch.setattr(promotion, "promote_graph", wrong)
    function = opened(net(), events()).function
    found = promote(function, events())
    assert (found.refused is not None) == refused
    assert (found.function is function) == refused
    if refused:
        assert f"differ by up to {fault:.2g} of their size" in str(found.refused)


# --- analyses ------------------------------------------------------------------------------------


def test_precisions_of_an_analysis():
    """Coefficients of both engines in each precision, and what the result says of itself."""
    proto, x = net(n=4), events(4, 50)
    found = {
        (engine, precision): ot.analyze(proto, x, engine=engine, precision=precision, bootstrap=0)
        for engine in ("exact", "differences")
        for precision in ("auto", "float32", "float64")
    }
    said = {k: (r.model.engine, r.model.precision) for k, r in found.items()}
    assert said == {
        ("exact", "auto"): ("exact", "float32"),
        ("exact", "float32"): ("exact", "float32"),
        ("exact", "float64"): ("exact", "float64"),
        ("differences", "auto"): ("differences", "float64"),
        ("differences", "float32"): ("differences", "float32"),
        ("differences", "float64"): ("differences", "float64"),
    }
    assert {r.options["precision"] for r in found.values()} == {"auto", "float32", "float64"}
    assert {r.options["no_float64"] for r in found.values()} == {None}
    truth = found["exact", "float64"].score
    off = {k: np.abs(r.score / truth - 1).max() for k, r in found.items()}
    assert off["differences", "float64"] == off["differences", "auto"] < 1e-6
    assert 1e-9 < off["exact", "float32"] == off["exact", "auto"] < 1e-5
    assert off["differences", "float32"] > 10 * off["differences", "float64"]


def test_differences_go_on_in_the_precision_of_the_model():
    x = events(2, 20)
    result = ot.analyze(quantized(), x, engine="differences", bootstrap=0)
    assert result.model.precision == "float32"
    assert "QuantizeLinear" in str(result.options["no_float64"])
    with pytest.raises(ModelError, match=r"no evaluation in float64: operator Quan.*'squash'"):
        ot.analyze(quantized(), x, precision="float64")


def test_single_precision_of_a_model_in_double_is_refused():
    with pytest.raises(ModelError, match='computes in float64: use precision="auto"'):
        ot.analyze(net(kind=F64), events(), precision="float32")
    with pytest.raises(OptionError, match="precision must be auto, float32 or float64"):
        ot.analyze(net(), events(), precision="double")


def test_the_command_line(tmp_path, capsys):
    onnx.save(net(), tmp_path / "net.onnx")
    onnx.save(determinant(), tmp_path / "det.onnx")
    np.save(tmp_path / "x.npy", events())
    np.save(tmp_path / "m.npy", events(4))
    wide = [str(tmp_path / "net.onnx"), str(tmp_path / "x.npy"), "--precision", "float64"]
    assert main(["analyze", *wide, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)["model"]
    assert (facts["engine"], facts["precision"]) == ("exact", "float64")
    refused = [str(tmp_path / "det.onnx"), str(tmp_path / "m.npy"), "--precision", "float64"]
    assert main(["analyze", *refused]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "'Det' (node 'volume')" in err
