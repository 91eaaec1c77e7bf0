"""Analyses and derivatives of models with context, from dictionaries, frames and files."""

import numpy as np
import onnxruntime
import pandas as pd
import pytest

import onnxtaylor as ot
from onnxtaylor.errors import DataError
from tests.engine.test_context_in_engines import TEXTS, categories, derivatives
from tests.graph.sets import by_hand, deep_set, events


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(2)
    context = [random.integers(0, size, 80) for size in (2, 3, 2)]
    return np.column_stack([random.normal(size=(80, 2)), *context])


def inputs_of(rows):
    """One array per input; code 1 is the first text of the model."""
    return {
        "m": rows[:, 2:3] == 1,
        "x": rows[:, :2],
        "k": rows[:, 3:4].astype(int),
        "s": np.array(TEXTS)[1 - rows[:, 4:5].astype(int)],
    }


def test_a_dictionary_a_frame_and_a_file_give_the_same(rows, tmp_path):
    expected = np.abs(derivatives(rows)).mean(axis=0)
    inputs = inputs_of(rows)
    frame = pd.DataFrame(rows[:, :2], columns=["x_0", "x_1"])
    for name in ("m", "k", "s"):
        frame[name] = inputs[name][:, 0]
    frame.to_parquet(tmp_path / "events.parquet")
    frame.to_csv(tmp_path / "events.csv", index=False)
    for data in (inputs, frame, tmp_path / "events.parquet", tmp_path / "events.csv"):
        result = ot.analyze(categories(), data, scale="unit", curvature="pointwise")
        np.testing.assert_allclose(result.score[0, 0], expected, rtol=1e-12)
        assert result.check["verdict"] == "agrees"
        assert [f.name for f in result.data.features] in (["x0", "x1"], ["x_0", "x_1"])
        roles = {entry["name"]: entry["role"] for entry in result.options["inputs"]}
        assert roles == {"x": "features", "m": "context", "k": "context", "s": "context"}


def test_a_result_with_context_can_be_saved_and_loaded(rows, tmp_path):
    for options in ({}, {"curvature": "averaged"}, {"finite_step": 0.5}):
        result = ot.analyze(categories(), inputs_of(rows), **options)
        result.save(tmp_path / "result.json")
        again = ot.TaylorResult.load(tmp_path / "result.json")
        assert again.to_json() == result.to_json()


def test_derivatives_take_one_array_per_input(rows):
    problem = ot.Problem.open(categories(), inputs_of(rows))
    value = ot.differentiate(problem)(inputs_of(rows))
    t = derivatives(rows)
    np.testing.assert_allclose(value.jacobian[:, 0], t[:, :2], rtol=1e-12)
    np.testing.assert_allclose(value.hessian[:, 0, 0, 1], t[:, 3], rtol=1e-12)


def test_the_saved_graph_has_the_inputs_of_the_model():
    x, mask = events()
    d = ot.differentiate(deep_set(), mask={"m": "x"})
    assert [i.name for i in d.proto.graph.input] == ["x", "m"]
    session = onnxruntime.InferenceSession(d.proto.SerializeToString())
    value, jacobian, _ = session.run(None, {"x": x, "m": mask})
    y, gradients = by_hand(x, mask)
    np.testing.assert_allclose(value[:, 0], y, rtol=1e-13)
    np.testing.assert_allclose(
        jacobian[:, 0], gradients.reshape(len(x), -1), rtol=1e-12, atol=1e-15
    )
    again = d({"x": x, "m": mask})
    np.testing.assert_allclose(again.jacobian, jacobian, rtol=1e-12, atol=1e-15)


def test_a_text_that_the_problem_has_not_seen_is_named(rows):
    d = ot.differentiate(ot.Problem.open(categories(), inputs_of(rows)))
    other = inputs_of(rows)
    other["s"] = np.full((len(rows), 1), "blue")
    with pytest.raises(DataError, match="'blue', which the data that the model was opened"):
        d(other)
