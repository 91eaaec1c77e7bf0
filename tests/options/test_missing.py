"""Values of missing entries, one for all features or by feature."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import onnxtaylor as ot
from onnxtaylor.data import is_missing
from onnxtaylor.errors import OptionError
from onnxtaylor.options import DataOptions
from onnxtaylor.options.missing import missing_of, missing_values
from onnxtaylor.run.divided.merge import merge_parts
from onnxtaylor.run.divided.part import analyze_part
from onnxtaylor.run.divided.surveys import survey_data

NAMES = ["pt", "eta", "jet[0]", "jet[1]"]
MODEL = """
    <ir_version: 8, opset_import: ["": 17]>
    net (float[N, 4] x) => (float[N, 1] y)
    <float[4, 1] w = {0.8, -0.5, 0.3, 0.2}, float zero = {0.0}> {
        bad = IsNaN (x)
        clean = Where (bad, zero, x)
        s = MatMul (clean, w)
        y = Tanh (s)
    }
"""


@pytest.fixture
def events():
    x = np.random.default_rng(2).normal(size=(200, 4)).astype(np.float32)
    x[:50, 0] = -999.1
    x[50:90, 2] = -1.0
    x[:20, 1] = -1.0  # true values
    return x


def analyze(x, missing):
    model = onnx.parser.parse_model(MODEL)
    return ot.analyze(model, x, feature_names=NAMES, missing=missing, bootstrap=0, check=0)


def test_each_feature_has_its_own_value(events):
    result = analyze(events, {"pt": -999.1, "jet*": -1})
    assert [f.missing for f in result.data.features] == [50, 0, 40, 0]
    assert result.data.features[0].mean == pytest.approx(events[50:, 0].mean(), rel=1e-6)
    assert result.data.features[2].std == pytest.approx(
        events[np.r_[:50, 90:200], 2].std(), rel=1e-6
    )
    alone = analyze(events, -1)
    assert [f.missing for f in alone.data.features] == [0, 20, 40, 0]


def test_a_value_for_all_others(events):
    result = analyze(events, {"pt": -999.1, "*": -1})
    assert [f.missing for f in result.data.features] == [50, 20, 40, 0]
    again = ot.TaylorResult.from_json(result.to_json())
    assert again.options["missing"] == {"pt": -999.1, "*": -1.0}


def test_nan_stands_for_all_others_only(events):
    events[:10, 3] = np.nan
    result = analyze(events, {"pt": -999.1, "*": float("nan")})
    assert [f.missing for f in result.data.features] == [50, 0, 0, 10]
    with pytest.raises(OptionError, match="missing of 'pt' must not be NaN"):
        DataOptions(missing={"pt": float("nan")})


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ({"ptt": -999}, "missing names no feature 'ptt': did you mean 'pt'"),
        ({}, "names no feature: write a number, or NAME=NUMBER"),
        ({"pt": "a"}, "must be a number, or a number for each NAME, got a for 'pt'"),
    ],
)
def test_slips_are_told_in_one_line(events, missing, words):
    with pytest.raises(OptionError) as error:
        analyze(events, missing)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_data_without_names_have_one_value():
    with pytest.raises(OptionError, match="the data have no names"):
        missing_values({"pt": -1.0}, None)
    assert missing_values({"*": -1.0}, None).shape == (0,)


def test_masks_are_those_of_single_columns():
    x = np.array([[-999.1, 0.0, 2.0], [1.0, np.nan, -999.1]], np.float32).astype(np.float64)
    each = missing_values({"a": -999.1, "*": float("nan")}, ["a", "b", "c", "context"])
    assert is_missing(x, each).tolist() == [[True, False, False], [False, True, False]]
    for i, name in enumerate("abc"):
        own = missing_of({"a": -999.1, "*": float("nan")}, name)
        assert (is_missing(x[:, i], own) == is_missing(x, each)[:, i]).all()


def test_shards_take_a_survey_with_the_same_values(events, tmp_path):
    onnx.save(onnx.parser.parse_model(MODEL), tmp_path / "net.onnx")
    how = {"feature_names": NAMES, "missing": {"pt": -999.1, "*": -1}}
    survey_data(tmp_path / "net.onnx", events, **how).save(tmp_path / "survey.npz")
    paths = [tmp_path / f"{k}.npz" for k in (1, 2)]
    for k, path in enumerate(paths, start=1):
        part = analyze_part(
            tmp_path / "net.onnx", events, survey=tmp_path / "survey.npz", shard=f"{k}/2", **how
        )
        part.save(path)
    merged = merge_parts(paths)
    whole = ot.analyze(tmp_path / "net.onnx", events, **how)
    np.testing.assert_allclose(merged.score, whole.score, rtol=1e-12)
    assert merged.data.features == whole.data.features
    assert merged.options["missing"] == {"pt": -999.1, "*": -1.0}
    other = how | {"missing": {"pt": -998.0, "*": -1}}
    with pytest.raises(OptionError, match="survey is of other"):
        analyze_part(tmp_path / "net.onnx", events, survey=tmp_path / "survey.npz", **other)
