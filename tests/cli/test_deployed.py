"""Every command says in one line that others may get another function from the file."""

from __future__ import annotations

import json
import re

import numpy as np
import onnx
import pytest

import onnxtaylor as ot
from onnxtaylor.cli import main
from tests.engine.optimized import SCALES, WHOLE, V, rows, stored
from tests.graph.graphs import net, opened


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A net with stored integer weights, and its events."""
    monkeypatch.chdir(tmp_path)
    onnx.save(stored(), "stored.onnx")
    np.save("x.npy", rows(stored(), 100))
    if not opened(stored(), rows(stored())).notices:
        pytest.skip("this onnxruntime keeps the function")
    return ["stored.onnx", "x.npy"]


CALLS = {
    "analyze": ["analyze", "stored.onnx", "x.npy", "--bootstrap", "0", "--order", "1"],
    "check": ["check", "stored.onnx", "x.npy", "--events", "8", "--order", "1"],
    "audit": ["audit", "stored.onnx", "x.npy", "--bootstrap", "0", "--order", "1"],
    "differentiate": ["differentiate", "stored.onnx", "-o", "d.onnx"],
    "inspect": ["inspect", "stored.onnx", "x.npy"],
}


@pytest.mark.parametrize("command", CALLS)
def test_it_is_said_once_with_the_way_out(files, capsys, command):
    assert main(CALLS[command]) == 0
    said = capsys.readouterr()
    text = re.sub(r"\s+", " ", said.out + said.err)
    assert text.count("onnxruntime's default options change response 'y[") == 1
    assert text.count("deploy with session.qdq_matmulnbits_accuracy_level=0 for the same") == 1


def test_and_goes_into_saved_results(files, capsys):
    assert main([*CALLS["analyze"], "-q", "-o", "result.json"]) == 0
    (warning,) = ot.TaylorResult.load("result.json").warnings
    assert (warning.code, warning.feature) == ("deployed", None)
    assert main([*CALLS["audit"], "--json"]) == 0
    assert [w["code"] for w in json.loads(capsys.readouterr().out)["warnings"]] == ["deployed"]
    assert main([*CALLS["check"], "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["warnings"]) == 1


def test_an_ordinary_model_needs_no_word(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    onnx.save(net(), "net.onnx")
    assert main(["inspect", "net.onnx"]) == 0
    assert "warnings" not in capsys.readouterr().out


@pytest.mark.parametrize("engine", ["exact", "differences"])
def test_the_coefficients_are_those_of_the_file(files, engine):
    """Against the closed form J = V' diag(1 − tanh²) W in double precision."""
    result = ot.analyze(*files, order=1, engine=engine, bootstrap=0, scale="unit")
    weights, x = (WHOLE * SCALES).astype(float), np.load("x.npy").astype(float)
    slope = 1 - np.tanh(x @ weights) ** 2
    expected = np.abs(np.einsum("ih,eh,hc->eci", weights, slope, V.astype(float))).mean(axis=0)
    assert result.score[:, 0] == pytest.approx(expected, rel=2e-6)
    assert result.check["verdict"] == "agrees"
