"""Columns of data frames: pandas, polars and pyarrow name features, label and weight alike."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import onnxtaylor as ot
from onnxtaylor.data import ArraySource, ColumnRequest, column_names, in_memory
from onnxtaylor.errors import DataError, OnnxTaylorError, OptionError
from onnxtaylor.tracking import LearningProgress
from tests.engine.nets import Net

EVENTS = 60
RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(EVENTS, 3)).astype(np.float32)
CLASSES = np.where(X[:, 0] > 0, "signal", "background")
W = RANDOM.uniform(0.5, 2.0, EVENTS)
MODEL = Net("tanh", sizes=(3, 6, 2)).model()
COLUMNS = {"b": X[:, 1], "cls": CLASSES, "a": X[:, 0], "w": W, "c": X[:, 2]}
OFF = {"check": 0, "bootstrap": 0, "order": 1}


def of_pandas(columns):
    return pytest.importorskip("pandas").DataFrame(columns)


def of_polars(columns):
    return pytest.importorskip("polars").DataFrame(columns)


@pytest.fixture(params=[of_pandas, of_polars, pa.table], ids=["pandas", "polars", "pyarrow"])
def frame_of(request):
    return request.param


def named_model(names):
    model = type(MODEL)()
    model.CopyFrom(MODEL)
    model.metadata_props.add(key="feature_names", value=",".join(names))
    return model


def assert_same(found, expected):
    assert found.features == expected.features
    assert found.groups == expected.groups
    np.testing.assert_array_equal(found.score, expected.score)
    np.testing.assert_array_equal(found.sem, expected.sem)
    assert found.data.sum_weight == expected.data.sum_weight


def test_names_of_columns_are_those_of_arrays(frame_of):
    expected = ot.analyze(
        MODEL, X[:, [1, 0, 2]], feature_names=["b", "a", "c"], weights=W, labels=CLASSES, **OFF
    )
    assert expected.groups == ("all", "background", "signal")
    assert_same(ot.analyze(MODEL, frame_of(COLUMNS), weights="w", labels="cls", **OFF), expected)


def test_a_column_and_an_array_side_by_side(frame_of):
    frame = frame_of({name: COLUMNS[name] for name in ("a", "b", "c", "w")})
    expected = ot.analyze(MODEL, X, feature_names="abc", weights=W, labels=CLASSES, **OFF)
    assert_same(ot.analyze(MODEL, frame, weights="w", labels=CLASSES, **OFF), expected)


@pytest.mark.parametrize("option", ["weights", "labels"])
def test_a_series_must_have_the_index_of_its_frame(option):
    """Pandas itself would match them by index, silently: by position it would be another result."""
    pandas = pytest.importorskip("pandas")
    values = {"weights": W, "labels": CLASSES}[option]
    frame = pandas.DataFrame(X, columns=list("abc"), index=np.arange(EVENTS) + 5)
    expected = ot.analyze(MODEL, X, feature_names="abc", **{option: values}, **OFF)
    series = pandas.Series(values, index=frame.index)
    shuffled = series.sample(frac=1, random_state=1)
    for same in (series, shuffled.loc[frame.index], shuffled.sort_index().to_numpy(), list(values)):
        assert_same(ot.analyze(MODEL, frame, **{option: same}, **OFF), expected)
    for other in (shuffled, pandas.Series(values), series.iloc[::-1]):
        with pytest.raises(OptionError) as caught:
            ot.analyze(MODEL, frame, **{option: other}, **OFF)
        assert caught.value.option == option
        assert f"{option}=series.loc[frame.index]" in str(caught.value)
        assert f"{option}=series.to_numpy()" in str(caught.value)
    with pytest.raises(DataError, match="60"):
        ot.analyze(MODEL, frame, **{option: series.iloc[:-1]}, **OFF)
    assert_same(
        ot.analyze(MODEL, X, feature_names="abc", **{option: shuffled.sort_index()}, **OFF),
        expected,
    )


def test_a_list_of_classes_is_not_taken_for_names(frame_of):
    frame = frame_of({name: COLUMNS[name] for name in ("a", "b", "c")})
    expected = ot.analyze(MODEL, X, feature_names="abc", labels=CLASSES, **OFF)
    assert_same(ot.analyze(MODEL, frame, labels=CLASSES.tolist(), **OFF), expected)


def test_features_are_taken_by_name_in_the_order_named(frame_of):
    found = ot.analyze(MODEL, frame_of(COLUMNS), feature_names=["a", "b", "c"], **OFF)
    assert_same(found, ot.analyze(MODEL, X, feature_names=["a", "b", "c"], **OFF))


def test_the_models_own_names_find_its_columns(frame_of):
    model = named_model(["a", "b", "c"])
    found = ot.analyze(model, frame_of(COLUMNS), **OFF)
    assert_same(found, ot.analyze(model, X, feature_names=["a", "b", "c"], **OFF))


def test_names_that_are_no_columns_rename_what_is_left(frame_of):
    frame = frame_of(COLUMNS)
    found = ot.analyze(MODEL, frame, feature_names="xyz", labels="cls", weights="w", **OFF)
    assert found.features == ("x", "y", "z")
    np.testing.assert_array_equal(
        found.score,
        ot.analyze(MODEL, X[:, [1, 0, 2]], weights=W, labels=CLASSES, **OFF).score,
    )


def test_columns_that_are_excluded_are_no_features(frame_of):
    found = ot.analyze(MODEL, frame_of(COLUMNS), exclude=["cls", "w"], **OFF)
    assert_same(found, ot.analyze(MODEL, X[:, [1, 0, 2]], feature_names=["b", "a", "c"], **OFF))


def test_every_call_that_takes_events_takes_columns(frame_of):
    frame = frame_of(COLUMNS)
    check = ot.cross_check(MODEL, frame, 8, feature_names=["a", "b", "c"])
    assert check.features == ("a", "b", "c")
    moved = ot.compare_models(MODEL, MODEL, frame, labels="cls", weights="w", bootstrap=0)
    assert {row["group"] for row in moved.rows()} == {"all", "background", "signal"}
    followed = LearningProgress(frame, labels="cls", weights="w", sample=None, order=1)
    np.testing.assert_array_equal(followed.some_events(5), X[:5, [1, 0, 2]])
    followed.record(0, MODEL)
    assert followed.result().data.features[1].name == "a"
    assert [group.name for group in followed.result().data.groups] == [
        "all",
        "background",
        "signal",
    ]


def test_missing_values_of_every_type(frame_of):
    frame = frame_of({"a": [1.5, None], "n": [None, 3], "tag": [True, False]})
    source = in_memory(frame, ColumnRequest(None, missing=float("nan")))
    (batch,) = source.batches(9)
    np.testing.assert_array_equal(batch.x, [[1.5, np.nan, 1.0], [np.nan, 3.0, 0.0]])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"labels": "clss"}, "has no column 'clss': did you mean 'cls'?"),
        ({"weights": "weight"}, "has no column 'weight': it has b, cls, a, w, c"),
        ({"exclude": ["Cls"]}, "has no column 'Cls': did you mean 'cls'?"),
        ({"feature_names": ["a", "b", "d"]}, "has no column 'd': it has b, cls, a, w, c"),
        ({"labels": "w", "weights": "w"}, "column 'w' is both the label and the weight"),
        (
            {"labels": "cls"},
            "has 4 columns left for features, but the model has 3 inputs: name the features with"
            ' feature_names=…, or leave columns out: exclude=["NAME"], or labels=…,'
            " weights=…; columns left: b, a, w, c",
        ),
        ({"feature_names": ["a", "b", "cls"]}, "'cls'"),
        ({"exclude": ["a", "w"], "labels": None}, "'cls'"),
    ],
)
def test_wrong_names_are_told_in_one_line(frame_of, options, said):
    with pytest.raises(OnnxTaylorError) as caught:
        ot.analyze(MODEL, frame_of(COLUMNS), **options, **OFF)
    message = str(caught.value)
    assert said in message
    assert "\n" not in message
    assert "--" not in message


def test_a_name_that_occurs_twice(monkeypatch):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(np.ones((2, 3)), columns=["a", "a", "b"])
    with pytest.raises(DataError, match=r"2 columns are named 'a' \(columns 1, 2\): rename them"):
        in_memory(frame, ColumnRequest(None))
    (batch,) = in_memory(frame, ColumnRequest(None, features=("b",))).batches(9)
    assert batch.x.shape == (2, 1)


def test_a_pandas_frame_that_is_used_whole_is_not_copied():
    pandas = pytest.importorskip("pandas")
    rows = np.ones((4, 2))
    source = in_memory(pandas.DataFrame(rows, columns=["a", "b"], copy=False), ColumnRequest(None))
    rows[0, 0] = 5.0
    assert next(iter(source.batches(9))).x[0, 0] == 5.0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"labels": "cls"}, "labels names the column 'cls', but x is an array"),
        ({"weights": "w"}, "weights names the column 'w', but x is an array"),
        ({"exclude": ["a"]}, "exclude names the column 'a', but x is an array"),
    ],
)
def test_an_array_has_no_columns(options, said):
    assert column_names(X) is None
    with pytest.raises(OptionError, match=said):
        ot.analyze(MODEL, X, **options, **OFF)


@pytest.mark.parametrize(
    "options",
    [{"labels": "cls"}, {"weights": W}, {"feature_names": ["a", "b", "c"]}, {"exclude": ["a"]}],
)
def test_what_a_source_of_events_has_already_is_refused(options):
    (name,) = options
    with pytest.raises(OptionError, match=f"{name} must be left out where the events are a source"):
        ot.analyze(MODEL, ArraySource(X), **options, **OFF)


def test_arrays_beside_files_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(OptionError, match="labels is an array, but the events are in files"):
        ot.analyze(MODEL, tmp_path / "x.npy", labels=CLASSES, **OFF)
