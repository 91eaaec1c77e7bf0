"""Every format gives the same events, however they are cut into files and batches."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from onnxtaylor.data import ArraySource, ColumnRequest, open_source
from onnxtaylor.errors import OptionError

FEATURES = ("f0", "f1", "f2", "count", "flag")


def reference(events, label="kind"):
    x = np.stack([np.asarray(events[name], float) for name in FEATURES], axis=1)
    return ArraySource(x, weights=events["w"], labels=events[label])


def test_every_format_equals_the_arrays(events, write, ending, request_all, whole, same):
    source = open_source([write(ending, events)], request=request_all)
    assert source.feature_names == FEATURES
    same(whole(source), whole(reference(events)))


def test_whole_numbers_name_the_same_classes_everywhere(events, write, ending, whole):
    request = ColumnRequest(5, label="class", weight="w", exclude=("kind",))
    batch = whole(open_source([write(ending, events)], request=request))
    assert set(batch.labels) == {"0", "1", "2"}
    assert batch.labels.tolist() == [str(int(v)) for v in events["class"]]


def test_a_source_can_be_read_twice(events, write, ending, request_all, whole, same):
    source = open_source([write(ending, events)], request=request_all)
    same(whole(source, 10), whole(source, 1000))


def test_batches_are_fresh_float64_rows(events, write, ending, request_all):
    source = open_source([write(ending, events)], request=request_all)
    batch = next(source.batches(8))
    assert batch.x.dtype == batch.weights.dtype == np.float64
    assert batch.numbers.dtype == np.int64
    assert batch.labels.dtype.kind == "U"
    assert batch.x.flags.c_contiguous
    assert batch.x.flags.writeable
    assert batch.weights.flags.writeable
    first = batch.x.copy()
    batch.x[:] = 0
    np.testing.assert_array_equal(next(source.batches(8)).x, first)


@pytest.mark.parametrize("size", [1, 7, 250, 1000, 4000])
def test_batches_have_the_size_asked_for_across_files(events, write, request_all, size, same):
    cuts = [0, 1, 130, 130, 555, 1000]
    paths = []
    for k, (start, stop) in enumerate(pairwise(cuts)):
        part = {name: values[start:stop] for name, values in events.items()}
        kind = ["csv", "parquet", "feather", "csv.gz", "npy"][k]
        paths.append(write(kind, part, f"part{k}"))
    sizes, position = [], 0
    whole = next(reference(events).batches(1000))
    for batch in open_source(paths, request=request_all).batches(size):
        sizes.append(len(batch))
        part = slice(position, position + len(batch))
        np.testing.assert_array_equal(batch.x, whole.x[part])
        np.testing.assert_array_equal(batch.numbers, np.arange(1000)[part])
        assert batch.labels.tolist() == whole.labels[part].tolist()
        position += len(batch)
    assert position == 1000
    assert all(s == size for s in sizes[:-1])


def test_columns_are_found_by_name_in_each_file(events, write, request_all, whole, same):
    backwards = dict(reversed(events.items()))
    source = open_source(
        [write("csv", events, "a"), write("parquet", backwards, "b")], request=request_all
    )
    batch = whole(source)
    np.testing.assert_array_equal(batch.x[:1000], batch.x[1000:])
    np.testing.assert_array_equal(batch.numbers, np.arange(2000))


def test_features_come_in_the_order_named(events, write, ending, whole):
    request = ColumnRequest(2, features=("count", "f1"))
    source = open_source([write(ending, events)], request=request)
    batch = whole(source)
    np.testing.assert_array_equal(batch.x, np.stack([events["count"], events["f1"]], axis=1))
    assert source.feature_names == ("count", "f1")
    assert batch.labels is None
    assert (batch.weights == 1).all()


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_has_one_event_at_least(events, write, request_all, size):
    source = open_source([write("csv", events)], request=request_all)
    with pytest.raises(OptionError, match="batch_size must be at least 1"):
        source.batches(size)


HOSTILE = {
    "a, b": 1.0,
    'say "x"': 2.0,
    "two\nlines": 3.0,
    "mass\u2032 [GeV]": 4.0,
    "a.b": 5.0,
    "a": 6.0,
    " lead": 7.0,
    "tab\there": 8.0,
    "": 9.0,
    "-1": 10.0,
    "<b>": 11.0,
    "'; --": 12.0,
}


@pytest.mark.parametrize(
    "kind", ["csv", "csv.gz", "tsv", "txt", "parquet", "feather", "ipc", "npz"]
)
def test_hostile_names_work(write, kind, whole):
    columns = {name: np.array([value, -value]) for name, value in HOSTILE.items()}
    if kind == "npz":
        columns.pop("")
    path = write(kind, columns)
    names = tuple(reversed(columns))
    source = open_source([path], request=ColumnRequest(len(names), features=names))
    expected = [HOSTILE[name] for name in names]
    np.testing.assert_array_equal(whole(source).x, [expected, [-v for v in expected]])
    counted = open_source([path], request=ColumnRequest(len(columns) - 1, exclude=("two\nlines",)))
    assert "two\nlines" not in counted.feature_names
    assert whole(counted).x.shape == (2, len(columns) - 1)


def test_columns_of_like_prefix_are_not_mixed_up_in_parquet(write, whole):
    path = write("parquet", {"a.b": np.array([1.0]), "a": np.array([2.0]), "b": np.array([3.0])})
    source = open_source([path], request=ColumnRequest(1, features=("a",)))
    assert whole(source).x.tolist() == [[2.0]]
