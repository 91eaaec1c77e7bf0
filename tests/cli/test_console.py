"""How numbers are written down, and what fits into a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

from onnxtaylor.cli.console import plus_minus, ranking_table
from tests.conftest import synthetic_result

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.23537, 0.00974, "0.2354 ± 0.0097"),
        (0.5, 0.0, "0.5 ± 0"),
        (0.0, 0.0, "0 ± 0"),
        (0.0, 0.012, "0.000 ± 0.012"),
        (1234.56, 67.0, "1235 ± 67"),
        (12345.6, 678.0, "12346 ± 678"),
        (1.0, 0.0996, "1.00 ± 0.10"),
        (1.0, 0.0994, "1.000 ± 0.099"),
        (10.0, 9.96, "10 ± 10"),
        (-0.5, 0.1, "-0.50 ± 0.10"),
        (1e-9, 1e-11, "1.000e-09 ± 1.0e-11"),
        (1e-9, 3e-3, "0.0000 ± 0.0030"),
        (2.5e-5, 1e-6, "2.50e-05 ± 1.0e-06"),
        (5.0, 1e-12, "5.000000000000e+00 ± 1.0e-12"),
        (1e6, 1e3, "1.0000e+06 ± 1.0e+03"),
        (1e300, 1e299, "1.00e+300 ± 1.0e+299"),
        (5e-324, 5e-324, "4.9e-324 ± 4.9e-324"),
        (float("nan"), 0.1, "nan ± 0.1"),
        (0.1, float("nan"), "0.1 ± nan"),
        (float("inf"), float("inf"), "inf ± inf"),
    ],
)
def test_two_digits_of_the_uncertainty(value, error, text):
    assert plus_minus(value, error) == text


def test_the_signed_mean_has_the_decimals_of_the_score():
    row = {"rank": 1, "rank_low": None, "rank_high": None, "label": "a", "features": ["a"]}
    row |= {"score": 0.11, "sem": 0.0042, "signed_mean": -0.11}
    table = ranking_table([row], title="y", total=1)
    assert [next(iter(column.cells)) for column in table.columns][-2:] == [
        "0.1100 ± 0.0042",
        "-0.1100",
    ]
    assert len(table.columns) == 4  # no intervals: no column for them


def test_the_numerical_error_has_a_column_where_there_is_one():
    row = {"rank": 1, "rank_low": None, "rank_high": None, "label": "a", "features": ["a"]}
    row |= {"score": 0.11, "sem": 0.0042, "signed_mean": -0.11, "numerical_error": 2.34e-9}
    table = ranking_table([row, row | {"numerical_error": None}], title="y", total=2)
    columns = {column.header: list(column.cells) for column in table.columns}
    assert columns["num. error"] == ["2.3e-09", "unknown"]


def on_terminal(call, columns, cwd):
    """What a terminal of so many columns is sent, without its escapes."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    settings = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "onnxtaylor", *call],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=cwd,
        env=settings | {"TERM": "xterm-256color"},
    )
    os.close(slave)
    sent = b""
    while True:
        try:
            part = os.read(master, 2**16)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        sent += part
    os.close(master)
    return process.wait(), ESCAPE.sub("", sent.decode()).replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [30, 66, 80, 120])
def test_a_narrow_terminal_cuts_no_number(tmp_path, columns):
    names = [f"a_rather_long_name_of_feature_{k}" for k in range(4)]
    result = synthetic_result(names, classes=("s", "b"))
    result.save(tmp_path / "result.json")
    status, shown = on_terminal(["rank", "result.json", "--top", "14"], columns, tmp_path)
    assert status == 0
    assert "…" not in shown
    for row in result.top(14):
        assert plus_minus(row["score"], row["sem"]) in shown
        low, high = row["rank_low"], row["rank_high"]
        assert f"{low}–{high}" in shown
    widest = max(len(line) for line in shown.splitlines())
    assert widest <= max(columns, 72)
    if columns == 120:
        assert f"{names[0]}, {names[1]}" in shown


def test_piped_names_are_whole(tmp_path, cli):
    names = ["n" * 100, "m" * 100]
    synthetic_result(names).save("result.json")
    out = cli("rank", "result.json").out
    assert f"{names[0]}, {names[1]}" in out
    assert not any(line.endswith(" ") for line in out.splitlines())


@pytest.mark.parametrize("columns", [80, 120])
def test_progress_is_drawn_on_a_terminal_and_taken_away(place, columns):
    call = ["analyze", "model.onnx", "events.csv", "--label", "Label", "--weight", "w"]
    status, shown = on_terminal([*call, "--top", "1"], columns, place)
    assert status == 0
    lines = [line for part in shown.split("\n") for line in part.split("\r")]
    drawn = [line for line in lines if re.search("coefficients .*[━╸╺]", line)]
    assert drawn
    assert any("60/60 events" in line for line in drawn)
    assert max(map(len, drawn)) <= columns
    assert "9 coefficients of 1 response" in shown
    status, shown = on_terminal([*call, "-q"], columns, place)
    assert (status, shown) == (0, "")


def test_no_progress_where_nobody_looks(cli):
    call = ["analyze", "model.onnx", "events.csv", "--label", "Label", "--weight", "w"]
    assert cli(*call).err == ""
