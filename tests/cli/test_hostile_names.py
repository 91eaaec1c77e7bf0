"""Names that would be obeyed by a terminal, a browser or rich come out inert."""

from __future__ import annotations

import csv
import json
import re

import onnx
import pytest

import onnxtaylor as ot
from tests.cli.conftest import write_model, write_table

NAMES = (
    "<script>alert(1)</script>",
    "](javascript:x)",
    "a\"b'c",
    "line\nend\r\ttab",
    "\x1b[31mred\x1b[0m\x1b]0;title\x07",
    "smile 😀 :smile:",
    "right\u202eleft",
    "[red]marked[/red] [/]",
    "=1+2",
    "@SUM(A1)",
    "-x",
    "",
)
CLASS, OTHER = "[bold]\x1b[1m\u202es", "=cmd|' /C calc'!A0"
OUTPUT = "[link=x]y\x1b[5m\n\u2066"
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture
def hostile(place):
    write_model(place / "tame.onnx", features=len(NAMES))
    model = onnx.load(place / "tame.onnx")
    model.graph.output[0].name = OUTPUT
    model.graph.node[-1].output[0] = OUTPUT
    onnx.save(model, place / "h\x1b[31m\n[red].onnx")
    (place / "tame.onnx").unlink()
    write_table(place / "e\x1b[31m\u202e.csv", names=NAMES, classes=(CLASS, OTHER))
    return place


def words(place):
    model = next(path for path in place.iterdir() if path.name.startswith("h"))
    table = next(path for path in place.iterdir() if path.name.startswith("e\x1b"))
    return ("analyze", model.name, table.name, "--label", "Label", "--weight", "w")


def test_tables_and_messages_are_inert(hostile, cli):
    status, out, err = cli(*words(hostile), "--order", "1", "-o", "r\x1b[7m.json")
    assert status == 0, err
    assert not CONTROL.search(out + err)
    assert "[red]marked[/red] [/]" in out  # no markup
    assert "smile 😀 :smile:" in out  # no emoji by name
    assert r"\x1b[31mred" in out
    assert r"right\u202eleft" in out
    assert r"[link=x]y\x1b[5m\n\u2066" in out
    assert err == "saved r\\x1b[7m.json\n"
    status, out, err = cli("rank", "r\x1b[7m.json", "--group", CLASS)
    assert status == 0, err
    assert not CONTROL.search(out + err)
    assert r"events of [bold]\x1b[1m\u202es" in out


def test_figures_can_be_drawn(hostile, cli):
    assert cli(*words(hostile), "--order", "1", "-o", "r.json", "-q").status == 0
    status, out, err = cli("plot", "r.json", "-o", "f\x1b[31m", "--group", OTHER)
    assert status == 0, err
    assert not CONTROL.search(out + err)


def test_inspection_is_inert(hostile, cli):
    _, *call = words(hostile)
    status, out, err = cli("inspect", *call)
    assert status == 0, err
    assert not CONTROL.search(out + err)


def no_formula(name):
    """A name as a cell that no spreadsheet takes for a formula."""
    return f"'{name}" if name[:1] in tuple("=+-@\t\r") else name


def test_json_and_csv_hold_the_names_to_the_letter(hostile, cli):
    status, out, err = cli(*words(hostile), "--order", "1", "--json", "--csv", "table.csv")
    assert status == 0, err
    result = ot.TaylorResult.from_json(out)
    assert result.features == NAMES
    assert result.outputs == (OUTPUT,)
    assert set(result.groups) == {"all", CLASS, OTHER}
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", out)  # JSON escapes what a terminal obeys
    text = (hostile / "table.csv").read_text(encoding="utf-8")
    with (hostile / "table.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    for row, expected in zip(rows, result.rows(), strict=True):
        assert row["output"] == OUTPUT
        assert row["group"] == no_formula(expected["group"])
        assert row["label"] == no_formula(expected["label"])
        assert json.loads(row["features"]) == expected["features"]
    assert "'=1+2" in text
    assert not re.search(r'(^|,)"?=', text)  # no cell begins with it


@pytest.mark.parametrize(
    "call",
    [
        ("\x1b[31m\n",),
        ("analyze", "\x1b[31m\n", "x"),
        ("rank", "no\x1b]0;x\x07.json"),
        ("rank", "x", "--\x1b[31m"),
        ("rank", "x", "--top", "\x1b[31m\n"),
        ("analyze", "model.onnx", "no\u202e.csv"),
        ("analyze", "model.onnx", "events.csv", "--label", "\x1b[31mLabel"),
        ("analyze", "model.onnx", "events.csv", "--output", "\x1b[31m\n[red]"),
        ("analyze", "model.onnx", "events.csv", "--features", "@\x1b[31m\n"),
        ("analyze", "model.onnx", "events.csv", "--fix", "\x1b[31m\n"),
        ("analyze", "model.onnx", "events.csv", "--scale", "\x1b[31m\n"),
        ("analyze", "model.onnx", "events.csv", "-o", "\x1b[31m\n/x"),
        ("analyze", "model.onnx", "events.csv", "--resume", "events.csv/\x1b[31m"),
        ("analyze", "model.onnx", "events.csv", "--label", "\udcff"),
        ("plot", "no\udcff.json"),
    ],
)
def test_errors_are_one_inert_line(refused, call):
    assert not CONTROL.search(refused(*call))


def test_a_path_that_is_no_unicode(place, cli):
    """File names are bytes; those that are no UTF-8 have lone surrogates in Python."""
    (place / "model.onnx").rename(place / "m\udcff.onnx")
    call = ("analyze", "m\udcff.onnx", "events.csv", "--label", "Label", "--weight", "w")
    # the number of events that auto checks depends on time, and two calls are compared
    call = (*call, "--check", "8", "--check-method", "all")
    status, out, err = cli(*call, "-o", "r\udcfe.json")
    assert status == 0, err
    assert r"m\udcff.onnx" in out
    assert cli(*call, "--json").out == (place / "r\udcfe.json").read_text()
    assert cli("rank", "r\udcfe.json").status == 0
