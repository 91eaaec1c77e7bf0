"""The page as text: inert, alone, the same each time, and small."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files

import numpy as np
import pytest

from onnxtaylor.errors import OptionError
from onnxtaylor.views.report import SCRIPTS, html
from onnxtaylor.views.report.page import LIBRARIES, embedded, name, render
from tests.views.plot.figures import CMS, HIGGS
from tests.views.report.hostile import NAMES, OUTPUTS, SCRIPT, VISIBLE, hostile
from tests.views.report.pages import Page

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
ASSETS = files("onnxtaylor.views.report") / "assets"


@pytest.fixture(scope="module")
def five(make_result):
    return make_result(HIGGS, CMS, CMS, scale="sigma")


@pytest.fixture(scope="module")
def page(five):
    return Page(html(five))


@pytest.fixture(scope="module")
def evil(make_result):
    return html(hostile(make_result))


def test_the_page_is_well_formed(page):
    assert page.open == []
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for link in page.all("a"):
        assert link["href"] is not None
        assert link["href"].removeprefix("#") in ids


def test_nothing_is_loaded(page):
    """No attribute names an address, and the policy would not let one be asked."""
    for tag, attributes in page.elements:
        for key in ("src", "srcset", "action", "formaction", "poster", "background", "style"):
            assert key not in attributes, tag
        assert not any(key.startswith("on") for key in attributes)
        assert (attributes.get("href") or "#").startswith(("#", "data:,"))
    assert "@import" not in page.code["style"][0]
    assert "url(" not in page.code["style"][0]
    assert page.policy["default-src"] == ["'none'"]
    assert set(page.policy) == {
        *("default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"),
    }
    assert page.policy["img-src"] == ["data:"]
    assert page.policy["base-uri"] == page.policy["form-action"] == ["'none'"]


def test_the_policy_allows_what_the_page_holds_and_nothing_else(page):
    def digest(text):
        value = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        return f"'sha256-{value}'"

    # the first script is data, which browsers do not run
    assert page.policy["script-src"] == [digest(code) for code in page.code["script"][1:]]
    assert page.policy["style-src"][0] == digest(page.code["style"][0])
    assert len(page.policy["style-src"]) == 2  # and that of the figures
    assert "unsafe" not in str(page.policy)


def test_a_page_without_scripts_allows_none(monkeypatch, tmp_path):
    (tmp_path / "more" / "templates").mkdir(parents=True)
    (tmp_path / "more" / "__init__.py").touch()
    (tmp_path / "more" / "templates" / "more.html").write_text(
        '{% extends "base.html" %}{% from "macros.html" import badge, checks_table with context %}'
        '{% set sections = [("a", "A")] %}{% block main %}<section id="a">{{ badge("error") }}'
        "{{ checks_table(rows, 'x') }}{{ thing | name }}</section>{% endblock %}"
    )
    monkeypatch.syspath_prepend(tmp_path)
    rows = [{"status": "pass", "check": "c", "message": SCRIPT, "subject": None, "advice": "a"}]
    page = Page(render("more.html", packages=("more",), data={}, rows=rows, thing="<b>"))
    assert page.policy["script-src"] == ["'none'"]
    assert page.all("script") == []
    assert SCRIPT in page.text
    assert "fail" in page.text


def test_names_come_out_inert_and_legible(evil):
    page = Page(evil)
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"img", "b", "u", "q", "s", "iframe", "object", "base", "form"}
    assert len(page.all("script")) == len(LIBRARIES) + len(SCRIPTS) + 1
    assert len(page.all("title")) == len(page.all("style")) == 1
    assert not CONTROL.search(evil.replace("\r\n", "\n"))
    for shown in (SCRIPT, NAMES[1], NAMES[2], *VISIBLE, NAMES[7], NAMES[9], NAMES[10], "<!--<"):
        assert shown in page.text, shown
    assert "49{" not in page.text
    assert page.data["features"][0] == SCRIPT
    assert page.data["features"][3:5] == list(VISIBLE[:2])
    assert page.data["outputs"][1] == "<i>(\\u202eabc\\n\\x1b[5m)"
    assert OUTPUTS[0] in page.data["outputs"][0]


def test_data_cannot_end_their_element(evil):
    (block,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', evil, re.S)
    assert not set("<>&") & set(block)
    assert embedded({"a": "]]></script><!--"}).count("<") == 0


def test_a_name_is_kept_apart():
    assert name("a_b\n") == "<bdi>a_<wbr>b\\n</bdi>"
    assert name("x" * 500).endswith("…</bdi>")


def test_equal_results_give_equal_pages(five, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1500000000")
    once = html(five)
    assert once == html(five)
    assert once.count("2017-07-14 02:40:00 UTC") == 1
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1600000000")
    later = html(five)
    assert later.replace("2020-09-13 12:26:40", "2017-07-14 02:40:00") == once


def test_without_a_fixed_time_only_the_time_differs(five, monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    time = r"<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC</time>"
    first, second = (re.subn(time, "", html(five)) for _ in range(2))
    assert first == second
    assert first[1] == 1


@pytest.mark.parametrize("epoch", ["soon", "1.5", "9" * 30])
def test_a_time_that_is_none(five, monkeypatch, epoch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    with pytest.raises(OptionError, match="SOURCE_DATE_EPOCH"):
        html(five)


def test_the_page_is_small(five):
    """495 coefficients of 5 outputs in 6 groups, with intervals and bounds of numerical errors."""
    from dataclasses import replace

    full = replace(five, numerical_error=five.score * np.pi * 1e-7)
    assert len(html(full).encode()) < 2_500_000


def test_the_method_of_the_result(five, make_result):
    assert five.to_html(title="T").count("<title>T</title>") == 1
    assert "What is the response of <bdi>model.onnx</bdi> made of?" in five.to_html()


def test_finite_steps_are_no_derivatives(make_result):
    from dataclasses import replace

    told = {"asked": {"*": "0.5sigma", "n": "1"}, "whole": ["n"], "not_moved": {"k": "one-hot"}}
    result = make_result(3, classes=("s",), scale="step", finite_step=told)
    result = replace(result, model=replace(result.model, engine="finite-step"))
    page = Page(html(result))
    assert page.data["symbol"] == "r"
    assert page.data["units"] == "per step"
    assert "finite-step response" in page.text
    assert "⟨r⟩" in page.text
    assert "⟨t⟩" not in page.text
    assert "Taylor coefficients of" not in page.text
    assert "no Taylor coefficients" in page.text
    assert "all others by 0.5sigma, n by 1." in page.text
    assert "k was not moved: one-hot" in page.text


@pytest.mark.parametrize("order", [1, 3])
def test_other_orders(make_result, order):
    page = Page(html(make_result(4, order=order)))
    assert ("matrix" in {a.get("id") for a in page.all("section")}) == (order > 1)
    assert ("Third order" in page.text) == (order == 3)
    assert ("Auto-correlation" in page.text) == (order > 1)


def test_libraries_are_those_that_the_readme_names():
    readme = (ASSETS / "vendor" / "README.md").read_text(encoding="utf-8")
    for path in LIBRARIES:
        content = (ASSETS / path).read_bytes()
        assert hashlib.sha256(content).hexdigest() in readme
        assert path.rpartition("/")[2] in readme
    licences = [f.name for f in (ASSETS / "vendor").iterdir() if f.name.startswith("LICENSE")]
    assert len(licences) == len(LIBRARIES)
    assert all(licence in readme for licence in licences)


@pytest.mark.parametrize("path", [*LIBRARIES, *SCRIPTS, "page.css"])
def test_no_asset_ends_its_element(path):
    text = (ASSETS / path).read_text(encoding="utf-8").lower()
    for end in ("</script", "</style", "<!--"):
        assert end not in text


def test_the_style_of_figures_is_that_of_the_library():
    """The rules that Plot writes into each figure, as its source has them."""
    from onnxtaylor.views.report.page import PLOT_CLASS, PLOT_STYLE

    source = (ASSETS / "vendor" / "plot.umd.min.js").read_text(encoding="utf-8")
    found = re.findall(
        r"append\(\"style\"\)\.text\(`(:where\(\.\$\{\w+\}\) \{.*?)`\)", source, re.S
    )
    rules = [re.sub(r"\$\{\w+\}", PLOT_CLASS, text).replace(r"\n", "\n") for text in found]
    assert PLOT_STYLE in rules
