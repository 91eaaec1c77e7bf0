"""A mapped file that is cut between the look at it and its use: SIGBUS, told in one line."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pytest

from tests.cli.conftest import write_model

# the file is cut behind the look at it that comes before a piece is read
PROGRAM = """
import os, sys
from onnxtaylor.files.unchanged import FileState
looks, usual = [], FileState.require_same
def require_same(self):
    usual(self)
    looks.append(self.path)
    if len(looks) == {look}:
        os.truncate(self.path, 4096)
FileState.require_same = require_same
sys.argv[1:] = ["analyze", "model.onnx", "{file}", "--check", "0", "-o", "result.json"]
from onnxtaylor.cli import command
command()
"""
ROWS = 200_000


def write_npy(path, x):
    np.save(path, x)


def write_arrow(path, x):
    table = pa.table({name: x[:, i] for i, name in enumerate("abc")})
    pa.feather.write_feather(table, path, compression="uncompressed")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not let mapped files be cut")
@pytest.mark.parametrize(
    ("look", "told"),
    [(3, "SIGBUS (an access to what is not there, as in a file that was cut"), (4, "was changed")],
    ids=["before a piece", "behind it"],
)
@pytest.mark.parametrize(
    ("file", "write"), [("events.npy", write_npy), ("events.arrow", write_arrow)]
)
def test_a_file_that_is_cut_while_it_is_mapped(tmp_path, file, write, look, told):
    write_model(tmp_path / "model.onnx")
    write(tmp_path / file, np.random.default_rng(0).normal(size=(ROWS, 3)))
    (tmp_path / "program.py").write_text(PROGRAM.format(file=file, look=look))
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert told in done.stderr
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"model.onnx", "program.py", file}
