"""Selections, products of weights and folds: the same events in every format."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from onnxtaylor.data import ArraySource, Beside, ChosenEvents, ColumnRequest, open_source
from onnxtaylor.data.frames import in_memory
from onnxtaylor.data.selection import sample_events
from onnxtaylor.errors import DataError, OptionError
from onnxtaylor.text.expression import parse_expression

FEATURES = ("f0", "f1", "f2", "count", "flag")


def asked(where=None, fold=None, factors=(), **fields) -> ColumnRequest:
    beside = Beside(
        factors,
        None if where is None else parse_expression(where, "where"),
        None if fold is None else parse_expression(fold, "fold"),
    )
    usual = {"label": "kind", "weight": "w", "exclude": ("class",)}
    return ColumnRequest(5, **{**usual, **fields}, beside=beside)


CASES = {
    "f0 > 0 && abs(f1) < 12.5": lambda e: (e["f0"] > 0) & (np.abs(e["f1"]) < 12.5),
    "flag": lambda e: e["flag"],
    "!flag || count >= 3": lambda e: ~e["flag"] | (e["count"] >= 3),
    "kind == 'tt bar' or kind == \"s\"": lambda e: np.isin(e["kind"], ["tt bar", "s"]),
    "(kind != 'b') & ~(count % 2 == 0)": lambda e: (e["kind"] != "b") & (e["count"] % 2 == 1),
    "sqrt(f0**2 + f1**2) > max(3, f2/100, -count)": lambda e: (
        np.hypot(e["f0"], e["f1"])
        > np.maximum.reduce([np.full(1000, 3.0), e["f2"] / 100, -1.0 * e["count"]])
    ),
    "`class` * 2 - 1 < exp(log(min(f0 + 100, 1e3)) * 0) + count // 2": lambda e: (
        e["class"] * 2 - 1 < 1 + e["count"] // 2
    ),
}


@pytest.mark.parametrize("where", list(CASES))
def test_selected_events_are_those_of_numpy(events, write, ending, whole, where):
    holds = CASES[where](events)
    assert 0 < holds.sum() < 1000
    batch = whole(open_source([write(ending, events)], request=asked(where)))
    x = np.stack([np.asarray(events[name], float) for name in FEATURES], axis=1)
    np.testing.assert_array_equal(batch.x, x[holds])
    np.testing.assert_array_equal(batch.weights, events["w"][holds])
    np.testing.assert_array_equal(batch.numbers, np.flatnonzero(holds))
    assert batch.labels.tolist() == events["kind"][holds].tolist()


def test_a_keyword_of_python_needs_backticks():
    with pytest.raises(OptionError, match="cannot be read at letter"):
        parse_expression("w > 0 and not class == 1", "where")


def test_numbers_go_on_over_files_whatever_is_selected(events, write, whole):
    paths = []
    for k, (start, stop) in enumerate([(0, 300), (300, 301), (301, 700), (700, 1000)]):
        part = {name: values[start:stop] for name, values in events.items()}
        paths.append(write(["csv", "npy", "parquet", "npz"][k], part, f"part{k}"))
    batch = whole(open_source(paths, request=asked("f0 > 1")))
    np.testing.assert_array_equal(batch.numbers, np.flatnonzero(events["f0"] > 1))
    for size in (1, 13, 999):
        part = whole(open_source(paths, request=asked("f0 > 1")), size)
        np.testing.assert_array_equal(part.numbers, batch.numbers)
        np.testing.assert_array_equal(part.x, batch.x)


def test_a_weight_is_a_product_of_columns(events, write, ending, whole):
    path = write(ending, events)
    expected = events["w"] * events["f0"] * events["count"]
    beside = Beside(("f0", "count"))
    named = ColumnRequest(3, features=("f1", "f2", "flag"), weight="w", beside=beside)
    named = whole(open_source([path], request=named))
    np.testing.assert_array_equal(named.weights, expected)
    text = ColumnRequest(3, features=("f1", "f2", "flag"), weight="w, f0,count")
    np.testing.assert_array_equal(whole(open_source([path], request=text)).weights, expected)


def test_a_column_with_a_comma_is_that_column(write, whole):
    columns = {"a": np.ones(3), "w,v": np.array([1.0, 2.0, 3.0])}
    request = ColumnRequest(1, weight="w,v")
    batch = whole(open_source([write("parquet", columns)], request=request))
    assert batch.weights.tolist() == [1.0, 2.0, 3.0]


def test_factors_are_no_features(events, write, whole):
    request = ColumnRequest(5, label="kind", weight="w,class")
    source = open_source([write("csv", events)], request=request)
    assert source.feature_names == FEATURES


def test_columns_of_a_selection_are_no_features_if_the_others_are_enough(events, write):
    request = asked("`class` > 0 && kind == 's'", label=None, exclude=())
    assert open_source([write("parquet", events)], request=request).feature_names == FEATURES


@pytest.mark.parametrize("fold", ["count % 2", "(count + 10) // 7", "flag", "class"])
def test_folds_are_whole_numbers(events, write, ending, whole, fold):
    fold = fold.replace("class", "`class`")
    batch = whole_with_folds(open_source([write(ending, events)], request=asked(fold=fold)))
    e = events
    wanted = {
        "count % 2": e["count"] % 2,
        "(count + 10) // 7": (e["count"] + 10) // 7,
        "flag": e["flag"].astype(int),
        "`class`": e["class"].astype(int),
    }
    np.testing.assert_array_equal(batch, wanted[fold])


def whole_with_folds(source):
    return np.concatenate([batch.folds for batch in source.batches(97)])


def test_large_whole_numbers_are_exact(tmp_path):
    numbers = np.array([2**62 + 1, 2**62 + 2, 2**53 + 1], np.int64)
    for kind in (np.int64, np.uint64):
        path = tmp_path / "events.parquet"
        pq.write_table(pa.table({"x": np.arange(3.0), "id": numbers.astype(kind)}), path)
        request = ColumnRequest(1, beside=Beside(fold=parse_expression("id % 2", "fold")))
        assert whole_with_folds(open_source([path], request=request)).tolist() == [1, 0, 1]
    path = tmp_path / "events.csv"
    path.write_text("x,id\n1.0,3\n2.0,9007199254740993\n")
    with pytest.raises(DataError, match=r"'id' in row 2 is 9007199254740992: whole numbers beyond"):
        whole_with_folds(open_source([path], request=request))


@pytest.mark.parametrize("kind", ["arrow", "pandas", "polars", "mapping"])
def test_data_in_memory_are_selected_like_files(events, whole, kind):
    table = pa.table({name: pa.array(values) for name, values in events.items()})
    data = {
        "arrow": table,
        "pandas": pd.DataFrame(dict(events)),
        "polars": pl.DataFrame(dict(events)),
        "mapping": dict(events),
    }[kind]
    request = asked("kind == 's' && f0 < 1", factors=("count",), weight="w", features=("f1", "f2"))
    request = ColumnRequest(2, features=("f1", "f2"), weight="w", beside=request.beside)
    batch = whole(in_memory(data, request))
    holds = (events["kind"] == "s") & (events["f0"] < 1)
    np.testing.assert_array_equal(batch.numbers, np.flatnonzero(holds))
    np.testing.assert_array_equal(batch.weights, (events["w"] * events["count"])[holds])


def test_weights_in_memory_belong_to_all_events(events, whole):
    frame = pd.DataFrame({name: events[name] for name in ("f0", "f1")})
    request = ColumnRequest(1, features=("f1",), beside=asked("f0 > 1").beside)
    batch = whole(in_memory(frame, request, weights=events["w"]))
    np.testing.assert_array_equal(batch.weights, events["w"][events["f0"] > 1])
    bad = np.where(np.arange(1000) == batch.numbers[3], np.nan, events["w"])
    with pytest.raises(DataError, match=rf"weights\[{batch.numbers[3]}\] is NaN"):
        whole(in_memory(frame, request, weights=bad))


def test_columns_of_an_array_are_those_of_the_features(whole):
    x = np.arange(12.0).reshape(6, 2)
    beside = asked("pt > 4", fold="pt % 4 / 2").beside
    source = in_memory(x, ColumnRequest(2, features=("pt", "eta"), beside=beside))
    batch = next(source.batches(10))
    assert batch.numbers.tolist() == [3, 4, 5]
    assert batch.folds.tolist() == [1, 0, 1]
    with pytest.raises(DataError, match=r"no column 'pt': name its columns with feature_names"):
        in_memory(x, ColumnRequest(2, beside=beside))
    with pytest.raises(DataError, match=r"no column 'pt': did you mean 'pt1'"):
        in_memory(x, ColumnRequest(2, features=("pt1", "eta"), beside=beside))


def test_a_sample_of_a_selection_is_drawn_among_the_selected(events, write, request_all):
    source = open_source([write("parquet", events)], request=asked("f0 > 0"))
    numbers = np.flatnonzero(events["f0"] > 0)
    for size in (7, 100, 1000):
        drawn = list(sample_events(source, len(numbers), 50, 3).batches(size))
        found = np.concatenate([batch.numbers for batch in drawn])
        assert len(set(found.tolist())) == 50
        assert set(found.tolist()) <= set(numbers.tolist())


def test_cells_of_other_events_may_be_bad(write, whole, tmp_path):
    path = tmp_path / "events.csv"
    path.write_text("x,w,ok\nnan,1,0\n2,nan,0\n3,3,1\ninf,1,0\n5,5,1\nnan,nan,0\n")
    request = ColumnRequest(1, weight="w", exclude=("ok",), beside=asked("ok == 1").beside)
    batch = whole(open_source([path], request=request))
    assert batch.x.tolist() == [[3.0], [5.0]]
    assert batch.weights.tolist() == [3.0, 5.0]
    path.write_text("x,w,ok\n1,1,0\n2,1,0\n3,3,1\ninf,1,0\nnan,5,1\n6,6,1\n")
    with pytest.raises(DataError, match=r"events.csv: column 'x' in row 5 is NaN or empty"):
        whole(open_source([path], request=request))


def test_missing_values_are_equal_to_nothing(tmp_path, whole):
    path = tmp_path / "events.parquet"
    columns = {
        "x": pa.array([0.0, 1.0, 2.0, 3.0]),
        "n": pa.array([1, None, 3, None]),
        "t": pa.array(["a", None, "b", "a"]),
        "b": pa.array([True, None, False, True]),
    }
    pq.write_table(pa.table(columns), path)
    for where, taken in {
        "n > 0": [0, 2],
        "n != 1": [1, 2, 3],
        "t == 'a'": [0, 3],
        "t != 'a'": [1, 2],
        "b == 1": [0, 3],
    }.items():
        request = ColumnRequest(1, features=("x",), beside=asked(where).beside)
        assert whole(open_source([path], request=request)).numbers.tolist() == taken, where


def test_lists_of_selected_events_tell_the_sizes(tmp_path):
    path = tmp_path / "events.parquet"
    lists = pa.array([[1.0], [1.0, 2.0, 3.0], [4.0, 5.0], [6.0]])
    pq.write_table(pa.table({"pf": lists, "ok": [1, 0, 1, 1]}), path)
    from onnxtaylor.data import InputRequest

    beside = asked("ok == 1").beside
    request = ColumnRequest(None, inputs=(InputRequest("pf", ("n",)),), beside=beside)
    source = open_source([path], request=request)
    assert source.sizes == {"pf": (2,)}
    batch = next(source.batches(10))
    assert batch.x.tolist() == [[1.0, 0.0, 1.0], [4.0, 5.0, 2.0], [6.0, 0.0, 1.0]]
    assert batch.numbers.tolist() == [0, 2, 3]


@pytest.mark.parametrize(
    ("request_of", "words"),
    [
        (asked("f00 > 1"), ("events.parquet has no column 'f00'", "did you mean 'f0'")),
        (asked("f0 > 1e9"), ("where holds at none of the 1000 events: f0 > 1e9",)),
        (asked("f0 + 1"), ("where 'f0 + 1' has no truth value", "compare it, such as f0 + 1 > 0")),
        (asked("count && f0 > 1"), ("where has 'count', which has no truth value",)),
        (asked("kind > 1"), ("column 'kind' holds text", "takes it as numbers")),
        (asked("`class` == 'a'"), ("column 'class' holds", "compares it with a text")),
        (asked("kind == 's' && kind > 3"), ("'kind'", "holds texts")),
        (asked(fold="f0 * 2"), ("events.parquet: row 1: 'f0 * 2' is", "which is no whole number")),
        (asked(factors=("kind",)), ("'kind'", "takes it as numbers")),
        (asked("f0 > 1 / 0"), ("where cannot compute '1 / 0': division by zero",)),
    ],
)
def test_faults_are_one_line(events, write, holds, request_of, words):
    path = write("parquet", events)
    with pytest.raises((DataError, OptionError)) as caught:
        list(open_source([path], request=request_of).batches(100))
    message = str(caught.value)
    assert message.isprintable()
    holds(message, *words)


def test_a_factor_must_be_finite(write, tmp_path):
    path = tmp_path / "events.csv"
    path.write_text("x,w,v\n1,1,1\n2,1,\n")
    with pytest.raises(DataError, match=r"column 'v' in row 2 is NaN or empty: every event needs"):
        list(open_source([path], request=ColumnRequest(1, weight="w,v")).batches(10))


def test_a_source_in_memory_is_selected_by_its_names():
    source = ArraySource(np.arange(6.0).reshape(6, 1), feature_names=["x"])
    chosen = ChosenEvents(source, asked("x > 2").beside)
    assert [batch.numbers.tolist() for batch in chosen.batches(2)] == [[3, 4], [5]]
    with pytest.raises(DataError, match="where holds at none of the 6 events: x > 9"):
        list(ChosenEvents(source, asked("x > 9").beside).batches(4))
