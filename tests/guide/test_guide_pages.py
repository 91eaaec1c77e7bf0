"""Every command and every block of Python in the guide runs, and prints what stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import onnxtaylor
from onnxtaylor.guide import PAGES, page
from tests.guide.play import play, prepare

FOLDER = Path(onnxtaylor.__file__).parent / "guide"
QUICK = ("how",)  # the others are slow


@pytest.mark.parametrize(
    "name", [pytest.param(p, marks=() if p in QUICK else pytest.mark.slow) for p in PAGES]
)
def test_what_stands_on_a_page_is_true(name, tmp_path):
    folder = tmp_path / "page"
    folder.mkdir()
    prepare(folder)
    text = page(name)
    played = list(play(text, folder))
    assert [one.fault for one in played if one.fault] == []
    for one in played:
        assert one.actual == one.expected, "refresh with python -m tests.guide.refresh"
    for figure in re.findall(r"!\[[^\]]*\]\(figures/([\w.-]+)\)", text):
        assert (FOLDER / "figures" / figure).stat().st_size > 1000
        made = [folder / figure, *folder.glob(f"figures/*{figure}")]
        assert any(path.exists() for path in made), f"no block of {name}.md makes {figure}"
