"""What is evaluated is the function in the file, whatever onnxruntime would make of it."""

import re

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from onnxtaylor.run.inspect import inspect_model
from onnxtaylor.runtime.session import Session
from tests.engine.optimized import CHANGED, KEPT, WHOLE, V, constants, norm, packed, rows, stored
from tests.graph.graphs import op, opened, port

LEVELS = onnxruntime.GraphOptimizationLevel
ROUND_OFF = 2.0**-15  # of the largest response


def run(proto, x, level=LEVELS.ORT_ENABLE_ALL, **entries):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level, options.log_severity_level = level, 4
    for name, value in entries.items():
        options.add_session_config_entry(name, value)
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"x": x.astype("f4")})[0].astype(float)


def without_levels(proto):
    """The model with accuracy_level 0, by a way of its own."""
    found = onnx.ModelProto.FromString(proto.SerializeToString())
    for node in found.graph.node:
        kept = [a for a in node.attribute if a.name != "accuracy_level"]
        del node.attribute[:]
        node.attribute.extend(kept)
    return found


@pytest.mark.parametrize("name", [*CHANGED, *KEPT])
def test_responses_are_those_of_the_graph_as_it_is_written(name):
    proto = {**CHANGED, **KEPT}[name]
    x = rows(proto, 512)
    expected = run(without_levels(proto), x, LEVELS.ORT_DISABLE_ALL)
    found = Session(opened(proto, x, by_steps=True).function)(x)
    scale = np.abs(expected[np.isfinite(expected)]).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=ROUND_OFF * scale)


def deployed(proto, x):
    try:
        return run(proto, x)
    except Exception:
        return None


@pytest.mark.parametrize("name", [*CHANGED, *KEPT])
def test_a_warning_says_what_the_default_options_change(name):
    """It tells the largest deviation, and its advice is right when it is followed."""
    proto = {**CHANGED, **KEPT}[name]
    x = rows(proto)
    expected, usual = run(without_levels(proto), x, LEVELS.ORT_DISABLE_ALL), deployed(proto, x)
    notes = opened(proto, x, by_steps=True).notices
    scale = np.abs(expected[np.isfinite(expected)]).max()
    if usual is not None and np.allclose(
        usual, expected, rtol=0, atol=ROUND_OFF * scale, equal_nan=True
    ):
        assert notes == ()
        return
    (note,) = notes
    assert note.code == "deployed"
    assert "\n" not in note.message
    if usual is not None and np.isfinite(usual).all() and np.isfinite(expected).all():
        gap = float(re.search(r"up to (\S+)", note.message)[1])
        column = np.abs(usual - expected).max(axis=0)
        assert np.isclose(column, gap, rtol=0.06).any()
    followed = without_levels(proto) if "set accuracy_level to 0" in note.message else proto
    level = LEVELS.ORT_DISABLE_ALL if "ORT_DISABLE_ALL" in note.message else LEVELS.ORT_ENABLE_ALL
    entries = dict(re.findall(r"deploy with (session\.\w+)=(\d)", note.message))
    assert entries or followed is not proto or level == LEVELS.ORT_DISABLE_ALL
    answer = run(followed, x, level, **entries)
    np.testing.assert_allclose(answer, expected, rtol=0, atol=ROUND_OFF * scale)


def test_stored_weights_are_what_they_say():
    """Against NumPy in double precision."""
    proto = stored()
    c, x = constants(proto), rows(proto)
    found = Session(opened(proto, x).function)(x)
    assert found == pytest.approx(np.tanh(x @ (WHOLE * c["s"])) @ V.astype(float), abs=2e-6)


@pytest.mark.parametrize("level", [0, 1, 4])
def test_packed_weights_are_what_they_say(level):
    proto, weights = packed(level)
    x = rows(proto)
    found = Session(opened(proto, x).function)(x)
    assert found == pytest.approx(np.tanh(x @ weights) @ V.astype(float), abs=5e-6)


@pytest.mark.parametrize("power", [2.0, 4.0])
@pytest.mark.parametrize("reverse", [False, True])
def test_norms_are_what_they_say(power, reverse):
    proto = norm(power, reverse)
    x, c = rows(proto), constants(proto)
    d = (x - x.mean(axis=1, keepdims=True)) * (-1 if reverse else 1)
    expected = d / np.sqrt((d**power).mean(axis=1, keepdims=True) + c["e"]) * c["g"] + c["s"]
    assert Session(opened(proto, x).function)(x) == pytest.approx(expected, abs=1e-5)


def test_padding_of_a_pooling_is_zero():
    x = -np.abs(rows(CHANGED["pad, MaxPool"]))
    found = Session(opened(CHANGED["pad, MaxPool"], x).function)(x)
    image = np.pad(x.reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(image, (2, 2), axis=(1, 2))
    assert found == pytest.approx(windows.max(axis=(3, 4)).reshape(len(x), -1))


def test_nodes_inside_branches_count():
    """The stored weights are read inside an If."""
    proto = stored()
    nodes = list(proto.graph.node)
    body = helper.make_graph(nodes, "body", [], [helper.make_empty_tensor_value_info("y")])
    del proto.graph.node[:]
    proto.graph.node.append(op("If", ["on"], ["y"], then_branch=body, else_branch=body))
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.array(True), "on"))
    x, c = rows(proto), constants(proto)
    made = opened(proto, x)
    found = Session(made.function)(x)
    assert found == pytest.approx(np.tanh(x @ (WHOLE * c["s"])) @ V.astype(float), abs=2e-6)
    assert bool(made.notices) == (np.abs(run(proto, x) - found).max() > ROUND_OFF)


def test_what_no_one_knows_of_is_looked_for(monkeypatch):
    """An optimizer that is not on the list is found by comparing, and left out."""
    monkeypatch.setattr("onnxtaylor.runtime.session.distorting_optimizers", lambda proto: [])
    monkeypatch.setattr("onnxtaylor.problem.deployed.is_questionable", lambda proto: False)
    proto = norm(reverse=True)
    x = rows(proto)
    made = opened(proto, x)
    expected = run(proto, x, LEVELS.ORT_DISABLE_ALL)
    if np.allclose(run(proto, x), expected, rtol=0, atol=1e-4):
        pytest.skip("this onnxruntime keeps the function")
    assert made.function.plain
    assert Session(made.function)(x) == pytest.approx(expected, abs=1e-6)
    assert "ORT_DISABLE_ALL" in made.notices[0].message


def test_only_the_responses_that_are_analyzed_count():
    """The first response comes of stored weights, the second does not."""
    proto = stored()
    proto.graph.node.append(op("Sin", ["x"], ["second"]))
    proto.graph.output.append(port("second", None))
    x = rows(proto)
    if not opened(proto, x, outputs=("y",)).notices:
        pytest.skip("this onnxruntime keeps the function")
    assert opened(proto, x, outputs=("second",)).notices == ()


def test_inspect_says_it(tmp_path):
    proto = stored()
    onnx.save(proto, tmp_path / "stored.onnx")
    report = inspect_model(tmp_path / "stored.onnx")
    notes = opened(proto, rows(proto)).notices
    assert len(report.get("warnings", [])) == len(notes)
    assert report["engine"] == "exact: every operator on the way has a rule"
