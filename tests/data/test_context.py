"""Columns of context: the same codes and numbers from every reader, and what is refused."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from onnxtaylor.data import (
    ArraySource,
    ColumnRequest,
    ContextColumn,
    first_events,
    in_memory,
    open_source,
    sample_events,
    survey,
)
from onnxtaylor.errors import DataError
from onnxtaylor.problem.looked import FirstRows

EVENTS = {
    "a": np.array([0.5, 1.5, 2.5, 3.5]),
    "city": np.array(["Rom", "Bonn", "Rom", "Köln"]),
    "b": np.array([-1.0, -2.0, -3.0, -4.0]),
    "n": np.array([7, -2, 2**53, 0]),
    "on": np.array([True, False, False, True]),
    "w": np.array([1.0, 2.0, 1.0, 1.0]),
}
CONTEXT = (ContextColumn("n"), ContextColumn("city", text=True), ContextColumn("on"))
REQUEST = ColumnRequest(2, weight="w", context=CONTEXT)
ROWS = [
    [0.5, -1.0, 7.0, 0.0, 1.0],
    [1.5, -2.0, -2.0, 1.0, 0.0],
    [2.5, -3.0, 2.0**53, 0.0, 0.0],
    [3.5, -4.0, 0.0, 2.0, 1.0],
]
# a cell of text does not tell 2⁵³ from what was rounded to it
TEXT_FORMATS = ("csv", "csv.gz", "csv.bz2", "csv.zst", "tsv", "txt")


def of_pandas(columns):
    return pytest.importorskip("pandas").DataFrame(columns)


def of_polars(columns):
    return pytest.importorskip("polars").DataFrame(columns)


FRAMES = {"pandas": of_pandas, "polars": of_polars, "pyarrow": pa.table, "dict": dict}


def assert_read(source, rows=ROWS):
    assert source.feature_names == ("a", "b")
    assert source.context_names == ("n", "city", "on")
    for size in (3, 1, 9):  # every pass gives the same codes
        x = np.concatenate([batch.x for batch in source.batches(size)])
        np.testing.assert_array_equal(x, rows)
    assert list(source.texts) == ["city"]
    assert list(source.texts["city"]) == ["Rom", "Bonn", "Köln"]


def test_every_format_gives_the_same_rows(write, ending):
    events, rows = dict(EVENTS), [list(row) for row in ROWS]
    if ending in TEXT_FORMATS:
        events["n"], rows[2][2] = np.array([7, -2, 2**53 - 1, 0]), 2.0**53 - 1
    assert_read(open_source([write(ending, events)], request=REQUEST), rows)


@pytest.mark.parametrize("kind", FRAMES)
def test_every_frame_gives_the_same_rows(kind):
    source = in_memory(FRAMES[kind](EVENTS), REQUEST)
    assert_read(source)
    assert source.origins == ("array",)
    assert next(source.batches(9)).weights.tolist() == [1.0, 2.0, 1.0, 1.0]


@pytest.mark.parametrize("kind", FRAMES)
def test_weights_and_labels_may_stand_beside(kind):
    columns = {name: EVENTS[name] for name in ("a", "b", "n", "city", "on")}
    request = ColumnRequest(2, context=CONTEXT)
    source = in_memory(FRAMES[kind](columns), request, weights=[4, 3, 2, 1], labels=list("xyxy"))
    assert_read(source)
    last = list(source.batches(3))[1]
    assert (last.weights.tolist(), last.labels.tolist()) == ([1.0], ["y"])
    with pytest.raises(DataError, match="one entry for each of the 4 events"):
        in_memory(FRAMES[kind](columns), request, weights=[4, 3])


def test_arrays_with_context():
    x = np.stack([EVENTS["a"], EVENTS["b"]], axis=1)
    context = {name: EVENTS[name] for name in ("n", "city", "on")}
    assert_read(ArraySource(x, feature_names=["a", "b"], context=context))
    context["city"] = EVENTS["city"].astype(object)
    assert_read(ArraySource(x, feature_names=["a", "b"], context=context))
    with pytest.raises(DataError, match="context column 'n' must have one entry for each of the 4"):
        ArraySource(x, context={"n": [1, 2]})


def test_a_bare_array_has_context_behind_the_features():
    request = ColumnRequest(2, context=(ContextColumn("n"), ContextColumn("on")))
    rows = np.array(ROWS)[:, [0, 1, 2, 4]]
    source = in_memory(rows, request)
    assert (source.feature_names, source.context_names) == (None, ("n", "on"))
    np.testing.assert_array_equal(next(source.batches(9)).x, rows)
    with pytest.raises(DataError, match="2 features and 2 columns of context behind them"):
        in_memory(rows[:, :3], request)
    with pytest.raises(DataError, match="cannot hold the texts of 'city'"):
        in_memory(rows, ColumnRequest(2, context=CONTEXT))


def test_parts_of_the_events_keep_names_and_codes(write):
    source = open_source([write("csv", {**EVENTS, "n": np.arange(4)})], request=REQUEST)
    (batch,) = sample_events(source, 4, 2, seed=3).batches(9)
    first = first_events(source, 2)
    np.testing.assert_array_equal(next(first.batches(9)).x[:, 3], [0.0, 1.0])
    kept = FirstRows(first, 1)
    assert len(list(kept.batches(1))) == 2
    assert kept.x.tolist() == [[0.5, -1.0, 0.0, 0.0, 1.0]]
    for part in (first, kept):
        assert part.feature_names == ("a", "b")
        assert part.context_names == ("n", "city", "on")
        assert part.texts["city"][:2] == ["Rom", "Bonn"]
        assert (part.sizes, part.lengths) == ({}, {})
    whole = next(source.batches(9)).x
    np.testing.assert_array_equal(batch.x, whole[batch.numbers])


def test_codes_go_on_in_the_next_file(write):
    first = write("csv", {"a": np.array([1.0, 2.0]), "city": np.array(["x", "y"])}, "a")
    second = write("parquet", {"a": np.array([3.0, 4.0]), "city": np.array(["z", "x"])}, "b")
    request = ColumnRequest(1, context=(ContextColumn("city", text=True),))
    source = open_source([first, second], request=request)
    assert np.concatenate([b.x for b in source.batches(3)])[:, 1].tolist() == [0, 1, 2, 0]
    assert source.texts == {"city": ["x", "y", "z"]}


def test_categories_are_coded_by_appearance_too(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.0, 2.0], "city": pandas.Categorical(["y", "x"])})
    request = ColumnRequest(1, context=(ContextColumn("city", text=True),))
    frame.to_parquet(tmp_path / "t.parquet")
    for source in (
        in_memory(frame, request),
        open_source([tmp_path / "t.parquet"], request=request),
    ):
        assert next(source.batches(9)).x[:, 1].tolist() == [0.0, 1.0]
        assert source.texts == {"city": ["y", "x"]}


def test_texts_that_are_whole_numbers(tmp_path, write):
    request = ColumnRequest(1, context=(ContextColumn("zip", text=True),))
    columns = {"a": np.array([1.0, 2.0]), "zip": np.array([53113, 4])}
    for ending in ("csv", "parquet", "npz", "npy"):
        source = open_source([write(ending, columns)], request=request)
        assert next(source.batches(9)).x[:, 1].tolist() == [0.0, 1.0]
        assert source.texts == {"zip": ["53113", "4"]}


def test_the_survey_has_context_columns(write):
    found = survey(open_source([write("npz", EVENTS)], request=REQUEST))
    assert found.max.tolist() == [3.5, -1.0, 2.0**53, 2.0, 1.0]


def test_a_request_may_depend_on_the_columns(write):
    seen = []

    def request(names):
        seen.append(names)
        return REQUEST

    assert_read(open_source([write("parquet", EVENTS)], request=request))
    assert_read(in_memory(of_pandas(EVENTS), request))
    assert_read(in_memory(dict(EVENTS), request))
    assert [set(names) for names in seen] == [set(EVENTS)] * 3


BAD_NUMBERS = {
    "missing": (pa.array([1, None]), "column 'n' in row 2 is NaN or empty", "context"),
    "not a number": (pa.array([1.0, np.nan]), "column 'n' in row 2 is NaN or empty"),
    "infinite": (pa.array([1.0, np.inf]), "column 'n' in row 2 is +inf"),
    "large": (pa.array([1, 2**53 + 1]), "column 'n' in row 2 is 9007199254740993", "2^53"),
    "small": (pa.array([1, -(2**63)]), "column 'n' in row 2 is -9223372036854775808", "2^53"),
    "huge": (pa.array([1, 2**64 - 1], pa.uint64()), "row 2 is 18446744073709551615", "2^53"),
    "decimal": (pa.array([Decimal(1), Decimal(2**60)]), "row 2 is 1152921504606846976", "2^53"),
    "text": (pa.array(["u", "v"]), "column 'n' holds text ('u' in row 1)", "numbers"),
    "dates": (pa.array([1, 2], pa.timestamp("s")), "column 'n' holds values of type timestamp"),
}


@pytest.mark.parametrize("bad", BAD_NUMBERS)
@pytest.mark.parametrize("ending", ["parquet", "feather"])
def test_numbers_that_are_refused(tmp_path, fault, holds, bad, ending):
    values, *said = BAD_NUMBERS[bad]
    table = pa.table({"a": [1.0, 2.0], "n": values})
    path = tmp_path / f"t.{ending}"
    if ending == "parquet":
        pq.write_table(table, path)
    else:
        pa.feather.write_feather(table, str(path))
    holds(fault(path, ColumnRequest(1, context=(ContextColumn("n"),))), path.name, *said)
    with pytest.raises(DataError) as caught:
        list(in_memory(table, ColumnRequest(1, context=(ContextColumn("n"),))).batches(9))
    holds(str(caught.value), "the data frame", *said)


@pytest.mark.parametrize("cell", ["", "nan", "9007199254740993", "-9007199254740993", "u"])
def test_cells_of_a_text_table_that_are_refused(csv_of, fault, holds, cell):
    path = csv_of(f"a,n\n1,2\n3,{cell}\n")
    request = ColumnRequest(1, context=(ContextColumn("n"),))
    message = fault(path, request)
    holds(message, "events.csv", "column 'n' in row 2")
    assert "exclude" not in message


def test_texts_that_are_refused(csv_of, tmp_path, fault, holds):
    request = ColumnRequest(1, context=(ContextColumn("n", text=True),))
    holds(fault(csv_of('a,n\n1,u\n3,""\n'), request), "column 'n' in row 2 is empty")
    for values, said in (
        (["u", None], "column 'n' in row 2 is empty"),
        ([0.5, 1.0], "column 'n' holds values of type double"),
        ([True, False], "column 'n' holds values of type bool"),
    ):
        pq.write_table(pa.table({"a": [1.0, 2.0], "n": values}), tmp_path / "t.parquet")
        holds(fault(tmp_path / "t.parquet", request), "t.parquet", said)
    np.savez(tmp_path / "t.npz", a=[1.0, 2.0], n=[0.5, 1.0])
    holds(fault(tmp_path / "t.npz", request), "'n' holds float64", "takes texts")
    objects = {"a": [1.0, 2.0], "n": np.array(["u", None], object)}
    with pytest.raises(DataError, match="'n' in row 2 is empty"):
        list(in_memory(objects, request).batches(9))


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (ColumnRequest(2, context=(ContextColumn("m"),)), "has no column 'm'"),
        (ColumnRequest(2, weight="w", context=(ContextColumn("w"),)), "'w' is to be context, but"),
        (ColumnRequest(2, exclude=("n",), context=(ContextColumn("n"),)), "it is excluded"),
        (
            ColumnRequest(2, context=(ContextColumn("n"), ContextColumn("n"))),
            "it is a context column already",
        ),
        (
            ColumnRequest(2, features=("a", "n"), context=(ContextColumn("n"),)),
            "'n' is named as a feature, but it is context",
        ),
    ],
)
def test_columns_with_two_roles(write, fault, holds, request_, said):
    holds(fault(write("csv", EVENTS), request_), said)
