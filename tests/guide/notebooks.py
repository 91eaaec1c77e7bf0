"""Runs the code of notebooks, cell by cell; ``python -m tests.guide.notebooks`` writes the outputs.

The cells are plain Python, so that no kernel is needed. What they print is kept in the notebook.
"""

from __future__ import annotations

import io
import json
import tempfile
from contextlib import chdir, redirect_stdout
from pathlib import Path
from typing import Any

from tests.guide.blocks import agrees

__all__ = ["FOLDER", "run"]

FOLDER = Path(__file__).parents[2] / "validation" / "notebooks"


def run(path: Path, folder: Path) -> list[tuple[str, str]]:
    """Runs the cells in a folder; returns what each is expected to print, and what it printed."""
    names: dict[str, Any] = {"__name__": "__main__"}
    told = []
    for cell in _cells(json.loads(path.read_text(encoding="utf-8"))):
        out = io.StringIO()
        with chdir(folder), redirect_stdout(out):
            exec(compile("".join(cell["source"]), f"<{path.name}>", "exec"), names)
        shown = "".join(line for one in cell["outputs"] for line in one["text"])
        told.append((shown, out.getvalue()))
    return told


def _cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the cells of code."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def _write(path: Path) -> None:
    """Runs a notebook, and writes outputs that differ from those that it has."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        told = run(path, Path(folder))
    for k, (cell, (shown, printed)) in enumerate(zip(_cells(notebook), told, strict=True), start=1):
        cell["execution_count"] = k
        if not agrees(shown, printed):
            lines = printed.splitlines(keepends=True)
            stream = {"name": "stdout", "output_type": "stream", "text": lines}
            cell["outputs"] = [stream] if lines else []
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for one in sorted(FOLDER.glob("*.ipynb")):
        _write(one)
        print(one.name)
