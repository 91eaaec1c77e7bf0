"""Roles, values and batch axes by a specification; names and sizes of sets without data."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import onnxtaylor as ot
from onnxtaylor.errors import DataError, OptionError
from onnxtaylor.inputs import InputSpecification, Specification, Variable
from onnxtaylor.options import ModelOptions
from onnxtaylor.run.inspect import inspect_model
from tests.problem.tagger_of_sets import SLOTS, derivatives, made, specification, tagger


def written(nodes, inputs, outputs, constants=()):
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node(kind, read, made, **more) for kind, read, made, more in nodes],
        "graph",
        [info(name, kind, shape) for name, (kind, shape) in inputs.items()],
        [info(name, TensorProto.DOUBLE, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in dict(constants).items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.checker.check_model(model)
    return model


def mixed():
    """y = scale · tanh(x₀ + 2 x₁) · (2 if the era is "b", else 1)."""
    return written(
        [
            ("MatMul", ["x", "w"], ["z"], {}),
            ("Tanh", ["z"], ["t"], {}),
            (
                "LabelEncoder",
                ["era"],
                ["k"],
                {
                    "domain": "ai.onnx.ml",
                    "keys_strings": ["a", "b"],
                    "values_floats": [1.0, 2.0],
                    "default_float": -5.0,
                },
            ),
            ("Cast", ["k"], ["kd"], {"to": TensorProto.DOUBLE}),
            ("Mul", ["t", "kd"], ["tk"], {}),
            ("Mul", ["tk", "scale"], ["y"], {}),
        ],
        {
            "x": (TensorProto.DOUBLE, ["N", 2]),
            "era": (TensorProto.STRING, ["N", 1]),
            "scale": (TensorProto.DOUBLE, [1]),
        },
        {"y": ["N", 1]},
        {"w": np.array([[1.0], [2.0]])},
    )


def test_texts_are_context_and_a_fixed_input_has_its_value():
    given = Specification(
        (
            InputSpecification("x", "features", variables=(Variable("b", "beta"), Variable("a"))),
            InputSpecification("era", "context", variables=(Variable("period"),)),
            InputSpecification("scale", "fixed", value=3.0),
        )
    )
    rng = np.random.default_rng(0)
    data = {"a": rng.normal(size=20), "beta": rng.normal(size=20), "other": np.zeros(20)}
    data["period"] = np.array(["b", "a", "c"])[np.arange(20) % 3]
    data["period"][data["period"] == "c"] = "a"
    result = ot.analyze(
        mixed().SerializeToString(), data, inputs=given, order=1, scale="unit", bootstrap=0, check=8
    )
    z = data["beta"] + 2 * data["a"]
    slope = 3 * (1 - np.tanh(z) ** 2) * np.where(data["period"] == "b", 2.0, 1.0)
    expected = [np.abs(slope).mean(), np.abs(2 * slope).mean()]
    np.testing.assert_allclose(result.score[0, 0], expected, rtol=1e-12)
    assert [feature.name for feature in result.data.features] == ["b", "a"]
    assert result.check["verdict"] == "agrees"


def batchless():
    """y = tanh(a·jet) + Σ_s (b·tracks_s)², jet [1, 2], tracks [n, 3]: no batch axis."""
    return written(
        [
            ("MatMul", ["jet", "a"], ["h"], {}),
            ("Tanh", ["h"], ["t"], {}),
            ("MatMul", ["tracks", "b"], ["g"], {}),
            ("Mul", ["g", "g"], ["q"], {}),
            ("ReduceSum", ["q", "axes"], ["s"], {"keepdims": 1}),
            ("Add", ["t", "s"], ["y"], {}),
        ],
        {
            "jet": (TensorProto.DOUBLE, [1, 2]),
            "tracks": (TensorProto.DOUBLE, ["n", 3]),
        },
        {"y": [1, 1]},
        {
            "a": np.array([[0.4], [-0.3]]),
            "b": np.array([[0.2], [0.5], [-0.1]]),
            "axes": np.array([0]),
        },
    )


def test_axes_without_a_batch_are_one_event_each():
    given = Specification(
        (
            InputSpecification("jet", "features", variables=(Variable("pt"), Variable("eta"))),
            InputSpecification(
                "tracks",
                "features",
                ("slot", "variable"),
                tuple(map(Variable, ("d0", "z0", "qp"))),
                prefix="trk",
            ),
        )
    )
    rng = np.random.default_rng(0)
    data = {"pt": rng.normal(size=6), "eta": rng.normal(size=6)}
    data |= {f"trk_{name}": rng.normal(size=(6, 4)) for name in ("d0", "z0", "qp")}
    problem = ot.Problem.open(batchless().SerializeToString(), data, ModelOptions(inputs=given))
    assert problem.feature_names[2:6] == ["trk.d0[0]", "trk.z0[0]", "trk.qp[0]", "trk.d0[1]"]
    x = next(iter(problem.source.batches(10))).x
    tracks = np.stack([data[f"trk_{name}"] for name in ("d0", "z0", "qp")], axis=-1)
    jet = np.stack([data["pt"], data["eta"]], axis=1)
    y = np.tanh(jet @ [0.4, -0.3]) + ((tracks @ [0.2, 0.5, -0.1]) ** 2).sum(axis=1)
    np.testing.assert_allclose(problem.session(x)[:, 0], y, rtol=1e-13)


def test_without_data_sets_have_their_greatest_length():
    model, _, _ = tagger()
    report = inspect_model(model.SerializeToString(), None, ModelOptions(inputs=specification()))
    assert report["problem"] is None
    assert report["features"] == ["13: mass, ntrk, tau, pf.pt[0], pf.pt[1], pf.pt[2], … (+7 more)"]
    assert "features 2 variables × 5 slots, of pt, eta" in report["roles"][1]
    given = specification(expand_transforms=True)
    derivatives = ot.differentiate(model.SerializeToString(), inputs=given, order=1)
    rng = np.random.default_rng(1)
    arrays = {
        "jet": rng.normal(120.0, 20.0, (4, 3)),
        "pf": rng.normal(size=(4, 2, SLOTS)),
        "pf_mask": np.ones((4, 1, SLOTS)),
    }
    x = np.concatenate([value.reshape(4, -1) for value in arrays.values()], axis=1)
    value, step = derivatives(arrays), 1e-6
    for i in (0, 1, 3, 9):
        shift = np.zeros(18)
        shift[i] = step

        def at(rows):
            return derivatives(
                {
                    "jet": rows[:, :3],
                    "pf": rows[:, 3:13].reshape(4, 2, SLOTS),
                    "pf_mask": rows[:, 13:].reshape(4, 1, SLOTS),
                }
            ).value

        difference = (at(x + shift) - at(x - shift)) / (2 * step)
        np.testing.assert_allclose(value.jacobian[:, :, i], difference, atol=1e-7)


def test_sets_shorter_than_padding_without_a_mask_are_refused():
    model, _, _ = tagger(masked=False)
    data, _ = made()
    axes = ("batch", "variable", "slot")
    pf = InputSpecification("pf", "features", axes, specification().inputs[1].variables, 3, 6)
    given = Specification((specification().inputs[0], pf))
    with pytest.raises(
        DataError, match="events with 1 objects, which are padded to 3, and no mask"
    ):
        ot.Problem.open(model.SerializeToString(), data, ModelOptions(inputs=given))


def test_sets_of_different_sizes_without_a_mask_are_analyzed_size_by_size():
    model, a, b = tagger(masked=False)
    data, _ = made(60)
    result = ot.analyze(
        model, data, inputs=specification(masked=False), order=1, by="feature", scale="unit"
    )
    expected = np.abs(derivatives(data, a, b)).mean(axis=0)
    np.testing.assert_allclose(result.score[:, 0], expected, rtol=1e-12, atol=1e-15)
    assert result.check["verdict"] == "agrees"


def test_a_specification_of_another_model_is_refused():
    model, _, _ = tagger(masked=False)
    data, _ = made()
    with pytest.raises(OptionError, match="'pf_mask', which is not an input of the model"):
        ot.Problem.open(model.SerializeToString(), data, ModelOptions(inputs=specification()))


def test_names_of_an_exporter_are_names_of_the_features():
    model = batchless()
    config = {
        "inputs": [
            {
                "name": "jet",
                "variables": [{"name": n, "offset": 0.0, "scale": 1.0} for n in ("pt", "eta")],
            }
        ],
        "input_sequences": [
            {
                "name": "tracks",
                "variables": [{"name": n, "offset": 0.0, "scale": 1.0} for n in ("d0", "z0", "qp")],
            }
        ],
        "outputs": {},
        "output_names": [],
    }
    only = written(
        [("MatMul", ["jet", "a"], ["h"], {}), ("Tanh", ["h"], ["y"], {})],
        {"jet": (TensorProto.DOUBLE, [1, 2])},
        {"y": [1, 1]},
        {"a": np.array([[0.4], [-0.3]])},
    )
    helper.set_model_props(only, {"gnn_config": json.dumps({**config, "input_sequences": []})})
    x = np.random.default_rng(0).normal(size=(5, 2))
    problem = ot.Problem.open(only.SerializeToString(), x)
    assert problem.feature_names == ["pt", "eta"]
    helper.set_model_props(model, {"gnn_config": "{"})  # damaged: no names, no error
    jet = InputSpecification("jet", "features")
    tracks = InputSpecification("tracks", "features", ("slot", "variable"))
    arrays = {"jet": np.ones((3, 2)), "tracks": np.ones((3, 4, 3))}
    given = ModelOptions(inputs=Specification((jet, tracks)))
    problem = ot.Problem.open(model.SerializeToString(), arrays, given)
    assert problem.feature_names[:3] == ["jet.0", "jet.1", "tracks.0[0]"]
