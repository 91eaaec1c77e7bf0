"""Odd surroundings: variables that libraries cannot read, closed files, warnings of libraries."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def call(place, *words, shell="", **environment):
    """Runs a command in a fresh process, with redirections of the shell."""
    line = f'"{sys.executable}" -m onnxtaylor {" ".join(words)} {shell}'
    return subprocess.run(
        ["sh", "-c", line],
        cwd=place,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


ANALYZE = (
    "analyze",
    "model.onnx",
    "events.csv",
    "--label",
    "Label",
    "--weight",
    "w",
    "--engine",
    "differences",
)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("NUMBA_NUM_THREADS", "0", "must be a whole number of at least 1, got '0'"),
        ("NUMBA_NUM_THREADS", "-3", "must be a whole number of at least 1, got '-3'"),
        ("NUMBA_NUM_THREADS", "many", "must be a whole number of at least 1, got 'many'"),
        ("NUMBA_THREADING_LAYER", "none", "must be default, safe, threadsafe, forksafe, tbb, omp"),
        ("SOURCE_DATE_EPOCH", "abc", "must be the seconds since 1970, got 'abc'"),
    ],
)
def test_a_variable_that_nobody_can_read_gets_one_line(place, name, value, told):
    done = call(place, *ANALYZE, "-o", "result.json", **{name: value})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {name} {told}")
    assert done.stderr.count("\n") == 1
    assert not (place / "result.json").exists()


def test_a_threading_layer_that_is_not_installed(place):
    code = "import numba.np.ufunc.tbbpool"
    there = subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
    done = call(place, *ANALYZE, NUMBA_THREADING_LAYER="tbb")
    assert done.returncode == (0 if there else 2)
    assert there or done.stderr == (
        "error: NUMBA_THREADING_LAYER is tbb, which is not installed here: unset it\n"
    )


@pytest.mark.parametrize("layer", ["workqueue", "default"])
def test_a_threading_layer_that_is_there(place, layer):
    assert call(place, *ANALYZE, NUMBA_THREADING_LAYER=layer).returncode == 0


def test_closed_stderr_takes_nothing_into_stdout_or_the_result(place):
    usual = call(place, *ANALYZE, "--json")
    closed = call(place, *ANALYZE, "--json", "-o", "result.json", shell="2>&-")
    assert (usual.returncode, closed.returncode) == (0, 0)
    assert closed.stdout == usual.stdout
    assert (place / "result.json").read_text() == usual.stdout
    wrong = call(place, "analyze", "no.onnx", "events.csv", shell="2>&-")
    assert (wrong.returncode, wrong.stdout) == (2, "")


CLOSED = "error: stdout is closed, and the output is lost: direct it to a file, or to /dev/null\n"
FULL = "error: stdout: No space left on device: the output is not complete\n"


@pytest.mark.parametrize(("shell", "told"), [(">&- <&-", CLOSED), (">/dev/full", FULL)])
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", [("schema", "result"), ("operators",), ("--version",)])
def test_a_stdout_that_takes_nothing(tmp_path, words, unbuffered, shell, told):
    done = call(tmp_path, *words, shell=shell, PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", told)


@pytest.mark.parametrize("shell", [">&- <&-", ">/dev/full"])
def test_who_prints_nothing_needs_no_stdout(place, shell):
    done = call(place, *ANALYZE, "-o", "result.json", "-q", shell=shell)
    assert (done.returncode, done.stderr) == (0, "")
    done = call(place, *ANALYZE, "-o", "/dev/stdout", "-q", shell=shell)
    assert done.returncode == 2
    assert done.stderr.startswith("error: /dev/stdout: cannot be written: ")
    assert done.stderr.count("\n") == 1


def test_closed_stdin(place):
    done = call(place, "analyze", "model.onnx", "-", shell="<&-")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("stdin is closed\n")


def test_a_stderr_that_is_full_stops_nothing(place):
    usual = call(place, *ANALYZE, "--json")
    full = call(place, *ANALYZE, "--json", "-o", "result.json", shell="2>/dev/full")
    assert (full.returncode, full.stdout) == (0, usual.stdout)
    wrong = call(place, "analyze", "no.onnx", "events.csv", shell="2>/dev/full")
    assert (wrong.returncode, wrong.stdout) == (2, "")


WARNS = """
import sys, warnings
import numpy as np
from onnxtaylor.cli import main
import onnxtaylor.run.inspect as module
usual = module.inspect_model
def noisy(*a, **k):
    np.float64(1e308) * np.float64(1e308)
    np.array([np.nan]).astype(int)
    warnings.warn("of a library", UserWarning)
    warnings.warn("of a library", FutureWarning)
    return usual(*a, **k)
module.inspect_model = noisy
sys.exit(main(["inspect", "model.onnx"]))
"""


@pytest.mark.parametrize("asked", [False, True])
def test_warnings_of_libraries_are_for_those_who_ask(place, asked):
    words = [sys.executable, *["-Wdefault::FutureWarning"] * asked, "-c", WARNS]
    done = subprocess.run(words, cwd=place, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    assert ("FutureWarning: of a library" in done.stderr) == asked
    assert asked or done.stderr == ""
