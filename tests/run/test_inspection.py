"""What inspect tells of a model, with and without a problem."""

import json

import numpy as np
import onnx
import pytest

from onnxtaylor.errors import ModelError
from onnxtaylor.options import DataOptions
from onnxtaylor.run.inspect import inspect_model
from tests.graph.graphs import F32, I64, model, model_options, net, op, port


@pytest.fixture
def report(tmp_path):
    """``report(proto, *data files, **request)`` on a saved model."""

    def inspect(proto, *data, columns=None, missing=None, **request):
        path = tmp_path / "model.onnx"
        path.write_bytes(proto.SerializeToString())
        wanted = DataOptions(missing=missing, **(columns or {}))
        found = inspect_model(path, data or None, model_options(**request), wanted)
        json.dumps(found)
        return found

    return inspect


def test_a_model_that_can_be_analyzed(report):
    found = report(net(metadata={"classes": "s,b", "feature_names": "pt,eta,phi"}))
    assert found["problem"] is None
    assert found["inputs"] == ["x float32 [N, 3]"]
    assert found["outputs"] == ["y float32 [N, 2]"]
    assert found["operators"] == "MatMul ×2, Tanh"
    assert found["opset"] == "ai.onnx 17"
    assert found["features"] == ["3: pt, eta, phi"]
    assert found["responses"] == "s, b"
    assert found["roles"] == ["x float32 [N, 3]: features pt, eta, phi"]
    assert found["batch"] == "free"
    assert found["precision"] == "float32"
    assert found["coefficients"] == "3 of first order, 9 up to second"


def test_what_a_problem_leaves_is_told(report):
    proto = model([op("Floor", ["x"], ["y"])], [port("x", ["N", 3])], [port("y", ["N", 3])])
    found = report(proto)
    assert "step function" in found["problem"]
    assert found["operators"] == "Floor"
    assert "features" not in found


def test_a_free_size_asks_for_data(report, tmp_path):
    proto = model(
        [op("ReduceSum", ["x", "axis"], ["s"]), op("Exp", ["s"], ["y"])],
        [port("x", ["N", "T"])],
        [port("y", ["N", 1])],
        {"axis": np.array([1])},
    )
    assert "name a file of events" in report(proto)["problem"]
    np.save(tmp_path / "x.npy", np.ones((4, 5)))
    found = report(proto, tmp_path / "x.npy")
    assert found["problem"] is None
    assert found["features"][0].startswith("5")
    assert found["events"] == "4, Σw = 4"


def test_data_give_events_classes_and_names(report, tmp_path):
    (tmp_path / "x.csv").write_text("a,b,c,w,l\n1,2,3,0.5,s\n2,1,0,1.5,b\n0,1,2,1,b\n")
    found = report(net(), tmp_path / "x.csv", columns={"labels": "l", "weights": "w"})
    assert found["events"] == "3, Σw = 3"
    assert found["classes"] == ["b: 2 events, Σw = 2.5", "s: 1 events, Σw = 0.5"]
    assert found["features"] == ["3: a, b, c"]


def test_held_inputs_and_other_outputs_are_listed(report):
    nodes = [
        op("Cast", ["k"], ["f"], to=F32),
        op("Mul", ["x", "f"], ["y"]),
        op("Neg", ["y"], ["z"]),
    ]
    proto = model(
        nodes, [port("x", ["N", 3]), port("k", [], I64)], [port("y", None), port("z", None)]
    )
    assert 'fix={"k": VALUE}' in report(proto)["problem"]
    found = report(proto, fix={"k": 2})
    assert found["roles"][1] == "k int64 []: fixed at 2"
    assert found["other outputs"] == "z"
    assert report(proto, fix={"k": 2}, outputs=("z",))["other outputs"] == "y"


def test_domains_are_shown(report):
    node = op("Scaler", ["x"], ["y"], domain="ai.onnx.ml", offset=[0.0], scale=[2.0])
    proto = model([node], [port("x", ["N", 3])], [port("y", ["N", 3])], domains={"ai.onnx.ml": 1})
    found = report(proto)
    assert found["operators"] == "ai.onnx.ml.Scaler"
    assert found["opset"] == "ai.onnx 17, ai.onnx.ml 1"


def test_text_of_the_file_is_shown_escaped(report):
    proto = net(metadata={"classes": json.dumps(["a\x1b[31m", "b\nc"])})
    found = report(proto)
    assert "\x1b" not in found["responses"]
    assert "\n" not in found["responses"]


def test_a_precision_lost_inside_is_told(report):
    half = onnx.TensorProto.FLOAT16
    nodes = [
        op("Cast", ["x"], ["h"], to=half),
        op("Exp", ["h"], ["e"]),
        op("Cast", ["e"], ["y"], to=F32),
    ]
    proto = model(nodes, [port("x", ["N", 3])], [port("y", ["N", 3])])
    assert report(proto)["precision"] == "float16"


def test_what_is_no_model_is_an_error(tmp_path):
    path = tmp_path / "no.onnx"
    path.write_text("hello")
    with pytest.raises(ModelError):
        inspect_model(path)


def test_a_model_too_wide_is_a_problem(report):
    proto = model(
        [op("ReduceSum", ["x", "axis"], ["y"])],
        [port("x", ["N", 2**40])],
        [port("y", ["N", 1])],
        {"axis": np.array([1])},
    )
    with pytest.raises(ModelError, match="numbers for each event, which is more than 4194304"):
        report(proto)


def test_without_data_the_probes_say_so(report, tmp_path):
    assert report(net())["probes"].endswith("finite (no data were given: the model was probed at"
                                            " random numbers)")  # fmt: skip
    np.save(tmp_path / "x.npy", np.ones((4, 3)))
    assert report(net(), tmp_path / "x.npy")["probes"].endswith("finite")


WIDE = 3 * 240 * 320
IMAGES = {
    "few responses": (
        [
            op("Mul", ["x", "x"], ["s"]),
            op("ReduceMean", ["s"], ["r"], axes=[2, 3], keepdims=0),
            op("ReduceMean", ["r"], ["y"], axes=[1]),
        ],
        [1, 1],
    ),
    "as many responses as pixels": ([op("Tanh", ["x"], ["y"])], [1, 3, 240, 320]),
}


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_model_is_listed(report, name):
    nodes, shape = IMAGES[name]
    found = report(model(nodes, [port("x", [1, 3, 240, 320])], [port("y", shape)]))
    assert found["problem"] is None
    assert found["features"] == [str(WIDE)]
    assert found["coefficients"].startswith(f"{WIDE} of first order")
    assert found["engine"] == "exact: every operator on the way has a rule"


def test_a_wide_model_without_a_rule_is_listed(report):
    nodes = [
        op("Det", ["x"], ["d"]),
        op("Unsqueeze", ["d", "axes"], ["e"]),
        op("Tanh", ["e"], ["t"]),
        op("Mul", ["x", "t"], ["y"]),
    ]
    ports = [port("x", ["N", 50, 50])], [port("y", ["N", 50, 50])]
    proto = model(nodes, *ports, {"axes": np.array([1, 2])})
    assert "operator Det has no rule" in report(proto)["engine"]
