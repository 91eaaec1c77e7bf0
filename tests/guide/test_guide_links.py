"""Links, figures and commands of README and guide lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import onnxtaylor
from onnxtaylor.guide import PAGES, page, summary, title

ROOT = Path(__file__).parents[2]
FOLDER = Path(onnxtaylor.__file__).parent / "guide"
TEXTS = {
    "README.md": ROOT / "README.md",
    "CONTRIBUTING.md": ROOT / "CONTRIBUTING.md",
    **{f"guide/{name}.md": FOLDER / f"{name}.md" for name in PAGES},
}
LINK = re.compile(r"(?<!`)\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def links(text: str) -> list[str]:
    """The targets of all links and figures outside of code."""
    return LINK.findall(re.sub(r"`[^`\n]*`", "code", CODE.sub("", text)))


def anchors(text: str) -> set[str]:
    """The anchors that GitHub makes of the headings."""
    heads = re.findall(r"^#+ (.*)$", CODE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def dead(path: Path) -> list[str]:
    """The links of a page that lead nowhere."""
    missing = []
    for link in links(path.read_text(encoding="utf-8")):
        if re.match(r"https?://", link):
            continue
        name, _, anchor = link.partition("#")
        target = path if not name else path.parent / name
        if not target.exists() or (
            anchor and anchor not in anchors(target.read_text(encoding="utf-8"))
        ):
            missing.append(link)
    return missing


@pytest.mark.parametrize("name", TEXTS)
def test_no_link_is_dead(name):
    assert dead(TEXTS[name]) == []


def test_a_dead_one_would_be_noticed(tmp_path):
    text = "# A b\n[x](gone.md) [y](#a-b) [z](#c) ![f](no.png) `[k](code.md)` [w](https://a.org)\n"
    (tmp_path / "p.md").write_text(text)
    assert dead(tmp_path / "p.md") == ["gone.md", "#c", "no.png"]


def test_the_links_are_found():
    assert "onnxtaylor/guide/start.md" in links(TEXTS["README.md"].read_text(encoding="utf-8"))
    assert len(links(page("start"))) > 10


def test_every_page_is_listed_and_can_be_reached():
    assert sorted(path.stem for path in FOLDER.glob("*.md")) == sorted(PAGES)
    reached = {link for text in TEXTS.values() for link in links(text.read_text(encoding="utf-8"))}
    stems = {Path(link.partition("#")[0]).stem for link in reached}
    assert set(PAGES) <= stems


def test_every_figure_is_shown():
    shown = {Path(link).name for name in PAGES for link in links(page(name))}
    assert {path.name for path in (FOLDER / "figures").iterdir()} <= shown


@pytest.mark.parametrize("name", PAGES)
def test_a_page_begins_with_heading_and_summary(name):
    assert page(name).startswith("# ")
    assert 3 < len(title(name)) < 60
    assert 20 < len(summary(name)) < 200
    assert "`" not in summary(name)


def test_the_readme_is_read_in_a_minute():
    assert len(TEXTS["README.md"].read_text(encoding="utf-8").splitlines()) <= 150


def test_numbers_of_the_readme_are_those_of_the_demo():
    """The rows of the demo in README stand in the guide's output, which a test makes."""
    readme, start = TEXTS["README.md"].read_text(encoding="utf-8"), page("start")
    rows = re.findall(r"^ +\d+ +\d+ +DER.*$", readme, re.MULTILINE)
    assert len(rows) >= 3
    for row in rows:
        assert re.sub(" +", " ", row.strip()) in re.sub(" +", " ", start)
