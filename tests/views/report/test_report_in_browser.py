"""The page in a browser, from a file: for everybody, on any screen, and it asks for nothing."""

from __future__ import annotations

import socket

import pytest

from onnxtaylor.views.report import html
from tests.views.report.hostile import NAMES, SCRIPT, hostile
from tests.views.report.pages import labels

pytestmark = pytest.mark.slow

PHONE = 360


# ---- nothing goes in or out


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [PHONE, 1280])
def test_it_opens_without_a_complaint_and_asks_for_nothing(browser, page, width, dark):
    browser.open(page, width=width, dark=dark)
    browser.wait(lambda: len(browser.all("#bars svg, #curve svg")) == 2)
    asked = browser.requests()
    assert len(asked) == 1
    assert asked[0].startswith("file://")
    assert browser.messages() == []


@pytest.fixture
def listener():
    """A socket on this machine that anybody may call."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        yield server


def test_the_policy_stops_what_a_script_would_send(browser, page, listener):
    """Were a name to run as code, it could not tell anybody, nor add more code."""
    host, port = listener.getsockname()
    browser.open(page)
    blocked = browser.driver.execute_async_script(
        """
        const [address, done] = arguments, found = [];
        const heard = (event) => found.push(event.effectiveDirective);
        document.addEventListener("securitypolicyviolation", heard);
        const add = (tag, fields) =>
          document.body.append(Object.assign(document.createElement(tag), fields));
        fetch(address).catch(() => 0);
        add("img", {src: address + "i.png"});
        add("script", {textContent: "window.added = 1"});
        add("p", {innerHTML: '<b style="color: red" onclick="window.added = 1">x</b>'});
        document.querySelector("p > b[onclick]").click();
        setTimeout(() => done(found), 300);
        """,
        f"http://{host}:{port}/",
    )
    assert set(blocked) >= {
        *("connect-src", "img-src", "script-src-elem", "script-src-attr"),
        "style-src-attr",
    }
    assert browser.run("return window.added") is None
    with pytest.raises(TimeoutError):
        listener.accept()
    with socket.create_connection((host, port)):  # a call would have been heard
        listener.accept()[0].close()


def test_hostile_names_are_inert_and_legible(browser, make_result):
    result = hostile(make_result)
    browser.command(
        "Page.addScriptToEvaluateOnNewDocument",
        source="window.alert = () => { window.alarmed = true; };",
    )
    browser.open(html(result))
    browser.wait(lambda: browser.all("#bars svg text"))
    for output in range(3):
        for group in range(4):
            browser.choose("#output", output)
            browser.choose("#group", group)
    assert browser.run("return window.alarmed") is None
    assert browser.messages() == []
    assert browser.all("img, iframe, object, embed, base, form, main script, u, q") == []
    browser.choose("#output", 0)
    browser.choose("#group", 0)
    shown = {row["features"][0]: row for row in result.top(200) if row["order"] == 1}
    browser.choose("#kind", 0)
    browser.run("document.querySelector('.dt-length select').value = -1")
    browser.run("document.querySelector('.dt-length select').dispatchEvent(new Event('change'))")
    cells = browser.column(3)
    assert len(cells) == len(shown) == len(NAMES)
    assert {SCRIPT, NAMES[1], NAMES[2], NAMES[7], NAMES[9], NAMES[12]} <= set(cells)
    assert {"line\\nend\\r\\ttab", "right\\u202eleft", "(no name)"} <= set(cells)
    # and can be searched for
    for name in (SCRIPT, "&amp;", "שלום"):
        search = browser.one(".dt-search input")
        search.clear()
        search.send_keys(name)
        assert [name in cell for cell in browser.column(3)] == [True]


@pytest.mark.parametrize("evil", [False, True])
def test_a_phone_scrolls_in_one_direction(browser, page, make_result, evil):
    browser.open(html(hostile(make_result)) if evil else page, width=PHONE)
    assert browser.run("return document.documentElement.scrollWidth") <= PHONE
    outside = browser.run(
        "return [...document.querySelectorAll('main *')]"
        ".filter(e => !e.closest('.scroll, .hidden, svg'))"
        ".filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML)"
    )
    assert outside == []
    small = browser.run(
        "return [...document.querySelectorAll('.figure text')].map(e => {"
        " const svg = e.ownerSVGElement, size = parseFloat(getComputedStyle(e).fontSize);"
        " return size * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width; })"
    )
    assert min(small) >= 10


# ---- for everybody


def test_keys_alone_reach_everything(browser, page):
    from tests.views.report.browser import TAB

    browser.open(page)
    browser.run("document.body.focus()")
    reached = []
    browser.one("body").send_keys(TAB)
    for _ in range(80):
        reached.append(browser.focused())
        assert browser.run(
            "const e = document.activeElement, s = getComputedStyle(e);"
            "return e === document.body || s.outlineStyle !== 'none'"
        ), reached[-1]
        browser.press(TAB)
    assert reached[0] == "Skip to the content"
    text = "\n".join(reached)
    for wanted in (
        "output",
        "group",
        "kind",
        "view",
        "Table of coefficients",
        "Groups of events (6)",
    ):
        assert wanted in reached, wanted
    for start in ("rank", "signed mean", "feature"):
        assert any(word.startswith(start) for word in reached), text
    assert any("⟨t⟩ = " in word for word in reached)  # a cell of the matrix
    assert browser.run(
        "return [...document.querySelectorAll('input, select')].every(e => e.labels.length)"
    )


def luminance(color):
    parts = [value / 255 for value in color[:3]]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """(L₁ + 0.05)/(L₂ + 0.05): WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_black_and_white():
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((119, 119, 119), (255, 255, 255)) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("dark", [False, True])
def test_contrast(browser, page, make_result, dark):
    """Text 4.5 : 1, and 3 : 1 for what figures are drawn with, on what is behind it."""
    browser.open(page, dark=dark)
    browser.wait(lambda: browser.all("#bars svg text"))
    found = browser.run(
        """
        const rgb = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
        const behind = (e) => {
          for (; e; e = e.parentElement) {
            const c = rgb(getComputedStyle(e).backgroundColor);
            if (c.length === 3 || c[3] === 1) return c;
          }
          return [255, 255, 255];
        };
        const out = {};
        const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        while (walk.nextNode()) {
          const e = walk.currentNode.parentElement;
          const words = walk.currentNode.textContent.trim();
          if (!words || e.closest("script, noscript, svg, .skip") || !e.checkVisibility()) continue;
          const pair = [rgb(getComputedStyle(e).color), behind(e)];
          out["text " + JSON.stringify(pair)] = [pair, words];
        }
        const drawn = "#bars svg rect, #curve svg path[transform], .kind path";
        for (const e of document.querySelectorAll(drawn)) {
          if (getComputedStyle(e).fill === "none") continue;
          const pair = [rgb(getComputedStyle(e).fill), behind(e)];
          out["mark " + JSON.stringify(pair)] = [pair, e.tagName];
        }
        for (const e of document.querySelectorAll("svg text")) {
          if (getComputedStyle(e).fill === "none") continue;
          const pair = [rgb(getComputedStyle(e).fill), behind(e)];
          out["text " + JSON.stringify(pair)] = [pair, e.textContent];
        }
        return out;
        """
    )
    marks = [key for key in found if key.startswith("mark")]
    assert len(marks) >= 3
    assert len(found) - len(marks) >= 6
    paper = luminance(found[marks[0]][0][1])
    assert paper < 0.02 if dark else paper > 0.9
    for key, ((color, behind), words) in found.items():
        least = 4.5 if key.startswith("text") else 3.0
        assert contrast(color, behind) >= least, (key, words)


def test_paper_is_white_and_unfolded(browser, page):
    browser.open(page, dark=True)
    assert browser.pdf().startswith(b"%PDF")
    # what the events around printing did is undone
    assert len(browser.column(1)) == 25
    folded = browser.run("return document.querySelectorAll('details:not([open])').length")
    assert folded == 2
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert len(browser.column(1)) == 35
    assert browser.all("details:not([open])") == []
    browser.command("Emulation.setEmulatedMedia", media="print")
    assert browser.run("return getComputedStyle(document.body).backgroundColor") == (
        "rgb(255, 255, 255)"
    )
    assert not browser.one("#choice").is_displayed()
    assert not browser.one(".dt-search").is_displayed()


def test_without_scripts_the_ranking_is_there(browser, page, result):
    browser.command("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(page)
        assert browser.column(3) == labels(result.top(50))
        assert "Scripts are switched off" in browser.one("noscript").text
    finally:
        browser.command("Emulation.setScriptExecutionDisabled", value=False)


def test_five_responses_side_by_side_fit_a_phone(browser, make_result):
    names = ["DER_mass_transverse_met_lep", "jet_1_btag_deepflavour_probability", "pt_1", "m"]
    result = make_result(names, ("ggh", "qqh", "ztt", "tt", "misc"))
    browser.open(html(result), width=390)
    browser.wait(lambda: len(browser.all("#sides tbody tr")) == len(names))
    scroll = "const box = document.querySelector('#sides').closest('.scroll');"
    wide, room = browser.run(f"{scroll} return [box.scrollWidth, box.clientWidth];")
    assert wide <= room
