"""The notebooks run, and print what stands in them."""

from __future__ import annotations

import json

import pytest

from tests.guide.blocks import agrees
from tests.guide.notebooks import FOLDER, run

NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
NEEDS = {"frameworks": "torch"}


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_true(path, tmp_path):
    if path.stem in NEEDS:
        pytest.importorskip(NEEDS[path.stem], reason=f"needs {NEEDS[path.stem]}")
    for shown, printed in run(path, tmp_path):
        assert agrees(shown, printed), f"shown:\n{shown}\nprinted:\n{printed}"


def test_there_is_one_for_each_kind_of_user():
    assert {path.stem for path in NOTEBOOKS} == {"physicist", "auditor", "frameworks"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_small_and_shows_something(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4
    assert path.stat().st_size < 30_000
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert sum(bool(cell["outputs"]) for cell in cells) >= 2
    assert any(cell["cell_type"] == "markdown" for cell in notebook["cells"])
