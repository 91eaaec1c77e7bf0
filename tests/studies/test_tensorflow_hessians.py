"""The study of TensorFlow's Hessians: its reference, its claims, its shortened form."""

from __future__ import annotations

import copy
import json
from math import erfc

import numpy as np
import onnx
import pytest

from tests.graph.graphs import F64, ask, model, op, port
from validation.study import main, section_of
from validation.tensorflow_hessians import STUDY
from validation.tensorflow_hessians.claims import claims_of, worst
from validation.tensorflow_hessians.exporters import has_erfc, without_erfc

TITLES = (
    "exact, float32",
    "exact, float64",
    "differences",
    "exact, float64 file",
    "differences, float64 file",
)


def numbers():
    """As a run makes them, with deviations that are within all limits."""
    small = {"exact, float32": 1e-7, "differences": 1e-9, "differences, float64 file": 1e-9}

    def cells(factor):
        return {
            t: {
                "value": 0.0,
                "jacobian": factor * small.get(t, 1e-15),
                "hessian": 2 * factor * small.get(t, 1e-15),
            }
            for t in TITLES
        }

    reference = {"float32": [1e-7, 2e-7], "by_differences": 1e-11, "as_it_is": [0.0, 0.0]}
    reference |= {"network": "tanh", "features": 6, "responses": 3, "kinks": False}
    row = {"network": "tanh", "opset": 15, "erfc": False}
    return {
        "events": 8,
        "proof": {"jacobian": 0.0, "hessian": 0.0, "wrongly_nested": 0.0, "largest": 12.0},
        "gelu_constant": {"double": 1e-8, "single": 1e-16},
        "references": [reference],
        "rows": [
            row | {"exporter": "Keras", "cells": cells(1)},
            row | {"exporter": "tf2onnx", "cells": cells(1.5)},
        ],
        "scores": {
            "network": "tanh",
            "events": 200,
            "coefficients": 81,
            "exact": 1e-15,
            "differences": 1e-10,
        },
    }


def test_the_worst_deviation_is_that_of_all_orders_files_and_exporters():
    found = numbers()
    assert worst(found, "exact, float32") == (3e-7, "tanh, tf2onnx")
    found["rows"][0]["cells"]["exact, float64 file"]["jacobian"] = 1e-13
    assert worst(found, "exact, float64") == (1e-13, "tanh, Keras")
    found["rows"][0]["cells"]["differences, float64 file"]["hessian"] = 1e-6
    assert worst(found, "differences") == (1e-6, "tanh, Keras")


def fault(path, value):
    def change(found):
        for key in path[:-1]:
            found = found[key]
        found[path[-1]] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        fault(["proof", "hessian"], 1e-3),
        fault(["proof", "largest"], 0.0),
        fault(["proof", "wrongly_nested"], 12.0),
        fault(["references", 0, "by_differences"], 1e-3),
        fault(["rows", 0, "cells", "exact, float32", "hessian"], 6e-6),
        fault(["rows", 1, "cells", "exact, float64", "jacobian"], 2e-12),
        fault(["rows", 1, "cells", "exact, float64 file", "hessian"], 2e-12),
        fault(["rows", 0, "cells", "differences", "hessian"], 2e-6),
        fault(["rows", 0, "cells", "differences"], {"refused": "no"}),
        fault(["rows", 0, "cells", "exact, float64"], {"refused": "no"}),
        fault(["scores", "exact"], 1e-9),
        fault(["scores", "differences"], 1e-5),
    ],
)
def test_each_claim_can_fail(change):
    sound = numbers()
    assert all(claim.holds for claim in claims_of(sound))
    broken = copy.deepcopy(sound)
    change(broken)
    assert sum(not claim.holds for claim in claims_of(broken)) == 1


def test_the_section_tells_what_was_found():
    found = numbers()
    found["references"][0]["as_it_is"] = [1e-16, 0.07]
    found["rows"][0]["erfc"] = True
    found["rows"][1]["cells"]["exact, float64"] = {"refused": "no rule for a loop"}
    text = STUDY.section(json.loads(json.dumps(found)))
    assert text.count("| tanh | 6×3 |") == 2
    assert "tanh 7%" in text
    assert "no rule for a loop" in text
    assert "Erfc" in text
    assert "figures/tensorflow_hessians-deviations.png" in text


def test_an_operator_that_onnx_does_not_have_is_replaced():
    nodes = [op("Neg", ["x"], ["z"]), op("Erfc", ["z"], ["e"]), op("Mul", ["e", "x"], ["y"])]
    proto = model(nodes, [port("x", ["N", 3])], [port("y", ["N", 3])])
    before = proto.SerializeToString()
    assert has_erfc(proto)
    found = without_erfc(proto)
    assert proto.SerializeToString() == before
    assert not has_erfc(found)
    onnx.checker.check_model(found)
    x = np.linspace(-3, 3, 21).reshape(7, 3).astype(np.float32)
    wanted = x * np.vectorize(erfc)(-x)
    assert np.abs(ask(found, x=x)["y"] - wanted).max() < 2e-6
    double = model(nodes, [port("x", ["N", 3], F64)], [port("y", ["N", 3], F64)])
    stored = without_erfc(double).graph.initializer[0]
    assert onnx.numpy_helper.to_array(stored).dtype == np.float64


# --- with TensorFlow -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tensorflow():
    pytest.importorskip("tensorflow", reason="TensorFlow is the reference")
    pytest.importorskip("tf2onnx", reason="tf2onnx is one of the exporters")
    from validation.tensorflow_hessians import reference

    return reference


@pytest.mark.slow
def test_nested_tapes_and_tapes_nested_wrongly(tensorflow):
    """x₀²x₁ + 3x₁x₂ and x₂³ at a point, by hand."""
    x = np.array([[2.0, 3.0, -1.0]])
    value, jacobian, hessian = tensorflow.derivatives(tensorflow.polynomial, x)
    assert value.tolist() == [[3.0, -1.0]]
    assert jacobian.tolist() == [[[12.0, 1.0, 9.0], [0.0, 0.0, 3.0]]]
    wanted = [[[6.0, 4.0, 0.0], [4.0, 0.0, 3.0], [0.0, 3.0, 0.0]], np.diag([0, 0, -6.0]).tolist()]
    assert hessian.tolist() == [wanted]
    assert (
        np.abs(tensorflow.hessian_by_differences(tensorflow.polynomial, x) - hessian).max() < 1e-9
    )
    wrong = tensorflow.wrongly_nested(tensorflow.polynomial, x)
    assert wrong.shape == hessian.shape
    assert not wrong.any()


@pytest.mark.slow
def test_moments_lose_a_term_of_the_hessian(tensorflow):
    """The variance of (a, b) is (a − b)²/4: its Hessian is ½ on the diagonal, −½ beside it."""
    tf = tensorflow.tensorflow()

    def kept(rows):
        return tf.nn.moments(rows, axes=[1], keepdims=True)[1]

    def written(rows):
        centred = rows - tf.reduce_mean(rows, axis=1, keepdims=True)
        return tf.reduce_mean(centred * centred, axis=1, keepdims=True)

    x, right = np.array([[1.0, 3.0]]), np.array([[0.5, -0.5], [-0.5, 0.5]])
    _, first, second = tensorflow.derivatives(kept, x)
    assert first.tolist() == [[[-1.0, 1.0]]]
    assert np.abs(second[0, 0] - right).max() > 0.4
    assert np.abs(tensorflow.derivatives(written, x)[2][0, 0] - right).max() < 1e-15
    assert np.abs(tensorflow.hessian_by_differences(kept, x)[0, 0] - right).max() < 1e-10


@pytest.mark.slow
def test_the_short_form(tensorflow, tmp_path):
    status = main(STUDY, ["--short", "--output", str(tmp_path)])
    document = json.loads((tmp_path / "measured" / "tensorflow_hessians.json").read_text())
    assert [claim["text"] for claim in document["claims"] if not claim["holds"]] == []
    assert status == 0
    rows = document["numbers"]["rows"]
    assert len(rows) == 2 * len(document["numbers"]["references"]) == 8
    assert all("refused" not in cell for row in rows for cell in row["cells"].values())
    assert (tmp_path / "figures" / "tensorflow_hessians-deviations.png").stat().st_size > 10_000
    assert section_of(STUDY, document) in (tmp_path / "README.md").read_text()
    normal = next(r for r in document["numbers"]["references"] if "Layer" in r["network"])
    assert normal["as_it_is"][0] < 1e-13
    assert normal["as_it_is"][1] > 1e-3
