"""Text tables: dialects, and the row and column of everything that is no number."""

from __future__ import annotations

import bz2
import gzip
import io

import numpy as np
import pytest

from onnxtaylor.data import ColumnRequest, open_source
from onnxtaylor.errors import OnnxTaylorWarning

TWO = ColumnRequest(2)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a,b\n1,\xff\xfe2\n", ["not UTF-8"]),
        ("a,b\n1,2\n".encode("utf-16"), ["binary data (or UTF-16 text)"]),
        (b"a,b\n1,2\n3,4,5\n", ["row 2 has 3 fields", "first line has 2"]),
        (b"a,b\n1,2\n3\n", ["row 2 has 1 field,", "first line has 2"]),
        (b"1,2\n3,4\n5,6,7\n", ["row 3 has 3 fields"]),
        (b"\n\n  \n", ["is empty"]),
        (b'a,b\n1,"2\n' + b"3,4\n" * 2_000_000, ["quotation mark"]),
        (b"1," * (1 << 19), ["first line is longer than"]),
        (b'"' + b"x" * 200_000, ["no table of text"]),
    ],
)
def test_text_that_is_no_table(csv_of, content, words, fault, holds):
    holds(fault(csv_of(content), TWO), "events.csv", *words)


def test_broken_utf8_far_down_names_the_row(csv_of, fault, holds):
    content = b"a,l\n" + b"1,s\n" * 900_000 + b"1,\xff\n"
    request = ColumnRequest(1, label="l")
    holds(fault(csv_of(content), request), "'l'", "row 900001", "not UTF-8")


def test_a_text_column_names_the_way_out(csv_of, fault, holds):
    message = fault(csv_of("a,Kaggle Set\n1,t\n"), TWO)
    holds(message, "column 'Kaggle Set' holds text ('t' in row 1)", 'exclude=["Kaggle Set"]')
    holds(message, "feature_names=…")


def test_a_text_weight(csv_of, fault, holds):
    message = fault(csv_of("a,b,w\n1,2,x\n"), ColumnRequest(2, weight="w"))
    holds(message, "weight column 'w'", "'x' in row 1")


@pytest.mark.parametrize("row", [2, 400_000, 1_200_000])
@pytest.mark.parametrize("names", ["a,b\n", ""])
def test_a_bad_value_in_any_block_names_row_and_column(csv_of, row, names, fault, holds):
    content = names + "1,2\n" * (row - 1) + "1,two\n" + "1,2\n" * 5
    message = fault(csv_of(content), TWO)
    holds(message, "events.csv", f"column '{'b' if names else '1'}'", "'two'", f"row {row} ")


@pytest.mark.parametrize("row", [2, 400_000, 1_200_000])
@pytest.mark.parametrize(("delimiter", "shown"), [(",", "','"), (" ", "' '")])
def test_a_row_of_another_width_in_any_block_is_named(csv_of, row, delimiter, shown, fault, holds):
    content = "a,b\n" + "1,2\n" * (row - 1) + "1,2,3\n" + "1,2\n" * 5
    message = fault(csv_of(content.replace(",", delimiter), "events.txt"), TWO)
    holds(message, f"events.txt: row {row} has 3 fields, but the first line has 2", shown)


@pytest.mark.parametrize("rows", ["x,2\n1,2,3\n", "x,2\n" + "1,2\n" * 500_000 + "1,2,3\n"])
def test_a_bad_value_before_a_row_of_another_width(csv_of, rows, fault, holds):
    """pyarrow may read ahead to either; the row that is named is the one at fault."""
    message = fault(csv_of("a,b\n1,2\n" + rows), TWO)
    bad_value, bad_row = "row 2 holds 'x'" in message, f"row {rows.count(chr(10)) + 1} has 3 fields"
    assert bad_value or bad_row in message, message


def test_a_bad_value_cannot_write_to_the_terminal(csv_of, fault, holds):
    holds(fault(csv_of(b"a,b\n1,2\n3,\x1b[31m" + b"z" * 500 + b"\n"), TWO), "\\x1b[31m", "…")


def test_text_in_columns_that_are_not_used_is_fine(csv_of):
    path = csv_of("a,note,b\n1,x,2\n3,4,4\n5,\xff,6\n".encode("latin-1").replace(b"\xff", b"?"))
    source = open_source([path], request=ColumnRequest(2, exclude=("note",)))
    assert next(source.batches(3)).x.tolist() == [[1, 2], [3, 4], [5, 6]]


def test_integers_first_and_fractions_blocks_later_are_numbers(csv_of):
    content = "a,b\n" + "1,\n" * 0 + "1,2\n" * 1_200_000 + "0.5,1e-3\n"
    *_, last = open_source([csv_of(content)], request=TWO).batches(65536)
    assert last.x[-1].tolist() == [0.5, 1e-3]


def test_true_and_false_are_numbers(csv_of):
    source = open_source([csv_of("a,b\nTrue,1\nFalse,2\n")], request=TWO)
    assert next(source.batches(3)).x.tolist() == [[1, 1], [0, 2]]


def test_an_event_where_names_should_be_is_warned_of(csv_of):
    with pytest.warns(OnnxTaylorWarning, match="first line is read as column names"):
        open_source([csv_of("s,1.5,-0.25\nb,1.0,2.0\n")], request=ColumnRequest(3))


def test_names_that_are_whole_numbers_are_no_reason_to_warn(csv_of):
    source = open_source([csv_of("0,1,label\n5,6,s\n")], request=ColumnRequest(2, label="label"))
    assert next(source.batches(3)).x.tolist() == [[5, 6]]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("comma.csv", "a,b\n1,2\n3,4\n"),
        ("comma.txt", "a,b\n1,2\n3,4"),
        ("semicolon.csv", "a;b\n1;2\n3;4\n"),
        ("semicolon_names_with_commas.csv", "a,x;b,x\n1;2\n3;4\n"),
        ("tab.txt", "a\tb\n1\t2\n3\t4\n"),
        ("tab.tsv", "a\tb\n1\t2\n3\t4\n"),
        ("spaces.txt", "  a    b  \n   1  2\n 3 \t 4  \n\n"),
        ("quotes.csv", '"a","b"\n"1","2"\n"3",4\n'),
        ("windows.csv", "a,b\r\n1,2\r\n3,4\r\n"),
        ("bom.csv", "\ufeffa,b\n1,2\n3,4\n"),
        ("bom_without_names.csv", "\ufeff1,2\n3,4\n"),
        ("blank_lines.csv", "\n\na,b\n1,2\n\n3,4\n\n"),
        ("no_names.csv", "1,2\n3,4\n"),
        ("no_names.txt", " 1 2\n 3 4\n"),
    ],
)
def test_dialects(csv_of, name, content):
    source = open_source([csv_of(content, name)], request=TWO)
    assert next(source.batches(9)).x.tolist() == [[1, 2], [3, 4]]


def test_spaces_across_blocks(csv_of):
    x = np.random.default_rng(5).normal(size=(100_000, 4))
    buffer = io.StringIO()
    np.savetxt(buffer, x, fmt="%25.17g", delimiter="   ")
    path = csv_of("  a b  c d \n" + buffer.getvalue(), "wide.txt")
    batches = open_source([path], request=ColumnRequest(4)).batches(100_000)
    np.testing.assert_array_equal(next(batches).x, x)


def test_members_of_one_gzip_file_are_read_on(csv_of):
    content = gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"3,4\n")
    source = open_source([csv_of(content, "two.csv.gz")], request=TWO)
    assert next(source.batches(9)).x.tolist() == [[1, 2], [3, 4]]


def test_compression_that_the_name_does_not_tell(csv_of, fault, holds):
    holds(fault(csv_of(bz2.compress(b"a,b\n1,2\n")), TWO), "events.csv")


def test_rows_are_counted_from_the_first_event_behind_blank_lines(csv_of, fault, holds):
    holds(fault(csv_of("\n\na,b\n1,2\n\n3,x\n"), TWO), "row 2 holds 'x'")
    holds(fault(csv_of("\r\n\r\n1,2\r\n3,x\r\n"), TWO), "row 2 holds 'x'")


def test_numbers_of_any_spelling_name_one_class(csv_of):
    cells = ["1", "1.0", "+1", "1.000e+00", "01", "0.50", "s", "9007199254740993"]
    content = "a,l\n" + "".join(f"0,{cell}\n" for cell in cells)
    source = open_source([csv_of(content)], request=ColumnRequest(1, label="l"))
    expected = ["1"] * 5 + ["0.5", "s", "9007199254740993"]
    assert next(source.batches(20)).labels.tolist() == expected
