"""Audits of models with masks: context is no feature, entries of padded slots are no data."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto

import onnxtaylor as ot
from onnxtaylor.audit import audit
from onnxtaylor.audit.spread import kurtosis
from onnxtaylor.options import ModelOptions
from tests.graph.graphs import model, op, port

FLOAT = TensorProto.FLOAT


def tagger():
    """tanh(Σ over filled slots of pf·w)."""
    weights = {"w": np.array([[0.3], [-0.2]], np.float32), "last": np.array([2], np.int64)}
    weights["slots"] = np.array([1], np.int64)
    nodes = [
        op("MatMul", ["pf", "w"], ["h"]),
        op("Unsqueeze", ["m", "last"], ["u"]),
        op("Mul", ["h", "u"], ["k"]),
        op("ReduceSum", ["k", "slots"], ["s"], keepdims=0),
        op("Tanh", ["s"], ["y"]),
    ]
    inputs = [port("pf", ["N", 3, 2]), port("m", ["N", 3])]
    return model(nodes, inputs, [port("y", ["N", 1])], weights)


@pytest.fixture
def folder(tmp_path):
    random = np.random.default_rng(3)
    filled = np.arange(3) < random.integers(1, 4, size=400)[:, None]
    # padding far from all data
    pf = np.where(filled[..., None], random.normal(size=(400, 3, 2)), -50.0)
    np.savez(tmp_path / "events.npz", pf=pf.astype(np.float32), m=filled.astype(np.float32))
    onnx.save(tagger(), tmp_path / "model.onnx")
    ot.analyze(tmp_path / "model.onnx", tmp_path / "events.npz", mask={"m": "pf"}).save(
        tmp_path / "baseline.json"
    )
    return tmp_path


@pytest.mark.parametrize("check", ["baseline-drift", "out-of-range"])
def test_the_same_model_and_events_pass(folder, check):
    (folder / "audit.toml").write_text(f'[[checks]]\nid = "{check}"\n')
    paths = folder / "model.onnx", folder / "events.npz", folder / "audit.toml"
    outcome = audit(*paths, baseline=folder / "baseline.json", mask={"m": "pf"}, bootstrap=20)
    (looked,) = outcome.checks
    assert looked.status == "pass", looked.findings


def test_the_kurtosis_is_that_of_filled_slots(folder):
    events = np.load(folder / "events.npz")
    options = ModelOptions(mask={"m": "pf"})
    problem = ot.Problem.open(folder / "model.onnx", folder / "events.npz", options)
    result = ot.analyze(problem, by="feature", order=1, check=0, bootstrap=0)
    found = kurtosis(problem.source, result, None, problem.filled)
    for i in range(6):
        x = events["pf"].reshape(400, 6)[events["m"][:, i // 2] == 1, i].astype(float)
        expected = ((x - x.mean()) ** 4).mean() / x.var() ** 2
        assert found[i] == pytest.approx(expected, rel=1e-9)


def test_responses_that_are_not_finite_fail_beside_context(folder):
    nodes = [
        op("Cast", ["c"], ["f"], to=FLOAT),
        op("Sqrt", ["f"], ["r"]),
        op("Mul", ["x", "r"], ["y"]),
    ]
    inputs = [port("x", ["N", 1]), port("c", ["N", 1], TensorProto.INT64)]
    onnx.save(model(nodes, inputs, [port("y", ["N", 1])]), folder / "root.onnx")
    count = np.arange(40) % 5
    count[[3, 9]] = -1  # of which there is no root
    np.savez(folder / "counts.npz", x=np.linspace(-1, 1, 40)[:, None], c=count)
    (folder / "audit.toml").write_text('[[checks]]\nid = "finite"\n')
    outcome = audit(folder / "root.onnx", folder / "counts.npz", folder / "audit.toml")
    (looked,) = outcome.checks
    assert looked.status == "fail"
    assert any("2 of 40 events, first at event 3 " in f.message for f in looked.findings)
