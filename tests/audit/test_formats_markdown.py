"""Markdown, read back by a parser of CommonMark with GitHub's tables."""

from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt

from onnxtaylor.audit.formats import FORMATS
from tests.audit.hostile_outcome import NAMES, TAME, made
from tests.audit.test_audit_outcome import check, finding, outcome

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
NO_WIDTH = "\u200b"


def tokens(text):
    """(type, words) of all pieces, those within lines, too."""
    found = []
    for token in PARSER.parse(text):
        found.append((token.type, "" if token.type == "inline" else token.content))
        found += [(child.type, child.content) for child in token.children or ()]
    return found


def cells(text):
    """Rows of all tables: what stands in their cells, as read."""
    rows, inside = [], False
    for token in PARSER.parse(text):
        if token.type == "tr_open":
            rows.append([])
        elif token.type in ("th_open", "td_open"):
            inside = True
        elif token.type == "inline" and inside:
            rows[-1].append("".join(child.content for child in token.children))
            inside = False
    return rows


def test_names_add_no_element():
    hostile, tame = (tokens(FORMATS["markdown"](made(names))) for names in (NAMES, TAME))
    # a text is cut in pieces by what is escaped in it: only its neighbours count
    kinds = [
        [k for place, k in enumerate(row) if k not in ("text", "text_special")] for row in
        ([kind for kind, _ in found] for found in (hostile, tame))
    ]  # fmt: skip
    assert kinds[0] == kinds[1]
    assert {"link_open", "image", "html_inline", "html_block", "em_open"}.isdisjoint(kinds[0])
    code = [words for kind, words in hostile if kind == "code_inline"]
    assert code == ["sha256 " + "0" * 64, "sha256 " + "1" * 64]


@pytest.mark.parametrize("seen", NAMES.values(), ids=ascii)
def test_names_are_legible(seen):
    names = list(NAMES.values())
    read = [
        [cell.replace(NO_WIDTH, "") for cell in row] for row in cells(FORMATS["markdown"](made()))
    ]
    assert ["❌ fail", seen, f"could not be run, so not passed: no {seen}"] in read
    assert ["data", f"/data/{seen}"] in read
    if seen in names[:10]:
        row = [f"feature '{seen}' leads", f"share of {seen}: {seen}", f"≤ {seen}", f"± {seen}"]
        assert row in read


def test_nothing_calls_people_or_links_after_the_markdown_was_read():
    """GitHub and GitLab look for these in the text that comes out: a backslash is gone by then."""
    text = " ".join(words for _, words in tokens(FORMATS["markdown"](made())))
    assert "everyone" in text
    assert not re.search(r"@\w|(?<!\w)[#!~&$%]\d|:[a-z+][a-z0-9+]*:", text)


def test_every_line_is_printable():
    assert all(line.isprintable() for line in FORMATS["markdown"](made()).split("\n"))


def test_the_verdict_then_the_gravest_checks_first():
    text = FORMATS["markdown"](
        outcome(
            check("one", "skipped"),
            check("two", "pass"),
            check("three", "fail", "warning", [finding("warning", message="mild")]),
            check("four", "fail", "error", [finding(message="grave")]),
            check("five", "error"),
        )
    )
    assert text.startswith(
        "### ❌ Audit of model.onnx\n\n**FAIL: 2 of 5 checks: four, five, 1 skipped**"
    )
    table = [row[:2] for row in cells(text)[1:6]]
    assert table == [
        ["❌ fail", "four"],
        ["❌ fail", "five"],
        ["⚠️ warning", "three"],
        ["✅ pass", "two"],
        ["➖ skipped", "one"],
    ]
    assert text.index("| grave |") < text.index("| mild |")


def test_a_finding_says_what_how_much_how_sure_where_and_what_to_do():
    text = FORMATS["markdown"](outcome(check(status="fail", findings=[finding()])))
    assert "| what | share: 0.1235 | ≤ 0.1 | ± 0.01 |" in text
    assert "Where: model " in text
    assert "What to do: do" in text


def test_long_lists_are_cut_and_counted():
    rows = [finding(message=f"number {k}") for k in range(23)]
    text = FORMATS["markdown"](outcome(check(status="fail", findings=rows)))
    assert "| number 9 |" in text
    assert "number 10" not in text
    assert "… and 13 more" in text
    assert text.count("What to do") == 1


def test_without_checks_it_says_so():
    text = FORMATS["markdown"](outcome())
    assert "**FAIL: no check was run**" in text
    assert len(cells(text)) == 1 + 6  # what was audited, under its head
