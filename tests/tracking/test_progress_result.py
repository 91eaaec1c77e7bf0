"""What was tracked: rows, saved and loaded, and the JSON Schema."""

from __future__ import annotations

import copy
import csv
import json
from importlib.resources import files

import jsonschema
import numpy as np
import pytest

import onnxtaylor as ot
from onnxtaylor.errors import OptionError, ResultError
from onnxtaylor.tracking import LearningProgress
from tests.tracking.networks import checkpoint

X = np.random.default_rng(5).normal(size=(60, 3))


@pytest.fixture(scope="module")
def result():
    progress = LearningProgress(
        X, feature_names=["a", "b\n<script>", "c"], labels=np.arange(60) % 2, sample=None
    )
    for step in (0, 0.5, 3):
        progress.record(step, checkpoint(int(2 * step)), name=f"at {step}")
    return progress.result()


@pytest.fixture(scope="module")
def validator():
    source = files("onnxtaylor") / "schemas" / "progress-1.json"
    schema = json.loads(source.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_saved_and_loaded(result, tmp_path):
    result.save(tmp_path / "p.json")
    loaded = ot.ProgressResult.load(tmp_path / "p.json")
    for name in ("outputs", "data", "options", "steps", "version", "features", "groups", "labels"):
        assert getattr(loaded, name) == getattr(result, name), name
    for name in ("score", "sem", "signed_mean", "numbers"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(result, name))
    assert loaded.to_json() == result.to_json()


def test_rows_are_tidy(result):
    rows = list(result.rows())
    assert len(rows) == 3 * 2 * 3 * 9
    row = rows[-1]
    assert row["step"] == 3
    assert (row["output"], row["group"]) == ("h2[1]", "1")
    assert (row["order"], row["features"]) == (2, ["c", "c"])
    assert row["score"] == result.score[-1, -1, -1, -1]
    table = result.to_arrow()
    assert table.num_rows == len(rows)
    assert table["sem"].to_pylist() == [r["sem"] for r in rows]
    assert result.to_pandas().shape == (len(rows), 9)


def test_csv(result, tmp_path):
    result.write_csv(tmp_path / "p.csv")
    with (tmp_path / "p.csv").open(encoding="utf-8", newline="") as stream:
        read = list(csv.DictReader(stream))
    for found, row in zip(read, result.rows(), strict=True):
        assert json.loads(found["features"]) == row["features"]
        assert float(found["score"]) == row["score"]


def test_curves_and_top(result):
    np.testing.assert_array_equal(result.curve("c"), result.score[:, 0, 0, 2])
    pair = result.curve(("c", "a"), output="h2[1]", group="0")
    np.testing.assert_array_equal(pair, result.score[:, 1, 1, 5])
    best = result.top(4)
    assert [r["score"] for r in best] == sorted(result.score[-1, 0, 0], reverse=True)[:4]
    assert all(r["step"] == 3 for r in best)
    for call, message in (
        (lambda: result.curve("d"), "no feature is called 'd'"),
        (lambda: result.curve(("a", "a", "a")), "was not tracked"),
        (lambda: result.curve("a", output="z"), "no output 'z'"),
        (lambda: result.curve("a", group="2"), "no group '2'"),
        (lambda: result.top(0), "rows must be at least 1, got 0"),
    ):
        with pytest.raises(OptionError, match=message):
            call()


def test_the_schema(validator, result):
    assert validator.schema["$id"] == "onnxtaylor.progress/1"
    validator.validate(json.loads(result.to_json()))
    parts = [*validator.schema["$defs"].values(), validator.schema]
    assert all(p["additionalProperties"] is False for p in parts if p.get("type") == "object")


DELETE = object()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), "onnxtaylor.result/1"),
        (("more",), 1),
        (("outputs",), []),
        (("data", "groups"), []),
        (("data", "features", 0, "kinks"), 0.5),
        (("options", "link"), "probit"),
        (("options", "sample"), 0),
        (("steps",), []),
        (("steps", 0, "step"), "0"),
        (("steps", 0, "how"), "guessed"),
        (("steps", 0, "sha256"), "abc"),
        (("steps", 0, "note"), DELETE),
        (("coefficients",), []),
        (("coefficients", 0, "step"), None),
        (("coefficients", 0, "sem"), -1),
        (("coefficients", 0, "features"), []),
        (("coefficients", 0, "rank"), 1),
    ],
)
def test_mutations_are_not_valid(validator, result, path, value):
    changed = copy.deepcopy(json.loads(result.to_json()))
    part = changed
    for key in path[:-1]:
        part = part[key]
    if value is DELETE:
        del part[path[-1]]
    else:
        part[path[-1]] = value
    assert not validator.is_valid(changed)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d["coefficients"].pop(),
        lambda d: d["coefficients"].reverse(),
        lambda d: d["coefficients"][4].update(step=9),
        lambda d: d["steps"].pop(),
        lambda d: d["steps"][1].update(step=0),
        lambda d: d["steps"][1].update(how="guessed"),
        lambda d: d["steps"][0].update(step=None),
        lambda d: d["steps"][1].update(step="0.5"),
        lambda d: d["steps"][1].update(step=True),
        lambda d: d["steps"][1].update(name=3),
        lambda d: [row.update(step=None) for row in [d["steps"][0], *d["coefficients"][:54]]],
        lambda d: d["coefficients"][0].update(score=None),
        lambda d: d["coefficients"][0].update(sem=None),
        lambda d: d["coefficients"][-1].update(signed_mean="much"),
        lambda d: d["data"].update(events="many"),
        lambda d: d.update(version=None),
        lambda d: d["data"]["features"].pop(),
        lambda d: d["data"].pop("groups"),
        lambda d: d.pop("options"),
        lambda d: d["outputs"].append("more"),
    ],
)
def test_damaged_files_are_refused_in_one_line(result, tmp_path, spoil):
    document = json.loads(result.to_json())
    spoil(document)
    (tmp_path / "bad.json").write_text(json.dumps(document))
    with pytest.raises(ResultError, match=r"bad\.json: the progress is damaged") as caught:
        ot.ProgressResult.load(tmp_path / "bad.json")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("word", ["NaN", "Infinity", "1e999"])
def test_steps_and_scores_are_finite(result, word):
    text = result.to_json()
    score = repr(next(result.rows())["score"])
    for spoilt in (
        text.replace('"step": 0.5', f'"step": {word}'),
        text.replace(f'"score": {score}', f'"score": {word}'),
    ):
        assert word in spoilt
        with pytest.raises(ResultError, match=r"^p: (no JSON document|the progress is damaged)"):
            ot.ProgressResult.from_json(spoilt, "p")


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"schema": "onnxtaylor.result/1"}', "\x00"])
def test_other_files_are_refused(tmp_path, text):
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(ResultError, match=r"other\.json: no "):
        ot.ProgressResult.load(tmp_path / "other.json")
    with pytest.raises(ResultError, match="no such file"):
        ot.ProgressResult.load(tmp_path / "none.json")
