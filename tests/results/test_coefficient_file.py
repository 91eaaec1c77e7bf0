"""Large results: a table in Parquet beside the document, whole, in order, and of this result."""

from __future__ import annotations

import json
from itertools import combinations_with_replacement

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from onnxtaylor.errors import OptionError, ResultError
from onnxtaylor.indices import MultiIndices
from onnxtaylor.results import taylor_document
from onnxtaylor.results.coefficient_file import companion, entry
from onnxtaylor.results.taylor import TaylorResult
from onnxtaylor.results.taylor_document import NUMBERS

N = 4


@pytest.fixture
def large(monkeypatch):
    """Every result is large."""
    monkeypatch.setattr(taylor_document, "LARGE", 10)


@pytest.fixture
def saved(large, make_result, tmp_path):
    result = make_result(N, outputs=("y", "z"), classes=("s", "b"))
    paths = result.save(tmp_path / "result.json")
    assert [path.name for path in paths] == ["result.json", "result.coefficients.parquet"]
    return result, *paths


def same(a, b):
    assert a.features == b.features
    np.testing.assert_array_equal(a.indices.table, b.indices.table)
    for name in NUMBERS:
        mine, theirs = getattr(a, name), getattr(b, name)
        assert (mine is None) == (theirs is None)
        if mine is not None:
            np.testing.assert_array_equal(mine, theirs)


def test_a_large_result_is_loaded_as_it_was_saved(saved):
    result, document, _ = saved
    same(TaylorResult.load(document), result)


def test_the_table_is_the_tidy_table_of_the_rows(saved):
    result, _, table = saved
    rows = parquet.read_table(table).to_pylist()
    assert rows == list(result.rows())


def test_without_bootstrap_and_with_errors_and_nan(large, make_result, tmp_path):
    result = make_result(N, bootstrap=False)
    bounds = np.full(result.score.shape, 1e-9)
    bounds[0, 0, 3] = np.nan
    object.__setattr__(result, "numerical_error", bounds)
    rms = result.rms.copy()
    rms[0, 0, 1] = np.nan
    object.__setattr__(result, "rms", rms)
    result.save(tmp_path / "r.json")
    same(TaylorResult.load(tmp_path / "r.json"), result)


def test_pairs_told_apart_by_their_objects_keep_their_relation(large, make_result, tmp_path):
    pairs = [alpha for alpha in combinations_with_replacement(range(2), 2) for _ in range(2)]
    kinds = [0, 0, *([1, 2] * 3)]
    indices = MultiIndices.of(2, [(0,), (1,), *pairs], kinds)
    result = make_result(2, classes=("s",), indices=indices)
    result.save(tmp_path / "r.json")
    again = TaylorResult.load(tmp_path / "r.json")
    same(again, result)
    np.testing.assert_array_equal(again.indices.relation, indices.relation)
    assert again.to_arrow().equals(result.to_arrow())


def test_small_results_are_one_document(make_result, tmp_path):
    assert make_result(N).save(tmp_path / "r.json") == (tmp_path / "r.json",)
    assert json.loads((tmp_path / "r.json").read_text())["coefficients"]


def test_the_document_alone_says_where_its_rows_are(saved):
    _, document, table = saved
    text = document.read_text()
    with pytest.raises(ResultError, match="load the result by the name of its file"):
        TaylorResult.from_json(text)
    table.unlink()
    with pytest.raises(ResultError, match=r"result\.coefficients\.parquet cannot be read: No such"):
        TaylorResult.load(document)


def test_the_table_of_another_result_is_not_taken_for_it(saved, make_result, tmp_path):
    _, document, table = saved
    other = make_result(N, outputs=("y", "z"), classes=("s", "b"), seed=1)
    _, theirs = other.save(tmp_path / "other.json")
    table.write_bytes(theirs.read_bytes())
    with pytest.raises(ResultError, match="SHA-256 differs"):
        TaylorResult.load(document)


def test_two_results_do_not_share_a_table(saved, make_result, tmp_path):
    _, document, _ = saved
    document.rename(tmp_path / "baseline.json")
    with pytest.raises(ResultError, match="may belong to a result of another name"):
        make_result(N, outputs=("y", "z")).save(document)
    assert TaylorResult.load(tmp_path / "baseline.json")


def tampered(saved, change):
    """Replaces the table by a changed one, with a document that vouches for it."""
    _, document, table = saved
    changed = change(parquet.read_table(table))
    parquet.write_table(changed, table)
    told = json.loads(document.read_text())
    told["coefficients_file"] = entry(table.name, table.read_bytes(), changed.num_rows)
    document.write_text(json.dumps(told))
    return document


def replaced(name, k, value):
    def change(table):
        column = table[name].to_pylist()
        column[k] = value
        place = table.schema.get_field_index(name)
        return table.set_column(place, table.schema.field(name), [column])

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.slice(1), "cannot have 83 rows for 6"),
        (lambda t: t.slice(0, 78), "features|row|rank"),
        (lambda t: t.drop_columns("sem"), "must have the columns method, output"),
        (lambda t: t.set_column(0, "method", pa.array([1] * t.num_rows)), "must have the columns"),
        (lambda t: pa.concat_tables([t.slice(14, 14), t.slice(0, 14), t.slice(28)]), "group 's'"),
        (replaced("output", 50, "w"), "has output 'w' in row 50.*must be 'z'"),
        (replaced("label", 20, "x0"), "has label 'x0' in row 20"),
        (replaced("features", 3, ["q"]), "names a feature that the data do not have: 'q'"),
        (replaced("features", 2, ["x1"]), "same coefficient twice"),
        (replaced("features", 5, ["x1", "x0"]), "same coefficient twice|out of order"),
        (replaced("features", 30, ["x1", "x0"]), "has features .* in row 30"),
        (replaced("features", 4, []), "another order than 1, 2 or 3"),
        (replaced("features", 4, None), "another order than 1, 2 or 3"),
        (replaced("score", 7, float("nan")), "has score nan in row 7"),
        (replaced("score", 7, None), "has rows without score"),
        (replaced("sem", 7, -1.0), "has sem -1.0 in row 7"),
        (replaced("rms", 7, float("inf")), "has rms inf in row 7"),
        (replaced("rank", 7, 0), "has rank 0 in row 7"),
        (replaced("rank", 7, 15), "must be at most 14"),
        (replaced("score", 3, 1e9), "rank must follow the scores"),
        (replaced("rank_low", 7, None), "has rows without rank_low"),
    ],
)
def test_a_table_that_contradicts_its_result_is_refused(saved, change, words):
    with pytest.raises(ResultError, match=words):
        TaylorResult.load(tampered(saved, change))


def test_no_other_folder_is_read(saved):
    _, document, table = saved
    told = json.loads(document.read_text())
    for name in ("../result.coefficients.parquet", "/etc/x.parquet", "a\\b.parquet", "passwd"):
        told["coefficients_file"] = entry(name, table.read_bytes(), 84)
        document.write_text(json.dumps(told))
        with pytest.raises(ResultError, match=r"coefficients_file\.file must match"):
            TaylorResult.load(document)


def test_sizes_are_checked_before_anything_is_read(saved):
    _, document, table = saved
    with table.open("ab") as stream:
        stream.truncate(2**30)  # a hole: no disk is used
    with pytest.raises(ResultError, match="bytes, too many for 84 rows"):
        TaylorResult.load(document)
    table.write_bytes(b"PAR1 no parquet PAR1")
    told = json.loads(document.read_text())
    told["coefficients_file"] = entry(table.name, table.read_bytes(), 84)
    document.write_text(json.dumps(told))
    with pytest.raises(ResultError, match="cannot be read"):
        TaylorResult.load(document)


def test_rows_in_both_places_are_refused(saved):
    result, document, _ = saved
    told = json.loads(document.read_text())
    told["coefficients"] = json.loads(result.to_json())["coefficients"]
    document.write_text(json.dumps(told))
    with pytest.raises(ResultError, match="coefficients"):
        TaylorResult.load(document)


def test_commands_spare_the_coefficients_of_saved_results(saved, tmp_path):
    from onnxtaylor.cli.files import writable

    _, document, table = saved
    with pytest.raises(OptionError, match="holds the coefficients of a saved result"):
        writable({"--csv": table}, inputs=[document])
    writable({"-o": document}, results=["-o"])  # replaced with its table
    with pytest.raises(OptionError, match="which is read by this call"):
        writable({"-o": document}, inputs=[table], results=["-o"])
    document.rename(tmp_path / "baseline.json")
    with pytest.raises(OptionError, match="may belong to a result of another name"):
        writable({"-o": document}, results=["-o"])
    assert companion("out").name == "out.coefficients.parquet"
