"""Arrays and data frames in memory."""

from __future__ import annotations

import numpy as np
import pytest

from onnxtaylor.data import ArraySource
from onnxtaylor.errors import DataError, OptionError

X = np.arange(12.0).reshape(4, 3)


def says(call, *words):
    with pytest.raises(DataError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message


def read(source, size=3):
    return list(source.batches(size))


@pytest.mark.parametrize("size", [1, 3, 4, 9])
def test_batches_cover_the_events_in_order(size, whole):
    source = ArraySource(X, weights=[1, 2, -3, 4], labels=["s", "b", "s", "b"])
    batch = whole(source, size)
    np.testing.assert_array_equal(batch.x, X)
    assert batch.weights.tolist() == [1, 2, -3, 4]
    assert batch.labels.tolist() == ["s", "b", "s", "b"]
    assert batch.numbers.tolist() == [0, 1, 2, 3]
    assert [len(b) for b in source.batches(size)][:-1] == [size] * (-(-4 // size) - 1)


def test_weights_are_one_and_labels_none_by_default():
    source = ArraySource(X)
    (batch,) = source.batches(9)
    assert batch.weights.tolist() == [1, 1, 1, 1]
    assert batch.labels is None
    assert source.feature_names is None
    assert source.origins == ("array",)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, ">f8", np.int8, np.uint64, bool])
@pytest.mark.parametrize("order", ["C", "F"])
def test_any_numbers_become_fresh_float64_rows(dtype, order):
    x = np.array([[0, 1], [1, 0]], dtype, order=order)
    (batch,) = ArraySource(x).batches(9)
    np.testing.assert_array_equal(batch.x, [[0, 1], [1, 0]])
    assert batch.x.dtype == np.float64
    assert batch.x.flags.c_contiguous
    batch.x[:] = 7
    np.testing.assert_array_equal(x, [[0, 1], [1, 0]])


def test_the_array_is_kept_as_it_is():
    x = np.zeros((3, 2), np.float32)
    source = ArraySource(x)
    x[1, 1] = 5
    (batch,) = source.batches(3)
    assert batch.x[1, 1] == 5


def test_a_memory_map_is_read_by_slices(tmp_path):
    np.save(tmp_path / "x.npy", X)
    source = ArraySource(np.load(tmp_path / "x.npy", mmap_mode="r"))
    first, _ = source.batches(3)
    assert type(first.x) is np.ndarray
    assert first.x.flags.writeable


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([0, 1, 1, 0], ["0", "1", "1", "0"]),
        ([0.0, 1.0, 2.5, 1e6], ["0", "1", "2.5", "1000000"]),
        ([True, False, True, True], ["True", "False", "True", "True"]),
        (np.array(["s", 1, 2.0, "b"], object), ["s", "1", "2", "b"]),
        (np.array([b"s", b"b", b"s", b"b"]), ["s", "b", "s", "b"]),
        (["1.0", "a", "b", "c"], ["1.0", "a", "b", "c"]),
    ],
)
def test_labels_become_text(labels, expected):
    (batch,) = ArraySource(X, labels=labels).batches(9)
    assert batch.labels.dtype.kind == "U"
    assert batch.labels.tolist() == expected


@pytest.mark.parametrize(
    "labels", [[0, 1, np.nan, 1], ["a", "b", "", "c"], np.array(["a", "b", None, "c"], object)]
)
def test_a_missing_label_is_named(labels):
    says(lambda: ArraySource(X, labels=labels), "labels[2] is NaN or empty")


@pytest.mark.parametrize("labels", [np.zeros(4, "M8[s]"), np.array([[], {}, 1, 2], object)])
def test_labels_are_text_or_numbers(labels):
    says(lambda: ArraySource(X, labels=labels), "labels holds", "text or numbers")


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.zeros(5), ["(5,)", "(events, features)", "(N, 1)"]),
        (np.zeros((2, 2, 2)), ["(2, 2, 2)"]),
        (3.0, ["()"]),
        (np.zeros((4, 0)), ["(4, 0)", "no feature"]),
        ([["a", "b"]], ["x must hold numbers, got text"]),
        (np.zeros((2, 2), object), ["Python objects"]),
        ([[1, None]], ["Python objects"]),
        (np.zeros((2, 2), complex), ["complex"]),
        ([[1, 2], [3]], ["x cannot be converted to an array"]),
    ],
)
def test_what_is_no_table_of_numbers(x, words):
    says(lambda: ArraySource(x), *words)


@pytest.mark.parametrize("what", ["weights", "labels"])
@pytest.mark.parametrize("values", [np.ones(3), np.ones((4, 1)), 1.0])
def test_columns_fit_the_events(what, values):
    says(lambda: ArraySource(X, **{what: values}), what, "4 events")


@pytest.mark.parametrize("weights", [["a"] * 4, np.ones(4, object)])
def test_weights_are_numbers(weights):
    says(lambda: ArraySource(X, weights=weights), "weights must hold numbers, got")


def test_names_are_as_many_as_columns_and_distinct():
    says(
        lambda: ArraySource(X, feature_names=["a", "b"]),
        "one name for each of the 3 columns of x, got 2",
    )
    says(lambda: ArraySource(X, feature_names=["a", "b", "a"]), "'a' is named twice")


@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "+inf"), (-np.inf, "-inf")])
def test_what_is_not_finite_is_named_by_its_place(value, word):
    x = X.copy()
    x[3, 1] = x[3, 2] = value
    says(lambda: read(ArraySource(x)), "x[3, 1] is", word)
    says(lambda: read(ArraySource(x, feature_names="pqr")), "x[3, 1] (feature 'q')")
    weights = np.array([1, 1, 1, value])
    says(lambda: read(ArraySource(X, weights=weights)), "weights[3] is", word)


def test_nan_passes_where_it_means_missing():
    x = X.copy()
    x[0, 0] = np.nan
    (batch,) = ArraySource(x, missing=float("nan")).batches(9)
    np.testing.assert_array_equal(batch.x, x)
    says(lambda: read(ArraySource(x, missing=-999.0)), "x[0, 0]")


def test_masked_entries_are_nan():
    x = np.ma.masked_array(X.astype(int), mask=X == 4)
    says(lambda: read(ArraySource(x)), "x[1, 1] is NaN")


def test_a_batch_has_one_event_at_least():
    with pytest.raises(OptionError, match="batch_size must be at least 1, got 0"):
        ArraySource(X).batches(0)


# --- data frames ---------------------------------------------------------------------------------


@pytest.fixture
def pandas():
    return pytest.importorskip("pandas", reason="pandas is not installed")


def test_a_frame_names_its_columns(pandas):
    frame = pandas.DataFrame({"pt": [1.5, 2.5], "n": [3, 4], "tag": [True, False]})
    source = ArraySource(frame, weights=frame["pt"], labels=pandas.Series(["s", "b"]))
    (batch,) = source.batches(9)
    assert source.feature_names == ("pt", "n", "tag")
    np.testing.assert_array_equal(batch.x, [[1.5, 3, 1], [2.5, 4, 0]])
    assert batch.weights.tolist() == [1.5, 2.5]
    assert batch.labels.tolist() == ["s", "b"]
    assert ArraySource(frame, feature_names="abc").feature_names == ("a", "b", "c")


def test_nullable_columns_of_a_frame(pandas):
    frame = pandas.DataFrame(
        {"a": pandas.array([1, None], "Int64"), "b": pandas.array([True, False], "boolean")}
    )
    (batch,) = ArraySource(frame, missing=float("nan")).batches(9)
    np.testing.assert_array_equal(batch.x, [[1, 1], [np.nan, 0]])
    says(lambda: read(ArraySource(frame)), "x[1, 0] (feature 'a') is NaN")
    says(lambda: read(ArraySource(X[:2], weights=frame["a"])), "weights[1]")
    says(lambda: ArraySource(X[:2], labels=frame["a"]), "labels[1] is NaN or empty")


def test_text_in_a_frame_names_the_column(pandas):
    frame = pandas.DataFrame({"a": [1, 2], "set": ["1", "2"]})
    says(lambda: ArraySource(frame), "'set'", "not numbers")


def test_a_frame_with_a_name_twice(pandas):
    frame = pandas.DataFrame(np.ones((2, 2)), columns=["a", "a"])
    says(lambda: ArraySource(frame), "'a' is named twice")


def test_missing_labels_of_a_frame(pandas):
    for kind in ("object", "string", "category"):
        labels = pandas.Series(["s", None], dtype=kind)
        says(lambda labels=labels: ArraySource(X[:2], labels=labels), "labels[1]")
