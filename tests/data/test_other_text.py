"""Text tables of other habits: bars, decimal commas, comments before the table."""

from __future__ import annotations

import gzip
import weakref

import numpy as np
import pytest

from onnxtaylor.data import ColumnRequest, csv, open_source
from onnxtaylor.errors import DataError

X = np.array([[0.12573, -0.132105, 640.25], [0.1049, -5e-3, 361.5], [-1.5, 0.0, 12.0]])
NAMES = ("pt", "eta", "phi")
THREE = ColumnRequest(3)


def lines(delimiter=",", decimal=".", header=True, rows=X):
    text = [delimiter.join(f"{v:.6f}".replace(".", decimal) for v in row) for row in rows]
    return "\n".join([delimiter.join(NAMES), *text] if header else text) + "\n"


def read(path, request=THREE):
    source = open_source([path], request=request)
    batches = list(source.batches(100))
    return source.feature_names, np.concatenate([b.x for b in batches])


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " "])
@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("comment", ["", "# made by me, on Monday\n", "\n#\n# two\n\n"])
def test_every_delimiter_and_decimal(csv_of, delimiter, header, decimal, comment):
    if delimiter == decimal:
        return
    names, x = read(csv_of(comment + lines(delimiter, decimal, header)))
    np.testing.assert_allclose(x, X, atol=1e-6)
    assert names == (NAMES if header else None)


@pytest.mark.parametrize("name", ["events.csv", "events.csv.gz", "events.tsv"])
def test_whatever_it_is_called(csv_of, name):
    text = "# a comment\n" + lines("\t" if name.endswith("tsv") else ";", ",")
    content = gzip.compress(text.encode()) if name.endswith("gz") else text
    names, x = read(csv_of(content, name))
    np.testing.assert_allclose(x, X, atol=1e-6)
    assert names == NAMES


@pytest.mark.parametrize("delimiter", [" ", ",", ";"])
def test_a_header_of_savetxt_has_the_names(tmp_path, delimiter):
    path = tmp_path / "events.csv"
    for header in ("pt eta phi", delimiter.join(NAMES), "made by me\npt eta phi"):
        np.savetxt(path, X, delimiter=delimiter, header=header)
        names, x = read(path)
        assert names == NAMES
        np.testing.assert_array_equal(x, X)
    np.savetxt(path, X, delimiter=delimiter, header="the first of two runs")
    assert read(path)[0] is None


def test_a_line_of_names_that_begins_with_the_mark(csv_of):
    assert read(csv_of("#pt,eta,phi\n1,2,3\n"))[0] == NAMES
    assert read(csv_of("#,pt,eta\n1,2,3\n"))[0] == ("#", "pt", "eta")
    names, x = read(csv_of("# pt eta\npt,eta,phi\n1,2,3\n"))
    assert (names, x.tolist()) == (NAMES, [[1, 2, 3]])


def test_one_column_and_a_comment(csv_of):
    one = ColumnRequest(1)
    assert read(csv_of("# made by me\n1.5\n2.5\n"), one)[0] is None
    assert read(csv_of("# pt\n1.5\n2.5\n"), one)[0] == ("pt",)
    names, x = read(csv_of("# made by me\npt\n1.5\n2.5\n"), one)
    assert (names, x.tolist()) == (("pt",), [[1.5], [2.5]])


def test_rows_are_counted_behind_comments(csv_of, fault, holds):
    text = "# a\n\n# b\n" + lines() + "1,oops,2\n"
    holds(fault(csv_of(text), THREE), "row 4 holds 'oops'")
    holds(fault(csv_of("# pt eta phi\n1 2 3\n4 x 5\n"), THREE), "column 'eta' in row 2 holds 'x'")
    holds(fault(csv_of("# a\n1,2,3\n4,5\n"), THREE), "row 2 has 2 fields")


def test_nothing_but_comments(csv_of, fault, holds):
    holds(fault(csv_of("# a\n# b\n"), THREE), "only comments")
    holds(fault(csv_of("# a\n# b"), THREE), "only comments")


def test_labels_and_weights_beside_decimal_commas(csv_of):
    text = "cls;w;a;b\ns,1;0,5;1,25;3\nb;1,5;-,5;4\n"
    source = open_source([csv_of(text)], request=ColumnRequest(2, label="cls", weight="w"))
    batch = next(source.batches(5))
    assert batch.labels.tolist() == ["s,1", "b"]
    assert batch.weights.tolist() == [0.5, 1.5]
    assert batch.x.tolist() == [[1.25, 3], [-0.5, 4]]


@pytest.mark.parametrize("value", ["1,234", "-12,345", "123,456"])
def test_what_may_be_thousands_is_refused(csv_of, value, fault, holds):
    message = fault(csv_of(f"a;b\n{value};2\n{value};3\n"), ColumnRequest(2))
    holds(message, "column 'a'", value, "decimal comma or a comma between thousands")
    # where others are decimals for certain, so are these
    assert read(csv_of(f"a;b\n{value};0,5\n"), ColumnRequest(2))[1][0, 0] == float(
        value.replace(",", ".")
    )


def test_points_and_commas_together_are_refused(csv_of, fault, holds):
    holds(fault(csv_of("a;b\n0,5;1.5\n"), ColumnRequest(2)), "'0,5'")
    holds(fault(csv_of("a;b\n0,5;1\n0,5;1\n1.5;2\n"), ColumnRequest(2)), "'0,5'")
    rows = "".join("0,5;1\n" for _ in range(3000))
    holds(fault(csv_of(f"a;b\n{rows}1.5;2\n"), ColumnRequest(2)), "row 3001 holds '1.5'")


def test_empty_fields_without_names_are_no_names(csv_of):
    request = ColumnRequest(2, missing=float("nan"))
    names, x = read(csv_of("nan,nan\n1,2\n"), request)
    assert names is None
    np.testing.assert_array_equal(x, [[np.nan, np.nan], [1, 2]])


@pytest.mark.parametrize("end", ["all", "one piece", "a wrong cell"])
def test_no_thread_of_pyarrow_is_left_with_a_function(csv_of, monkeypatch, end):
    """One that lets it go while the interpreter ends would abort the process."""
    handed_out, usual = [], csv.partial

    def partial(function):
        made = usual(function)
        handed_out.append(weakref.ref(made))
        return made

    monkeypatch.setattr(csv, "partial", partial)
    rows = np.ones((100_000, 3))
    text = lines(" ", rows=rows) + ("x 1 2\n" if end == "a wrong cell" else "")
    batches = open_source([csv_of(text)], request=THREE).batches(1000)
    if end == "one piece":
        next(batches)
        batches.close()
    elif end == "all":
        assert sum(len(batch.x) for batch in batches) == len(rows)
    else:
        with pytest.raises(DataError, match="in row 100001 holds 'x'"):
            list(batches)
    assert handed_out
    assert not any(function() for function in handed_out)
