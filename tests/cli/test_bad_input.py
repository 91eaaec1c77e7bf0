"""Whatever is wrong with input or call: one line, status 2, and nothing written."""

from __future__ import annotations

import io
import json
import sys

import pytest

from tests.cli.conftest import write_model, write_table

COLUMNS = ("--label", "Label", "--weight", "w")
ANALYZE = ("analyze", "model.onnx", "events.csv", *COLUMNS)


def cell(row, name, value):
    def change(rows):
        rows[row][name] = value

    return change


def column(name, value, classes=("s", "b")):
    def change(rows):
        for row in rows:
            if row["Label"] in classes:
                row[name] = value

    return change


@pytest.fixture
def result(place, cli):
    assert cli(*ANALYZE, "-o", "result.json", "-q").status == 0
    return place / "result.json"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file"),
        ("folder", "directory"),
        (b"", "empty"),
        (b"hello, world\n" * 9, "not an ONNX model"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x01\x00", "not an ONNX model"),
        (0.5, "truncated"),
        (0.9, "truncated"),
    ],
)
@pytest.mark.parametrize("command", ["analyze", "inspect"])
def test_a_file_that_is_no_model(place, refused, command, content, words):
    path = place / "other.onnx"
    if content == "folder":
        path.mkdir()
    elif isinstance(content, float):
        whole = (place / "model.onnx").read_bytes()
        path.write_bytes(whole[: int(content * len(whole))])
    elif content is not None:
        path.write_bytes(content)
    message = refused(command, "other.onnx", "events.csv", *COLUMNS)
    assert message.startswith("other.onnx")
    assert words in message


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("no.csv", None, "no such file"),
        ("no.parquet", None, "no such file"),
        ("folder", "folder", "is a directory"),
        ("folder.csv", "folder", "is a directory"),
        ("empty.csv", b"", "is empty"),
        (
            "picture.csv",
            b"\x89PNG\r\n\x1a\n\x00\x00\x00",
            "is a PNG image: name a file with a table of events",
        ),
        ("model.onnx", None, "files ending in .onnx cannot be read"),
        ("cut.parquet", b"PAR1\x15\x04", "cut.parquet"),
        ("cut.csv.gz", b"\x1f\x8b\x08\x00\x00", "cut.csv.gz"),
    ],
)
def test_a_file_that_holds_no_events(place, refused, name, content, words):
    path = place / name
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    message = refused("analyze", "model.onnx", name, *COLUMNS, "-o", "result.json")
    assert name in message
    assert words in message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (cell(4, "b", "nan"), ("'b'", "row 5", "NaN", "--missing")),
        (cell(4, "b", ""), ("'b'", "row 5", "empty")),
        (cell(4, "b", "inf"), ("'b'", "row 5", "inf")),
        (cell(4, "w", "nan"), ("'w'", "row 5", "NaN")),
        (cell(4, "w", "-inf"), ("'w'", "row 5", "inf")),
        (cell(4, "w", "heavy"), ("'w'", "row 5", "'heavy'")),
        (cell(4, "b", "hello"), ("'b'", "row 5", "'hello'", "--exclude b")),
        (column("b", "red"), ("'b'", "text", "'red'", "--exclude b")),
        (column("w", "0"), ("weights sum to 0",)),
        (column("w", "-2"), ("weights sum to -120",)),
        (column("w", "-0.5", classes=("b",)), ("class 'b'", "weights sum to -15")),
        (list.clear, ("no events",)),
    ],
)
def test_cells_that_are_no_numbers(place, refused, change, words):
    write_table(place / "bad.csv", cells=change)
    message = refused("analyze", "model.onnx", "bad.csv", *COLUMNS, "-o", "result.json")
    for word in words:
        assert word in message


@pytest.mark.parametrize("option", ["--label", "--weight", "--exclude"])
def test_a_column_that_does_not_exist_brings_its_nearest_names(refused, option):
    message = refused("analyze", "model.onnx", "events.csv", option, "Labell")
    assert "no column 'Labell': did you mean 'Label'?" in message


def test_a_feature_that_does_not_exist(refused):
    assert "no column 'Lebel': did you mean 'Label'?" in refused(
        *ANALYZE, "--features", "a,b,Lebel"
    )


def test_as_many_columns_as_the_model_has_inputs(place, refused):
    write_model(place / "five.onnx", features=5)
    message = refused("analyze", "five.onnx", "events.csv", *COLUMNS)
    assert "3 columns left for features, but the model has 5 inputs" in message
    assert "5 columns left" in refused("analyze", "model.onnx", "events.csv")
    assert "--features has 2 names, but the model has" in refused(*ANALYZE, "--features", "a,b")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("nowhere/result.json", "no folder nowhere"),
        (".", "is a directory"),
        ("events.csv/result.json", "no folder events.csv"),
        ("/proc/result.json", "no file can be created in /proc"),
        ("events.csv", "is read by this call"),
        ("./model.onnx", "is read by this call"),
        ("-", "--json prints to stdout"),
    ],
)
@pytest.mark.parametrize("option", ["-o", "--csv"])
def test_results_that_cannot_be_written_are_refused_before_the_work(
    refused, monkeypatch, option, target, words
):
    def work(*_, **__):
        raise AssertionError("the work was started")

    monkeypatch.setattr("onnxtaylor.run.analyze.analyze", work)
    message = refused(*ANALYZE, option, target)
    assert message.startswith(f"{option} ")
    assert words in message


def test_two_results_in_one_file_are_refused(refused):
    assert "the file of -o, too" in refused(*ANALYZE, "-o", "r.json", "--csv", "./r.json")


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--order", "0", "--order must be 1, 2 or 3, got 0"),
        ("--order", "4", "--order must be 1, 2 or 3, got 4"),
        ("--order", "x", "'--order'"),
        ("--scale", "x", "--scale must be sigma or unit, got 'x'"),
        ("--link", "x", "--link must be identity, logit or log, got 'x'"),
        ("--engine", "x", "--engine must be auto, exact or differences, got 'x'"),
        ("--provider", "x", "--provider must be auto, cpu or cuda, got 'x'"),
        ("--accuracy", "3", "--accuracy must be 2, 4 or 6, got 3"),
        ("--mixed", "x", "--mixed must be two or four, got 'x'"),
        ("--bootstrap", "-1", "'--bootstrap'"),
        ("--bootstrap", "1e3", "'--bootstrap'"),
        ("--bootstrap", "99999999999", "GiB"),
        ("--seed", "-1", "'--seed'"),
        ("--seed", str(2**63), f"--seed must be at most {2**63 - 1}, got {2**63}"),
        ("--threads", "-1", "'--threads'"),
        ("--threads", "100000", "'--threads'"),
        ("--batch-size", "0", "'--batch-size'"),
        ("--events", "0", "'--events'"),
        ("--sample", "-5", "'--sample'"),
        ("--top", "0", "'--top'"),
        ("--missing", "none", "--missing must be a number, or NAME=NUMBER, got 'none'"),
        ("--missing", "a=none", "--missing must be a number, or NAME=NUMBER, got 'a=none'"),
        ("--missing", "nope=-999", "--missing names no feature 'nope': "),
        ("--output", "nope", "'nope': it has y"),
        ("--input", "nope", "'nope' is not an input of the model: it has x"),
        ("--fix", "x", "NAME=VALUE"),
        ("--fix", "=1", "NAME=VALUE"),
        ("--fix", "x=", "NAME=VALUE"),
        ("--fix", "x=1,b", "choose another with --output"),
        ("--fix", "nope=1", "'nope'"),
        ("--features", ",", "no name"),
        ("--features", "a,b,b", "twice"),
        ("--features", "a,b,w", "it is the weight"),
        ("--features", "@nope", "No such file"),
        ("--features", "@.", "Is a directory"),
        ("--features", "@events.csv", "no column"),
        ("--features", "@model.onnx", "not UTF-8"),
        ("--resume", "events.csv", "--resume folder events.csv"),
    ],
)
def test_option_values_that_make_no_sense(refused, option, value, words):
    engine = () if option == "--engine" else ("--engine", "differences")
    assert words in refused(*ANALYZE, *engine, option, value, "-o", "result.json")


def test_a_second_value_for_a_held_input_is_refused(refused):
    assert "is given twice for input 'x'" in refused(*ANALYZE, "--fix", "x=1", "--fix", "x=2")


def test_cuda_where_there_is_none(refused):
    onnxruntime = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime knows CUDA")
    assert "CUDA" in refused(*ANALYZE, "--provider", "cuda")


def test_per_class_needs_classes(refused):
    message = refused("analyze", "model.onnx", "events.csv", "--weight", "w", "--per-class")
    assert "--label" in message


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nonsense",), "no such command 'nonsense'; see onnxtaylor --help"),
        (("--nope",), "no such option: --nope; see onnxtaylor --help"),
        (("analyze",), "missing argument 'MODEL'; see onnxtaylor analyze --help"),
        (("analyze", "m.onnx"), "missing argument 'DATA'; see onnxtaylor analyze --help"),
        (("rank",), "missing argument 'RESULT'; see onnxtaylor rank --help"),
        (("demo", "-o"), "option '-o' requires an argument; see onnxtaylor --help"),
    ],
)
def test_calls_that_are_no_calls(refused, words, message):
    assert refused(*words) == message


def test_an_option_with_a_slip_brings_the_nearest(refused):
    message = refused("rank", "result.json", "--tpo", "3")
    assert "--tpo" in message
    assert "--top" in message
    assert message.endswith("; see onnxtaylor rank --help")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file"),
        ("folder", "directory"),
        (b"", "no JSON"),
        (b"a,b\n1,2\n", "no JSON"),
        (b"\xff\xfe", "cannot be read: "),
        (b"[1]", "no onnxtaylor result"),
        (b'{"schema": "onnxtaylor.result/2"}', "onnxtaylor.result/2"),
        (b'{"schema": "onnxtaylor.result/1"}', "damaged"),
        (b"[" * 100_000, "no JSON"),
    ],
)
@pytest.mark.parametrize("command", ["rank", "plot"])
def test_files_that_are_no_result(place, refused, command, content, words):
    path = place / "other.json"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    message = refused(command, "other.json")
    assert message.startswith("other.json")
    assert words in message


@pytest.mark.parametrize("command", ["rank", "plot"])
def test_results_that_are_damaged(place, refused, result, command):
    whole = result.read_text()
    (place / "cut.json").write_text(whole[: len(whole) // 2])
    assert "no JSON" in refused(command, "cut.json")
    document = json.loads(whole)
    del document["coefficients"][3]
    (place / "short.json").write_text(json.dumps(document))
    assert "damaged" in refused(command, "short.json")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--group", "x"), "no group 'x': it has all, b, s"),
        (("--output", "x"), "no output 'x': it has y"),
        (("--feature", "x*"), "no feature matches 'x*'"),
        (("--order", "3"), "no coefficient of order 3"),
        (("--csv", "."), "is a directory"),
        (("--csv", "result.json"), "is read by this call"),
    ],
)
def test_what_a_result_does_not_hold(refused, result, words, message):
    assert message in refused("rank", "result.json", *words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--group", "x", "-o", "new"), "no group 'x'"),
        (("--format", "gif", "-o", "new"), "--format must be png, pdf or svg, got 'gif'"),
        (("-o", "events.csv"), "events.csv"),
        (("-o", "events.csv/new"), "events.csv/new"),
        (("-o", "/proc/new"), "/proc/new"),
    ],
)
def test_figures_that_cannot_be_drawn(refused, result, words, message):
    assert message in refused("plot", "result.json", *words)


@pytest.mark.parametrize("folder", ["events.csv", "events.csv/new", "/proc/new"])
def test_a_demo_that_finds_no_place(refused, folder):
    assert f"-o {folder}" in refused("demo", "-o", folder)


def test_an_inspection_says_what_it_can_and_ends_with_the_error(place, cli):
    status, out, err = cli("inspect", "model.onnx", "events.csv", "--json")
    assert status == 2
    assert json.loads(out)["outputs"] == ["y float32 [N, 1]"]
    assert err.startswith("error: events.csv has 5 columns left")
    assert err.count("\n") == 1


class Pipe:
    """A stand-in for sys.stdin."""

    def __init__(self, content):
        self.buffer = io.BytesIO(content)


def test_faults_of_stdin_are_named_as_such(place, refused, monkeypatch):
    write_table(place / "bad.csv", cells=cell(4, "b", "nan"))
    monkeypatch.setattr(sys, "stdin", Pipe((place / "bad.csv").read_bytes()))
    message = refused("analyze", "model.onnx", "-", *COLUMNS)
    assert message.startswith("<stdin>: column 'b' in row 5")
    for content, words in ((b"", "is empty"), (b"\0\1", "binary")):
        monkeypatch.setattr(sys, "stdin", Pipe(content))
        message = refused("analyze", "model.onnx", "-", *COLUMNS)
        assert message.startswith("<stdin>")
        assert words in message
    for command in ("rank", "plot"):
        monkeypatch.setattr(sys, "stdin", Pipe(b"\xff"))
        assert refused(command, "-").startswith("<stdin>: ")


def test_stdin_is_read_once(refused):
    assert "only once" in refused("analyze", "model.onnx", "-", "-")
    assert "stdin" in refused("analyze", "model.onnx", "-", "--resume", "sums")


@pytest.mark.parametrize("stream", ["stdin", "stdout"])
def test_closed_streams_are_no_fault_of_ours(place, result, monkeypatch, stream):
    from onnxtaylor.cli import main

    monkeypatch.setattr(sys, stream, None)
    assert main(["rank", "-" if stream == "stdin" else "result.json"]) == (
        2 if stream == "stdin" else 0
    )


def test_a_fault_of_ours_says_so_and_shows_where(place, cli, monkeypatch):
    def fault(*_, **__):
        raise ZeroDivisionError("deep inside")

    monkeypatch.setattr("onnxtaylor.run.analyze.analyze", fault)
    status, out, err = cli(*ANALYZE, "-o", "result.json")
    assert (status, out) == (3, "")
    assert err.startswith("Traceback")
    assert "deep inside" in err
    assert err.splitlines()[-1] == "error: this is a fault of onnxtaylor: please report it"
    assert not (place / "result.json").exists()


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (MemoryError(), "error: out of memory: use --order 1"),
        (OSError(28, "No space left on device", "/x"), "error: /x: No space left on device"),
        (KeyboardInterrupt(), "error: interrupted: no result was written"),
    ],
)
def test_what_the_machine_cannot_do_is_one_line(refused, monkeypatch, error, line):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("onnxtaylor.run.analyze.analyze", fail)
    assert refused(*ANALYZE).startswith(line.removeprefix("error: "))


@pytest.mark.parametrize(
    ("command", "ways"),
    [
        ("analyze", "use --order 1, fewer --bootstrap, a smaller --batch-size or fewer responses"),
        ("inspect", "use fewer responses with --output"),
        ("differentiate", "use --order 1 or fewer responses with --output"),
        ("rank", "this machine has not enough of it"),
        ("nothing", "this machine has not enough of it"),
    ],
)
def test_advice_of_memory_names_the_command_s_own_options(command, ways):
    from onnxtaylor.cli.app import _smaller

    assert _smaller(command).startswith(ways)
