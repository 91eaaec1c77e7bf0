"""A figure shows itself below its cell, whether or not the user has imported pyplot."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

WAY_OUT = "needs IPython: pip install ipython"

# A kernel is this shell behind a socket: cells run, then the backend publishes open figures.
PROGRAM = """
import sys
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
shell.display_pub = CapturingDisplayPublisher()

def cell(code):
    shell.display_pub.outputs.clear()
    shell.run_cell(code, silent=True).raise_error()
    return sum("image/png" in output["data"] for output in shell.display_pub.outputs)

assert cell("from onnxtaylor.results.taylor import TaylorResult") == 0
assert cell(f"r = TaylorResult.load({sys.argv[1]!r})") == 0
assert "matplotlib.pyplot" not in sys.modules
counts = [cell(code) for code in (
    "ax = r.plot.scores()",  # the first figure loads the backend
    "ax = r.plot.matrix()",
    "r.plot.curve(); r.plot.outputs()",
    f"r.plot.save({sys.argv[2]!r}, formats=['svg'])",
    "from matplotlib.figure import Figure; r.plot.scores(ax=Figure().add_subplot())",
)]
assert counts == [1, 1, 2, 0, 0], counts
"""


def test_figures_are_shown_below_their_cells(make_result, tmp_path):
    pytest.importorskip("IPython", reason=WAY_OUT)
    pytest.importorskip("matplotlib_inline", reason=WAY_OUT)
    make_result(3).save(tmp_path / "r.json")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "r.json"), str(tmp_path / "figures")],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=environment(tmp_path),
    )
    assert done.returncode == 0, done.stderr[-2000:]


def environment(home):
    """Of a kernel: the backend of notebooks, and nothing of the user's."""
    own = {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "IPYTHONDIR": str(home)}
    return {**os.environ, **own}
