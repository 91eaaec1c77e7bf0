"""Saved results against their JSON Schema."""

from __future__ import annotations

import copy
import json
from importlib.resources import files

import jsonschema
import numpy as np
import pytest

import onnxtaylor as ot
from onnxtaylor.indices import MultiIndices
from onnxtaylor.results.taylor_document import SCHEMA
from tests.engine.trees import forest
from validation.toys import SCENARIOS, oracle_model, quadratic, sample

SOURCE = files("onnxtaylor") / "schemas" / "result-1.json"


@pytest.fixture(scope="module")
def validator():
    schema = json.loads(SOURCE.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.fixture(scope="module")
def document(make_result):
    result = make_result(["a", "b"], ("y", "z"), ("s", "b"), bootstrap=True)
    return json.loads(result.to_json())


def test_the_schema_names_itself(validator):
    assert validator.schema["$id"] == SCHEMA
    assert validator.schema["properties"]["schema"]["const"] == SCHEMA


def test_every_object_is_closed_but_those_that_depend_on_the_engine(validator):
    opened = {
        name
        for name, part in {**validator.schema["$defs"], "": validator.schema}.items()
        if part.get("type") == "object" and part.get("additionalProperties") is not False
    }
    assert opened == {"options"}


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("classes", [(), ("s", "b")])
@pytest.mark.parametrize("bootstrap", [True, False])
def test_synthetic_results_are_valid(validator, make_result, order, classes, bootstrap):
    result = make_result(3, ("y", "z"), classes, order=order, bootstrap=bootstrap)
    validator.validate(json.loads(result.to_json()))


def test_chosen_coefficients_are_valid(validator, make_result):
    result = make_result(3, indices=MultiIndices.of(3, [[0], [0, 2], [2, 2]]))
    validator.validate(json.loads(result.to_json()))


@pytest.mark.parametrize("engine", ["auto", "exact", "differences"])
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("bootstrap", [0, 20])
def test_results_of_analyses_are_valid(validator, tmp_path, engine, order, labelled, bootstrap):
    x, labels = sample(SCENARIOS["C"], 60, np.random.default_rng(1))
    x = x.astype(np.float32)
    x[3, 1] = -999
    result = ot.analyze(
        oracle_model(*quadratic(SCENARIOS["C"], np.zeros(2), np.ones(2)), np.float64),
        x,
        labels=labels if labelled else None,
        weights=np.linspace(-0.1, 2, 60),
        missing=-999,
        order=order,
        bootstrap=bootstrap,
        engine=engine,
        scale="sigma" if order == 1 else "unit",
        link="logit" if labelled else "identity",
    )
    result.save(tmp_path / "result.json")
    saved = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    validator.validate(saved)
    # what the schema describes of the options is what there is
    described = validator.schema["$defs"]["options"]["properties"]
    assert set(saved["options"]) <= set(described)


def test_results_of_finite_steps_are_valid(validator, tmp_path):
    x = np.random.default_rng(2).normal(size=(60, 3))
    x[:, 1], x[:, 2] = np.arange(60) % 2, 7
    result = ot.analyze(forest(), x, finite_step={"*": "0.5sigma"}, missing=-999)
    assert [f.code for f in result.warnings] == ["constant"]
    result.save(tmp_path / "result.json")
    saved = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    validator.validate(saved)
    described = validator.schema["$defs"]["options"]["properties"]
    assert set(saved["options"]) <= set(described)
    for name, value in (("steps", [0.0, 1, None]), ("asked", {"*": 1}), ("more", 1)):
        changed = copy.deepcopy(saved)
        changed["options"]["finite_step"][name] = value
        assert not validator.is_valid(changed)


def test_undefined_numbers_are_null(validator, document):
    changed = copy.deepcopy(document)
    changed["coefficients"][0]["rms"] = None
    changed["data"]["features"][0] |= {"mean": None, "std": None, "min": None, "max": None}
    validator.validate(changed)


DELETE = object()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), "onnxtaylor.result/2"),
        (("schema",), DELETE),
        (("version",), 1),
        (("method",), "guess"),
        (("method",), DELETE),
        (("warnings",), DELETE),
        (("warnings",), [{"code": "odd", "feature": None, "message": ""}]),
        (("warnings",), [{"code": "constant", "feature": 1, "message": ""}]),
        (("more",), 1),
        (("check",), []),
        (("check",), DELETE),
        (("model",), None),
        (("model", "sha256"), "0" * 63),
        (("model", "sha256"), "G" * 64),
        (("model", "output"), []),
        (("model", "output"), ["y", "y"]),
        (("model", "output"), "y"),
        (("model", "opset"), {"ai.onnx": "17"}),
        (("model", "engine"), DELETE),
        (("model", "author"), "me"),
        (("data", "events"), -1),
        (("data", "events"), 1.5),
        (("data", "sum_weight"), 0),
        (("data", "n_eff"), None),
        (("data", "groups"), []),
        (("data", "groups", 0, "name"), DELETE),
        (("data", "groups", 0, "mean"), 0),
        (("data", "features"), []),
        (("data", "features", 0, "std"), -1),
        (("data", "features", 0, "missing"), None),
        (("data", "features", 0, "unit"), "GeV"),
        (("options",), []),
        (("options", "order"), 0),
        (("options", "order"), DELETE),
        (("options", "link"), "probit"),
        (("options", "scale"), "per unit"),
        (("options", "bootstrap"), -1),
        (("coefficients",), []),
        (("coefficients", 0, "score"), None),
        (("coefficients", 0, "score"), "0.1"),
        (("coefficients", 0, "sem"), -0.1),
        (("coefficients", 0, "rms"), -0.1),
        (("coefficients", 0, "rank"), 0),
        (("coefficients", 0, "rank"), 1.5),
        (("coefficients", 0, "rank_low"), None),  # the upper end is left alone
        (("coefficients", 0, "rank_high"), None),
        (("coefficients", 0, "order"), 2),  # of one feature
        (("coefficients", 2, "order"), 1),  # of two
        (("coefficients", 2, "features"), ["a"]),
        (("coefficients", 0, "features"), []),
        (("coefficients", 0, "features"), "a"),
        (("coefficients", 0, "label"), DELETE),
        (("coefficients", 0, "p_value"), 0.5),
    ],
)
def test_mutations_are_not_valid(validator, document, path, value):
    changed = copy.deepcopy(document)
    part = changed
    for key in path[:-1]:
        part = part[key]
    if value is DELETE:
        del part[path[-1]]
    else:
        part[path[-1]] = value
    validator.validate(document)
    assert not validator.is_valid(changed)
