"""The page: read by Python's parser, with names that try to be more than names."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

import onnxtaylor as ot
from onnxtaylor.audit.finding import Subject
from onnxtaylor.audit.formats import FORMATS
from tests.audit.hostile_outcome import NAMES, TAME, made
from tests.audit.test_audit_outcome import check, finding, outcome
from tests.views.report.pages import Page


def page(audit):
    return Page(FORMATS["html"](audit))


def test_names_add_no_element():
    hostile, tame = (Counter(tag for tag, _ in page(made(n)).elements) for n in (NAMES, TAME))
    for counted in (hostile, tame):
        del counted["wbr"]  # where a long name may break
    assert hostile == tame
    assert hostile["script"] == 0


def test_no_script_runs_and_nothing_is_loaded():
    read = page(made())
    assert read.policy["default-src"] == ["'none'"]
    assert read.policy["script-src"] == ["'none'"]
    for _, attributes in read.elements:
        assert not any(name.startswith("on") or name == "style" for name in attributes)
        for name in ("src", "href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:,"))


@pytest.mark.parametrize("seen", NAMES.values(), ids=ascii)
def test_names_are_legible(seen):
    text = page(made()).text
    shown = " ".join(seen.split())
    assert f"feature '{shown}' leads" in text
    assert f"share of {shown}: {shown}" in text
    assert f"What to do: drop {shown}" in text
    assert f"/data/{shown}" in text
    assert f"could not be run, so not passed: no {shown}" in text


def test_counts_agree_and_every_check_has_a_row():
    audit = made()
    text = FORMATS["html"](audit)
    read = Page(text)
    count = audit.counts()
    words = ("Passed", "With findings", "Could not be run", "Skipped")
    told = " ".join(f"{w}{count[s]}" for w, s in zip(words, count, strict=True))
    assert told in read.text
    table = text[text.index('<table class="checks') : text.index("</table>")]
    assert table.count("<tr>") == 1 + len(audit.checks)
    assert audit.verdict in read.text


def test_many_findings_are_folded_and_all_there():
    rows = [finding(message=f"number {k}.", subject=Subject("feature", f"x{k}")) for k in range(23)]
    read = page(outcome(check(status="fail", findings=rows)))
    assert all(f"number {k}." in read.text for k in range(23))
    assert "13 more" in read.text
    assert len(read.all("details")) == 1


def test_findings_about_one_feature_are_one_row():
    rows = [
        finding(message=f"{k} of {name}.", subject=Subject("feature", name, output=f"y{k}"))
        for name in ("pt", "eta")
        for k in range(3)
    ]
    text = FORMATS["html"](outcome(check(status="fail", findings=rows)))
    above, below = text.split("<summary>4 more</summary>")
    assert "0 of pt." in above and "0 of eta." in above and "1 of pt." not in above  # noqa: PT018
    assert "and 2 more about 'pt'" in Page(above).text
    assert all(f"{k} of {name}." in below for name in ("pt", "eta") for k in (1, 2))


def test_the_verdict_stands_there_once():
    audit = outcome(check(status="fail", findings=[finding()]))
    body = FORMATS["html"](audit).partition("<body>")[2]
    assert (body.count(audit.verdict), body.count(">failed<")) == (1, 0)


def test_sections_of_the_navigation_exist():
    read = page(made())
    ids = [a["id"] for _, a in read.elements if "id" in a]
    assert len(ids) == len(set(ids))
    links = [a["href"][1:] for a in read.all("a")]
    assert set(links) <= set(ids)
    assert "findings" in links
    assert "findings" not in [a["href"][1:] for a in page(outcome(check())).all("a")]


def test_without_checks_it_says_so():
    text = page(outcome()).text
    assert "FAIL: no check was run" in text
    assert "The policy has no check." in text


def test_where_there_is_a_result_its_ranking_is_shown(sound):
    result = ot.analyze(sound.model, sound.data, scale="sigma", check=0, bootstrap=0)
    audit = outcome(check())
    without, with_it = page(audit).text, page(replace(audit, result=result)).text
    assert "Ranking" not in without
    first = result.top(1)[0]
    assert "What leads y, over all events." in with_it
    assert " ".join(first["features"]).replace(" ", ", ") in with_it
    assert f"{first['score']:.3f}" in with_it


def test_its_time_is_the_time_of_the_audit(monkeypatch):
    audit = made()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    text = FORMATS["html"](audit)
    assert "1970-01-01 00:00:00 UTC" in text
    assert "1970-01-02" not in text
