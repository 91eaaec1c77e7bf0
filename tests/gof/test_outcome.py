"""Saved goodness of fit: what is written is read, and is valid; what is damaged is not."""

from __future__ import annotations

import copy
import json
from importlib.resources import files

import jsonschema
import pytest

from onnxtaylor.errors import OptionError, ResultError
from onnxtaylor.gof import GofOptions, GoodnessOfFit, goodness_of_fit, read_combine
from onnxtaylor.gof.result import SCHEMA, TestResult
from tests.gof.fits import fit_of
from tests.gof.populations import expected, observed

Q_NDF = ((2000.0, 9), (5000.0, 25), (4000.0, 9))  # of the last two the excess is 941 σ, 703 σ
SOURCE = files("onnxtaylor") / "schemas" / "gof-1.json"


@pytest.fixture(scope="module")
def validator():
    schema = json.loads(SOURCE.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.fixture(scope="module")
def fit():
    data = observed(0)
    data.x[:, 2] = 1.0  # nothing to test
    return goodness_of_fit(data, expected(0), GofOptions(toys=50))


@pytest.fixture(scope="module")
def document(fit):
    return json.loads(fit.to_json())


def test_the_schema_names_itself(validator):
    assert validator.schema["$id"] == SCHEMA == validator.schema["properties"]["schema"]["const"]


def test_what_is_written_is_valid_and_read(validator, fit, tmp_path):
    fit.save(tmp_path / "gof.json")
    validator.validate(json.loads((tmp_path / "gof.json").read_text(encoding="utf-8")))
    assert GoodnessOfFit.load(tmp_path / "gof.json") == fit


def test_ranks_are_those_of_the_tests(validator, document, fit):
    """By p, then by the asymptotic p, then by the excess in units of its σ."""
    first = {tuple(row["features"]): row["rank"] for row in document["pairs"]}
    assert sorted(first.values()) == list(range(1, 11))
    for pair in fit.pairs:
        t = pair.tests[0]
        if t.p is None:
            assert tuple(pair.features) not in first
            continue
        better = sum(
            (o.p, o.p_asymptotic, (o.ndf - o.statistic) / o.ndf**0.5)
            < (t.p, t.p_asymptotic, (t.ndf - t.statistic) / t.ndf**0.5)
            for o in (other.tests[0] for other in fit.pairs)
            if o.p is not None
        )
        assert first[tuple(pair.features)] == better + 1
    features = json.loads(fit_of({"a": 0.5, "b": None, "c": 0.1}).to_json())["features"]
    assert [row["rank"] for row in features] == [2, None, 1]
    damaged = copy.deepcopy(document)
    damaged["pairs"][0]["rank"] = 0
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(damaged)


def test_p_values_too_small_for_a_number_are_ordered_by_the_statistic():
    tests = [TestResult("saturated", q, ndf, 0.01, 0.01, 0.0, 99) for q, ndf in Q_NDF]
    assert [t.statistic for t in sorted(tests, key=lambda t: t.badness)] == [4000, 5000, 2000]


def test_without_pairs(validator):
    fit = goodness_of_fit(observed(0), expected(0), GofOptions(toys=50, pairs=False))
    validator.validate(json.loads(fit.to_json()))
    assert GoodnessOfFit.from_json(fit.to_json()) == fit


def test_from_combine(validator, tmp_path):
    (tmp_path / "a.json").write_text('{"125.0": {"obs": [2.0], "toy": [1.0, 3.0], "p": 0.5}}')
    fit = read_combine([str(tmp_path)], ["a", "b"])
    validator.validate(json.loads(fit.to_json()))
    assert GoodnessOfFit.from_json(fit.to_json()) == fit


DELETE = object()
MUTATIONS = [
    (("schema",), "onnxtaylor.gof/2"),
    (("method",), DELETE),
    (("observed",), 1),
    (("observed", "events"), "many"),
    (("options",), DELETE),
    (("features",), []),
    (("features", 0, "name"), 3),
    (("features", 0, "tests"), []),
    (("features", 0, "tests", 0, "p"), 1.5),
    (("features", 0, "tests", 0, "p"), "0.5"),
    (("features", 0, "tests", 0, "ndf"), 1.5),
    (("features", 0, "bins", 0, "observed"), None),
    (("features", 0, "bins", 0, "colour"), "red"),
    (("pairs", 0, "features"), ["a", "a"]),
    (("pairs", 0, "features"), ["a"]),
    (("pairs", 0, "cells"), "25"),
    (("pairs",), DELETE),
]


@pytest.mark.parametrize(("path", "value"), MUTATIONS)
def test_what_is_damaged_is_neither_valid_nor_read(validator, document, path, value):
    changed = copy.deepcopy(document)
    part = changed
    for key in path[:-1]:
        part = part[key]
    if value is DELETE:
        del part[path[-1]]
    else:
        part[path[-1]] = value
    assert not validator.is_valid(changed)
    with pytest.raises(ResultError, match=r"^here\.json: "):
        GoodnessOfFit.from_json(json.dumps(changed), "here.json")


def test_what_no_schema_sees_is_not_read_either(document):
    for change in (
        lambda d: d["pairs"].append(d["pairs"][0]),
        lambda d: d["features"].append(d["features"][0]),
        lambda d: d["pairs"][0].update(features=["a", "nobody"]),
    ):
        changed = copy.deepcopy(document)
        change(changed)
        with pytest.raises(ResultError, match="damaged"):
            GoodnessOfFit.from_json(json.dumps(changed))


@pytest.mark.parametrize("text", ["", "[", "[]", "{}", "nan", "1", '{"125.0": {"obs": [1]}}'])
def test_what_is_no_goodness_of_fit_is_told(text, tmp_path):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ResultError, match=r"x\.json: no (JSON|goodness)"):
        GoodnessOfFit.load(tmp_path / "x.json")
    with pytest.raises(ResultError, match="no such file"):
        GoodnessOfFit.load(tmp_path / "y.json")


def test_a_name_that_was_not_tested_suggests_another(fit):
    with pytest.raises(OptionError, match="did you mean 'jets'"):
        fit.feature("jet")
