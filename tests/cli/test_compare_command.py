"""``onnxtaylor compare``, as it is typed."""

from __future__ import annotations

import json

import pytest
from onnx import load, numpy_helper, save


@pytest.fixture
def other(place):
    """other.onnx: model.onnx with a larger first matrix; same.onnx: a copy."""
    model = load(place / "model.onnx")
    save(model, place / "same.onnx")
    tensor = model.graph.initializer[0]
    tensor.CopyFrom(numpy_helper.from_array(4 * numpy_helper.to_array(tensor), tensor.name))
    save(model, place / "other.onnx")
    return place


COLUMNS = ("--label", "Label", "--weight", "w")


def test_a_model_and_its_copy(other, cli):
    status, out, err = cli("compare", "model.onnx", "same.onnx", "events.csv", *COLUMNS)
    assert status == 0, err
    assert "unchanged: 0 of 27 scores moved, compared event by event" in out
    assert "most significant" not in out


def test_two_models_that_differ(other, cli):
    status, out, err = cli(
        "compare", "model.onnx", "other.onnx", "events.csv", *COLUMNS, "-o", "c.json",
        "--plot", "c.svg",
    )  # fmt: skip
    assert status == 1
    assert "coefficients that moved" in out
    assert "MOVED: response 'y' by" in out
    saved = json.loads((other / "c.json").read_text())
    assert not saved["passed"]
    assert saved["paired"]
    assert sum(row["moved"] for row in saved["coefficients"]) > 0
    assert f"MOVED: {sum(r['moved'] for r in saved['coefficients'])} of 27" in out
    assert b"<svg" in (other / "c.svg").read_bytes()
    assert err.endswith("saved c.json\nsaved c.svg\n")


def test_two_results(other, cli):
    for model in ("model", "other"):
        assert (
            cli("analyze", f"{model}.onnx", "events.csv", *COLUMNS, "-o", f"{model}.json", "-q")[0]
            == 0
        )
    assert cli("compare", "model.json", "model.json")[0] == 0
    status, out, _ = cli("compare", "model.json", "other.json", "--json")
    assert status == 1
    assert not json.loads(out)["paired"]
    status, out, _ = cli("compare", "model.json", "other.json", "--least", "0.99")
    assert status == 0
    assert "none of which counts" in out


def test_a_stranger_option_is_refused(other, refused):
    model, result = "model.onnx", "r.json"
    assert "one is a result and the other a model" in refused("compare", model, result)
    assert "name DATA files" in refused("compare", model, model)
    assert "leave DATA out" in refused("compare", result, result, "events.csv")
    assert "r.json: no such file" in refused("compare", result, result)
    assert "stdin can be read only once" in refused("compare", "-", "-")
    assert "--significance must be between 0 and 1" in refused(
        "compare",
        model,
        model,
        "events.csv",
        "--exclude",
        "Label",
        "--weight",
        "w",
        "--significance",
        "2",
    )
    said = refused(
        "compare",
        model,
        "softmax.onnx",
        "events.csv",
        "--exclude",
        "Label",
        "--weight",
        "w",
        "--output-b",
        "z",
    )
    assert "the outputs do not match: A has y, B has z[0], z[1], z[2]" in said
    assert "must end in .png" in refused("compare", model, model, "events.csv", "--plot", "c.gif")


def test_the_schemas_are_printed(cli, refused):
    status, out, _ = cli("schema")
    assert status == 0
    assert {"comparison", "result"} <= {line.split()[0] for line in out.splitlines()}
    status, out, _ = cli("schema", "comparison")
    assert json.loads(out)["$id"] == "onnxtaylor.comparison/1"
    assert refused("schema", "resutl") == "no schema 'resutl': did you mean 'result'?"


@pytest.mark.parametrize(
    "words",
    [("--scale", "sigma"), ("--scale", "unit"), ("--label", "Label"), ("--threads", "1"),
     ("--finite-step", "1"), ("--output-b", "y"), ("--events", "3")],
    ids=lambda words: words[0],
)  # fmt: skip
def test_two_results_take_no_options_of_models(refused, words):
    said = refused("compare", "a.json", "b.json", *words)
    assert said == f"{words[0]} is for models: results hold theirs"


def test_out_is_a_word_for_o(other, cli):
    assert (
        cli("compare", "model.onnx", "same.onnx", "events.csv", *COLUMNS, "--out", "c.json")[0] == 0
    )
    assert (other / "c.json").exists()
