"""What a notebook shows of an audit."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from tests.audit.hostile_outcome import made


class Read(HTMLParser):
    """The text between tags, and the kinds of tags."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.words = set(), []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture
def outcome():
    return made()


def test_verdict_and_every_check_are_shown_and_names_are_inert(outcome):
    page = outcome._repr_html_()
    read = Read(page)
    layout = {"div", "p", "strong", "br", "table", "thead", "tr", "th", "tbody", "td"}
    assert read.tags == layout | {"bdi", "wbr"}  # names keep their direction, and may break
    text = "".join(read.words)
    assert outcome.verdict in text
    assert page.count("<tr>") == 1 + len(outcome.checks)
    assert all(c.isprintable() or c == "\n" for c in page)


def test_findings_beyond_three_are_counted(outcome):
    check = next(c for c in outcome.checks if c.findings)
    many = replace(outcome, checks=(replace(check, findings=check.findings[:1] * 5),))
    text = "".join(Read(many._repr_html_()).words)
    assert "… and 2 more" in text
