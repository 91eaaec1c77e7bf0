"""``onnxtaylor check``, and the check of ``analyze``."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import onnx
import pytest

from onnxtaylor.rules import RULES
from tests.rules.test_faults import bent_rules

DATA = ("events.csv", "--weight", "w", "--label", "Label")


@pytest.fixture
def faulty(monkeypatch):
    """Tanh with 1 % more curvature."""
    bent = {name: rule for name, rule, *_ in bent_rules("Tanh", RULES["Tanh"], 1.01)}
    monkeypatch.setitem(RULES, "Tanh", bent["second"])


@pytest.fixture
def unruled(place):
    """A model with an operator that has no rule."""
    nodes = [
        onnx.helper.make_node("Unsqueeze", ["x", "two"], ["u"]),
        onnx.helper.make_node("Add", ["u", "eye"], ["m"]),
        onnx.helper.make_node("Det", ["m"], ["d"]),
        onnx.helper.make_node("Unsqueeze", ["d", "one"], ["f"]),
        onnx.helper.make_node("Tanh", ["f"], ["y"]),
    ]
    floats = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        nodes,
        "g",
        [onnx.helper.make_tensor_value_info("x", floats, ["N", 3])],
        [onnx.helper.make_tensor_value_info("y", floats, ["N", 1])],
        [
            onnx.numpy_helper.from_array(np.array([1]), "one"),
            onnx.numpy_helper.from_array(np.array([2]), "two"),
            onnx.numpy_helper.from_array(np.eye(3, dtype=np.float32), "eye"),
        ],
    )
    opset = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), "unruled.onnx")
    return "unruled.onnx"


def test_engines_that_agree_are_status_0(cli):
    status, out, err = cli("check", "model.onnx", *DATA)
    assert (status, err) == (0, "")
    assert "60 of 60 events, seed 0; 9 coefficients of 1 response" in out
    assert "exact in float32 against differences in float64" in out
    assert "largest differences of the engines, in units of the allowed numerical error" in out
    assert "an event alone responds as in a batch; twice the same; finite" in out
    assert out.splitlines()[-1].startswith("check: agrees: 9 of 9 coefficients at 60 events")


def test_a_difference_is_status_1_and_named(cli, faulty):
    status, out, _ = cli("check", "model.onnx", *DATA, "--events", "40")
    assert status == 1
    assert "coefficients that differ" in out
    assert "of 40 events" in out
    assert "a, b" in out
    assert "check: DIFFERS: 6 of 9 coefficients at 40 events" in out.splitlines()[-1]


def test_what_cannot_be_checked_is_status_1_and_says_why(cli, unruled):
    status, out, err = cli("check", unruled, *DATA, "--plot", "check.png")
    assert status == 1
    assert out.startswith("check: not run, so not passed: no exact derivatives: ")
    assert "Det" in out
    assert err == "no figure: nothing was compared\n"
    assert not Path("check.png").exists()


def test_json_and_figure(cli):
    status, out, err = cli("check", "softmax.onnx", *DATA, "--json", "--plot", "check.svg", "-q")
    assert (status, err) == (0, "")
    document = json.loads(out)
    assert document["verdict"] == "agrees"
    assert document["coefficients"]["agrees"] == 27
    assert document["outputs"] == ["y[0]", "y[1]", "y[2]"]
    assert Path("check.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("missing.onnx", "events.csv"), "missing.onnx"),
        (("model.onnx", "missing.csv"), "missing.csv"),
        (("model.onnx", *DATA, "--plot", "check.gif"), "--plot check.gif: its name must end in"),
        (("model.onnx", *DATA, "--plot", "no/check.png"), "there is no folder"),
        (("model.onnx", *DATA, "--plot", "model.onnx"), "is read by this call"),
        (("model.onnx", *DATA, "--events", "0"), "--events"),
        (("model.onnx", *DATA, "--order", "4"), "--order must be 1, 2 or 3, got 4"),
        (("model.onnx", "events.csv", "--label", "nothing"), "nothing"),
    ],
)
def test_bad_input_is_status_2(refused, words, message):
    assert message in refused("check", *words)


@pytest.mark.parametrize(
    ("method", "line"),  # which of them auto takes depends on how busy the machine is
    [
        ("all", r"check: agrees: 9 of 9 coefficients at \d+ events"),
        (
            "directions",
            r"check: agrees: (\d+) of \1 coefficients along \d+ random directions at \d+ events",
        ),
    ],
)
def test_analyze_says_what_its_check_found(cli, method, line):
    status, out, _ = cli(
        "analyze", "model.onnx", *DATA, "--check-method", method, "-o", "result.json"
    )
    assert status == 0
    assert re.search(line, out), out
    assert re.search(line, cli("rank", "result.json").out)


def test_analyze_without_a_check_says_nothing_of_it(cli):
    status, out, _ = cli("analyze", "model.onnx", *DATA, "--check", "0", "-o", "result.json")
    assert status == 0
    assert "check:" not in out
    assert json.loads(Path("result.json").read_text())["check"] is None


def test_an_analysis_that_differs_is_saved_and_is_status_1(cli, faulty):
    status, out, err = cli(
        "analyze", "model.onnx", *DATA, "--check-method", "all", "-o", "result.json", "-q"
    )
    assert (status, out) == (1, "")
    assert err.startswith("error: check: DIFFERS: 6 of 9 coefficients")
    assert json.loads(Path("result.json").read_text())["check"]["verdict"] == "differs"


def test_an_analysis_that_cannot_be_checked_says_so(cli, unruled):
    status, out, _ = cli("analyze", unruled, *DATA)
    assert status == 0
    assert "check: not run, so not passed: no exact derivatives" in out
