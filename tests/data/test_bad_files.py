"""Every bad file gets one line that says what is wrong with it, and where."""

from __future__ import annotations

import bz2
import gzip
import io
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from onnxtaylor.data import ColumnRequest, open_source
from onnxtaylor.errors import DataError, OnnxTaylorWarning


def fault(paths, request):
    """The message of opening and reading the files."""
    paths = paths if isinstance(paths, list) else [paths]
    with pytest.raises(DataError) as caught:
        for _ in open_source(paths, request=request).batches(1000):
            pass
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 600
    return message


def holds(message, *words):
    for word in words:
        assert word in message, message


@pytest.fixture
def csv(tmp_path):
    def csv(content, name="events.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return csv


TWO = ColumnRequest(2)


# --- files ---------------------------------------------------------------------------------------


def test_no_such_file(tmp_path):
    holds(fault(tmp_path / "none.csv", TWO), "none.csv", "no such file")


def test_a_directory(tmp_path):
    (tmp_path / "dir.parquet").mkdir()
    holds(fault(tmp_path / "dir.parquet", TWO), "is a directory", "name the files in it")


@pytest.mark.parametrize("name", ["events.xyz", "events", "events.gz", "events.parquet.gz"])
def test_an_unknown_ending_lists_the_known(csv, name):
    holds(fault(csv("a,b\n1,2\n", name), TWO), "not known", ".csv", ".parquet", ".npz", ".gz")


def test_endings_are_known_in_capitals(csv):
    source = open_source([csv(gzip.compress(b"a,b\n1,2\n"), "EVENTS.CSV.GZ")], request=TWO)
    assert next(source.batches(1)).x.tolist() == [[1, 2]]


def test_a_name_of_a_file_cannot_write_to_the_terminal(csv):
    message = fault(csv("", "a\x1b[31m\nb.csv"), TWO)
    holds(message, "\\x1b[31m\\nb.csv")


ENDINGS = ["csv", "csv.gz", "csv.bz2", "csv.zst", "parquet", "feather", "npy", "npz"]


@pytest.mark.parametrize("kind", ENDINGS)
def test_junk_under_any_ending(csv, kind):
    junk = np.random.default_rng(3).integers(0, 256, 5000, np.uint8).tobytes()
    holds(fault(csv(junk, f"junk.{kind}"), TWO), f"junk.{kind}")


@pytest.mark.parametrize("kind", ENDINGS)
def test_an_empty_file_under_any_ending(csv, kind):
    holds(fault(csv(b"", f"empty.{kind}"), TWO), f"empty.{kind}")


@pytest.mark.parametrize("kind", [k for k in ENDINGS if k != "csv"])
@pytest.mark.parametrize("part", [0.3, 0.9])
def test_a_truncated_file_under_any_ending(write, kind, part):
    random = np.random.default_rng(4)
    path = write(kind, {"a": random.normal(size=9000), "b": random.normal(size=9000)})
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    holds(fault(path, TWO), f"events.{kind}")


@pytest.mark.parametrize("kind", ["csv", "parquet", "feather", "ipc", "npy", "npz"])
def test_columns_without_a_row(write, kind):
    path = write(kind, {"a": np.zeros(0), "b": np.zeros(0)})
    holds(fault(path, TWO), f"events.{kind}", "no events")


def test_a_line_of_names_without_end(csv):
    holds(fault(csv("a,b"), TWO), "no events")


def test_files_without_rows_are_fine_beside_others(write):
    empty = write("csv", {"a": np.zeros(0), "b": np.zeros(0)}, "empty")
    full = write("csv", {"a": np.ones(2), "b": np.ones(2)}, "full")
    source = open_source([empty, full, empty], request=TWO)
    assert [len(b) for b in source.batches(10)] == [2]


# --- text ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a,b\n1,\xff\xfe2\n", ["not UTF-8"]),
        ("a,b\n1,2\n".encode("utf-16"), ["binary data (or UTF-16)"]),
        (b"a,b\n1,2\n3,4,5\n", ["row 2 has 3 fields", "first line has 2"]),
        (b"a,b\n1,2\n3\n", ["row 2 has 1 fields", "first line has 2"]),
        (b"1,2\n3,4\n5,6,7\n", ["row 3 has 3 fields"]),
        (b"\n\n  \n", ["is empty"]),
        (b'a,b\n1,"2\n' + b"3,4\n" * 2_000_000, ["quotation mark"]),
        (b"1," * (1 << 19), ["does not end"]),
        (b'"' + b"x" * 200_000, ["no table of text"]),
    ],
)
def test_text_that_is_no_table(csv, content, words):
    holds(fault(csv(content), TWO), "events.csv", *words)


def test_broken_utf8_far_down_names_the_row(csv):
    content = b"a,l\n" + b"1,s\n" * 900_000 + b"1,\xff\n"
    request = ColumnRequest(1, label="l")
    holds(fault(csv(content), request), "'l'", "row 900001", "not UTF-8")


def test_a_text_column_names_the_way_out(csv):
    message = fault(csv("a,Kaggle Set\n1,t\n"), TWO)
    holds(message, "column 'Kaggle Set' holds text ('t' in row 1)", "--exclude 'Kaggle Set'")
    holds(message, "--features")


def test_a_text_weight(csv):
    message = fault(csv("a,b,w\n1,2,x\n"), ColumnRequest(2, weight="w"))
    holds(message, "weight column 'w'", "'x' in row 1")


@pytest.mark.parametrize("row", [2, 400_000, 1_200_000])
@pytest.mark.parametrize("names", ["a,b\n", ""])
def test_a_bad_value_in_any_block_names_row_and_column(csv, row, names):
    content = names + "1,2\n" * (row - 1) + "1,two\n" + "1,2\n" * 5
    message = fault(csv(content), TWO)
    holds(message, "events.csv", f"column '{'b' if names else '1'}'", "'two'", f"row {row} ")


def test_a_bad_value_cannot_write_to_the_terminal(csv):
    holds(fault(csv(b"a,b\n1,2\n3,\x1b[31m" + b"z" * 500 + b"\n"), TWO), "\\x1b[31m", "…")


def test_text_in_columns_that_are_not_used_is_fine(csv):
    path = csv("a,note,b\n1,x,2\n3,4,4\n5,\xff,6\n".encode("latin-1").replace(b"\xff", b"?"))
    source = open_source([path], request=ColumnRequest(2, exclude=("note",)))
    assert next(source.batches(3)).x.tolist() == [[1, 2], [3, 4], [5, 6]]


def test_integers_first_and_fractions_blocks_later_are_numbers(csv):
    content = "a,b\n" + "1,\n" * 0 + "1,2\n" * 1_200_000 + "0.5,1e-3\n"
    *_, last = open_source([csv(content)], request=TWO).batches(65536)
    assert last.x[-1].tolist() == [0.5, 1e-3]


def test_true_and_false_are_numbers(csv):
    source = open_source([csv("a,b\nTrue,1\nFalse,2\n")], request=TWO)
    assert next(source.batches(3)).x.tolist() == [[1, 1], [0, 2]]


def test_an_event_where_names_should_be_is_warned_of(csv):
    with pytest.warns(OnnxTaylorWarning, match="first line is taken for names"):
        open_source([csv("s,1.5,-0.25\nb,1.0,2.0\n")], request=ColumnRequest(3))


def test_names_that_are_whole_numbers_are_no_reason_to_warn(csv):
    source = open_source([csv("0,1,label\n5,6,s\n")], request=ColumnRequest(2, label="label"))
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
def test_dialects(csv, name, content):
    source = open_source([csv(content, name)], request=TWO)
    assert next(source.batches(9)).x.tolist() == [[1, 2], [3, 4]]


def test_spaces_across_blocks(csv):
    x = np.random.default_rng(5).normal(size=(100_000, 4))
    buffer = io.StringIO()
    np.savetxt(buffer, x, fmt="%25.17g", delimiter="   ")
    path = csv("  a b  c d \n" + buffer.getvalue(), "wide.txt")
    batches = open_source([path], request=ColumnRequest(4)).batches(100_000)
    np.testing.assert_array_equal(next(batches).x, x)


def test_members_of_one_gzip_file_are_read_on(csv):
    content = gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"3,4\n")
    source = open_source([csv(content, "two.csv.gz")], request=TWO)
    assert next(source.batches(9)).x.tolist() == [[1, 2], [3, 4]]


def test_compression_that_the_name_does_not_tell(csv):
    holds(fault(csv(bz2.compress(b"a,b\n1,2\n")), TWO), "events.csv")


# --- values --------------------------------------------------------------------------------------

FORMATS = ["csv", "parquet", "feather", "npy", "npz"]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "+inf"), (-np.inf, "-inf")])
def test_a_feature_that_is_not_finite(write, kind, value, word):
    columns = {"a": np.ones(50), "b c": np.ones(50)}
    columns["b c"][[16, 30]] = value
    message = fault(write(kind, columns), TWO)
    holds(message, f"events.{kind}", "column 'b c' in row 17", word, "--exclude 'b c'")
    assert ("--missing nan" in message) == bool(np.isnan(value))


@pytest.mark.parametrize("kind", FORMATS)
def test_nan_passes_where_it_means_missing_and_inf_never(write, kind):
    columns = {"a": np.array([1.0, np.nan]), "b": np.ones(2)}
    request = ColumnRequest(2, missing=float("nan"))
    batch = next(open_source([write(kind, columns)], request=request).batches(9))
    np.testing.assert_array_equal(batch.x, [[1, 1], [np.nan, 1]])
    columns["b"][1] = np.inf
    holds(fault(write(kind, columns), request), "'b' in row 2")
    holds(fault(write(kind, columns), ColumnRequest(2, missing=-999.0)), "'a' in row 2")


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_weight_that_is_not_finite(write, kind, value):
    columns = {"a": np.ones(9), "w": np.ones(9)}
    columns["w"][3] = value
    request = ColumnRequest(1, weight="w", missing=float("nan"))
    holds(fault(write(kind, columns), request), "'w' in row 4", "finite weight")


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    "labels", [np.array(["s", "s", "", "b"]), np.array([0, 1, np.nan, 1])], ids=["text", "number"]
)
def test_a_label_that_is_missing(write, kind, labels):
    path = write(kind, {"a": np.ones(4), "l": labels})
    holds(fault(path, ColumnRequest(1, label="l")), "'l' in row 3", "label is missing")


def test_rows_are_counted_in_each_file(write):
    good = write("csv", {"a": np.ones(70)}, "good")
    bad = write("parquet", {"a": np.array([1.0] * 650 + [np.nan])}, "bad")
    holds(fault([good, bad], ColumnRequest(1)), "bad.parquet", "row 651")


def test_nulls_are_nan_and_missing_labels(tmp_path):
    path = tmp_path / "nulls.parquet"
    table = pa.table({"a": pa.array([1, None]), "n": pa.nulls(2), "l": pa.array(["s", None])})
    pq.write_table(table, path)
    request = ColumnRequest(2, features=("a", "n"), missing=float("nan"))
    batch = next(open_source([path], request=request).batches(9))
    np.testing.assert_array_equal(batch.x, [[1, np.nan], [np.nan, np.nan]])
    holds(fault(path, ColumnRequest(1, features=("a",))), "'a' in row 2", "NaN or empty")
    request = ColumnRequest(2, label="l", missing=float("nan"))
    holds(fault(path, request), "'l' in row 2", "label is missing")


# --- types ---------------------------------------------------------------------------------------

NUMBERS = [pa.int8(), pa.uint64(), pa.float16(), pa.float32(), pa.decimal128(9, 2), pa.bool_()]
NUMBERS += [pa.decimal256(40, 3), pa.dictionary(pa.int8(), pa.int64())]


@pytest.mark.parametrize("kind", NUMBERS, ids=str)
def test_all_types_of_numbers(tmp_path, kind):
    if kind == pa.bool_():
        values = pa.array([True, False])
    elif pa.types.is_dictionary(kind):
        values = pa.array([1, 0]).dictionary_encode()
    else:
        values = pa.array([1, 0], pa.int8()).cast(kind)
    pa.feather.write_feather(pa.table({"a": values}), str(tmp_path / "t.feather"))
    source = open_source([tmp_path / "t.feather"], request=ColumnRequest(1))
    assert next(source.batches(9)).x.tolist() == [[1.0], [0.0]]


LABELS = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]


@pytest.mark.parametrize("kind", LABELS, ids=str)
def test_all_types_of_text_are_labels(tmp_path, kind):
    table = pa.table({"a": [1.0, 2.0], "l": pa.array(["s", "b"]).cast(kind)})
    pa.feather.write_feather(table, str(tmp_path / "t.feather"), compression="uncompressed")
    source = open_source([tmp_path / "t.feather"], request=ColumnRequest(1, label="l"))
    assert next(source.batches(9)).labels.tolist() == ["s", "b"]


@pytest.mark.parametrize(
    "values",
    [pa.array([[1.0], [2.0]]), pa.array([{"x": 1}, {"x": 2}]), pa.array([1, 2], pa.timestamp("s"))],
    ids=["list", "struct", "timestamp"],
)
@pytest.mark.parametrize("role", ["feature", "weight", "label"])
def test_types_that_are_no_numbers_and_no_classes(tmp_path, values, role):
    path = tmp_path / "nested.parquet"
    pq.write_table(pa.table({"a": [1.0, 2.0], "b": values}), path)
    request = TWO if role == "feature" else ColumnRequest(1, **{role: "b"})
    holds(fault(path, request), "nested.parquet", "'b'", "type")


@pytest.mark.parametrize("kind", ["parquet", "npy", "npz"])
def test_text_features_in_typed_files(write, kind):
    path = write(kind, {"a": np.ones(2), "set": np.array(["t", "v"])})
    holds(fault(path, TWO), "'set' holds text", "'t' in row 1", "--exclude set")


# --- NumPy files ---------------------------------------------------------------------------------


def test_objects_are_refused_in_numpy_files(tmp_path):
    poison = np.array([[1, 2], [3, 4]], object)
    np.save(tmp_path / "a.npy", poison, allow_pickle=True)
    np.savez(tmp_path / "a.npz", x=poison)
    for name in ("a.npy", "a.npz"):
        holds(fault(tmp_path / name, TWO), name, "bject")


@pytest.mark.parametrize("shape", [(), (5,), (2, 2, 2)])
def test_arrays_that_are_no_tables(tmp_path, shape):
    np.save(tmp_path / "a.npy", np.zeros(shape))
    holds(fault(tmp_path / "a.npy", TWO), "a.npy", f"shape {shape}")


@pytest.mark.parametrize("dtype", ["U3", "c16", "M8[s]"])
def test_arrays_that_are_no_numbers(tmp_path, dtype):
    np.save(tmp_path / "a.npy", np.zeros((2, 2), dtype))
    holds(fault(tmp_path / "a.npy", TWO), "a.npy", "not numbers")


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [">f4", "<f8", "i2", "?"])
def test_arrays_of_any_layout(tmp_path, order, dtype):
    x = np.array([[0, 1], [1, 1], [1, 0]], dtype, order=order)
    np.save(tmp_path / "a.npy", x)
    source = open_source([tmp_path / "a.npy"], request=TWO)
    np.testing.assert_array_equal(next(source.batches(9)).x, x.astype(float))


def test_arrays_without_events(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((0, 2)))
    holds(fault(tmp_path / "a.npy", TWO), "no events")


def test_an_archive_that_claims_more_than_it_has(tmp_path):
    header = io.BytesIO()
    description = {"descr": "<f8", "fortran_order": False, "shape": (10**12, 2)}
    np.lib.format.write_array_header_1_0(header, description)
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w") as archive:
        archive.writestr("x.npy", header.getvalue())
    holds(fault(tmp_path / "bomb.npz", TWO), "bomb.npz", "'x' claims more")


def test_an_archive_of_unequal_columns(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.zeros(3), b=np.zeros(4))
    holds(fault(tmp_path / "a.npz", TWO), "'b' has 4", "'a' has 3")


def test_an_archive_without_columns(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.zeros(()), b=np.zeros((2, 2, 2)))
    holds(fault(tmp_path / "a.npz", TWO), "no 1-D and no 2-D array")


def test_names_of_an_archive_that_do_not_fit(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 2)), feature_names=np.array(["a"]))
    holds(fault(tmp_path / "a.npz", TWO), "'feature_names' must be 2 texts")


def test_rows_are_counted_from_the_first_event_behind_blank_lines(csv):
    holds(fault(csv("\n\na,b\n1,2\n\n3,x\n"), TWO), "'x' in row 2 ")
    holds(fault(csv("\r\n\r\n1,2\r\n3,x\r\n"), TWO), "'x' in row 2 ")
