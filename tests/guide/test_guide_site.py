"""The site is built of the same pages, without a warning."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import onnxtaylor
from onnxtaylor.guide import PAGES

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    for name in ("mkdocs", "material", "mkdocstrings"):
        pytest.importorskip(name, reason="needs the extra docs")
    out = tmp_path_factory.mktemp("site")
    call = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING -" not in done.stderr
    return out


@pytest.mark.slow
def test_every_page_and_every_public_name_is_there(site):
    for name in (*PAGES, "index", "reference"):
        assert (site / f"{name}.html").exists()
    reference = (site / "reference.html").read_text(encoding="utf-8")
    for name in onnxtaylor.__all__:
        assert name.startswith("_") or re.search(rf'id="onnxtaylor[\w.]*\.{name}"', reference), name


@pytest.mark.slow
def test_no_link_inside_the_site_is_dead(site):
    dead = []
    for page in site.glob("*.html"):
        if page.name == "404.html":
            continue
        for link in re.findall(r'(?:href|src)="([^"]+)"', page.read_text(encoding="utf-8")):
            target = link.partition("#")[0].partition("?")[0]
            if not target or re.match(r"(https?:|data:|mailto:)", target):
                continue
            if not (page.parent / target).exists():
                dead.append(f"{page.name}: {link}")
    assert dead == []


@pytest.mark.slow
def test_code_is_marked_up_and_no_comment_is_left(site):
    start = (site / "start.html").read_text(encoding="utf-8")
    assert "highlight" in start
    assert "<p>```" not in start
    assert "&lt;!--" not in (site / "index.html").read_text(encoding="utf-8")
