"""A command does without SciPy's linear algebra; a program that uses the library keeps it."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import files

import pytest

DEMO = files("onnxtaylor") / "demo"
COMMAND = ["analyze", f"{DEMO / 'higgs.onnx'}", f"{DEMO / 'higgs.parquet'}", "--events", "50"]
REPORT = "import numba.np.arraymath as a\nprint('scipy.linalg' in sys.modules, a._HAVE_BLAS)"


def last_line(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("call", "imported"), [("main()", "False False"), ("main(sys.argv[1:])", "True True")]
)
def test_only_the_process_of_a_command_leaves_it_out(call: str, imported: str):
    code = f"import sys\nfrom onnxtaylor.cli import main\nassert {call} == 0\n{REPORT}"
    assert last_line(code, *COMMAND, "--order", "1") == imported


def test_it_can_be_imported_afterwards():
    code = f"import sys\nfrom onnxtaylor.cli import main\nmain()\n{REPORT}\nimport scipy.linalg\n"
    code += "print(scipy.linalg.det([[2.0]]))"
    assert last_line(code, *COMMAND, "--order", "1") == "2.0"
