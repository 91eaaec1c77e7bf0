"""The page in a browser, from a file: it works, says what the result says, and asks for nothing."""

from __future__ import annotations

import re
import socket
from dataclasses import replace

import numpy as np
import pytest

from onnxtaylor.report import html
from tests.plot.figures import CMS, HIGGS
from tests.report.hostile import NAMES, SCRIPT, hostile

pytestmark = pytest.mark.slow

PHONE = 360


@pytest.fixture(scope="module")
def result(make_result):
    made = make_result(HIGGS, CMS, CMS, scale="sigma")
    return replace(made, numerical_error=made.score * 1e-6)


@pytest.fixture(scope="module")
def page(result):
    return html(result)


def labels(rows):
    return [", ".join(row["features"]) for row in rows]


def numbers(texts):
    return [float(text.split(" ± ")[0].replace("−", "-")) for text in texts]


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


# ---- it says what the result says


def test_the_table_is_the_ranking(browser, page, result):
    browser.open(page)
    rows = result.top(25)
    assert browser.column(1) == [str(row["rank"]) for row in rows]
    assert browser.column(2) == [f"{row['rank_low']}–{row['rank_high']}" for row in rows]
    assert browser.column(3) == labels(rows)
    for place, name in ((4, "score"), (6, "signed_mean")):
        wanted = [row[name] for row in rows]
        np.testing.assert_allclose(numbers(browser.column(place)), wanted, atol=rows[0]["sem"] / 5)
    np.testing.assert_allclose(
        numbers(browser.column(5)), [row["numerical_error"] for row in rows], rtol=0.05
    )
    assert browser.one(".dt-info").text == "1 to 25 of 495"


@pytest.mark.parametrize("by_keys", [False, True])
def test_a_heading_sorts(browser, page, result, by_keys):
    browser.open(page)
    heading = browser.all("#ranked thead th")[5]
    if by_keys:
        browser.run("arguments[0].focus()", heading.find_element("css selector", "[tabindex]"))
        from tests.report.browser import ENTER

        browser.press(ENTER)
    else:
        browser.click(heading)
    browser.wait(lambda: heading.get_attribute("aria-sort") == "descending")
    wanted = sorted((row["signed_mean"] for row in result.top(495)), reverse=True)[:25]
    np.testing.assert_allclose(numbers(browser.column(6)), wanted, rtol=0.05)
    browser.click(heading)
    browser.wait(lambda: heading.get_attribute("aria-sort") == "ascending")
    wanted = sorted(row["signed_mean"] for row in result.top(495))[:25]
    np.testing.assert_allclose(numbers(browser.column(6)), wanted, rtol=0.05)


def test_the_search_finds_features(browser, page, result):
    browser.open(page)
    browser.one(".dt-search input").send_keys("mass_vis lep_eta")
    wanted = [
        row
        for row in result.top(495)
        if "mass_vis" in " ".join(row["features"]) and "lep_eta" in " ".join(row["features"])
    ]
    assert browser.column(3) == labels(wanted)
    assert browser.one(".dt-info").text.startswith(f"1 to {len(wanted)} of {len(wanted)}")
    search = browser.one(".dt-search input")
    search.clear()
    search.send_keys("495")  # a rank, no name
    assert browser.texts("#ranked tbody td") == [
        "Nothing found: the search looks at the names of the features"
    ]


def test_kinds_can_be_told_apart(browser, page, result):
    browser.open(page)
    assert browser.texts("#legend li") == ["first order ti", "pair tij", "auto-correlation tii"]
    for kind, order, distinct in ((0, 1, 1), (1, 2, 2), (2, 2, 1)):
        browser.choose("#kind", kind)
        wanted = [
            row
            for row in result.top(495)
            if row["order"] == order and len(set(row["features"])) == distinct
        ]
        assert browser.column(3) == labels(wanted[:25])
        assert f"of {len(wanted)}" in browser.one(".dt-info").text


def test_outputs_and_classes_can_be_chosen(browser, page, result):
    browser.open(page)
    for c, g in ((3, 0), (3, 2), (0, 5)):
        browser.choose("#output", c)
        browser.choose("#group", g)
        output, group = result.outputs[c], result.groups[g]
        rows = result.top(25, output, group)
        assert browser.column(3) == labels(rows)
        scores = np.array([row["score"] for row in rows])
        np.testing.assert_allclose(numbers(browser.column(4)), scores, rtol=0.02)
        words = f"{output}, {'all events' if g == 0 else f'events of {group}'}"
        told = re.sub("[\u2066-\u2069\u200e]", "", browser.one("#table h2").text)
        assert told == f"Table {words}"
        figure = browser.one("#bars svg")
        assert words in re.sub("[\u2066-\u2069\u200e]", "", figure.get_attribute("aria-label"))
        assert figure.get_attribute("role") == "img"
        bars = browser.run(
            "return [...document.querySelectorAll('#bars rect')].map(e => +e.getAttribute('width'))"
        )
        np.testing.assert_allclose(np.array(bars) / bars[0], scores[:20] / scores[0], rtol=0.01)


def test_the_curve_has_a_point_for_each_coefficient(browser, page):
    browser.open(page)
    points = browser.run("return document.querySelectorAll('#curve svg path[transform]').length")
    assert points >= 495
    assert "upper 5 %: 25 of 495" in browser.one("#curve svg").text


def test_the_matrix_tells_values_to_pointers_and_keys(browser, page, result):
    from selenium.webdriver.common.action_chains import ActionChains

    from tests.report.browser import DOWN, END, RIGHT

    browser.open(page)
    browser.choose("#output", 1)
    rows = browser.all("#cells tbody tr")
    assert len(rows) == 30
    second, first = result.matrix("qqh"), result.vector("qqh")

    def told():
        words = re.sub("[\u2066-\u2069\u200e]", "", browser.one("#readout").text)
        name, value = re.match(r"(.*): ⟨t⟩ = ([\d.]+) ± ", words).groups()
        return name, float(value)

    def check(i, j):
        name, value = told()
        i, j = min(i, j), max(i, j)
        assert name == f"{HIGGS[i]}, {HIGGS[j]}"
        assert value == pytest.approx(second[i, j], rel=0.02)

    cell = rows[4].find_elements("css selector", "td")[3]
    browser.run("arguments[0].scrollIntoView({block: 'center'})", cell)
    ActionChains(browser.driver).move_to_element(cell).perform()
    check(4, 2)
    cell.click()
    check(4, 2)
    browser.press(RIGHT)
    check(4, 3)
    browser.press(DOWN)
    check(5, 3)
    browser.press(END)
    check(5, 29)
    assert len(browser.all("#cells [tabindex='0']")) == 1
    assert browser.texts("#cells th.on") == [HIGGS[5], HIGGS[29]][::-1]
    name, value = HIGGS[7], first[7]
    label = rows[7].find_elements("css selector", "td")[0].get_attribute("aria-label")
    assert re.sub("[\u2066-\u2069\u200e]", "", label).startswith(f"{name}: ⟨t⟩ = ")
    assert float(label.split("= ")[1].split(" ±")[0]) == pytest.approx(value, rel=0.02)


def test_the_colours_of_the_matrix_grow_with_the_values(browser, page, result):
    browser.open(page)
    lightness = browser.run(
        "return [...document.querySelectorAll('#cells tbody td')].map(td => {"
        " const [a, b, c] = td.style.backgroundColor.match(/\\d+/g).map(Number);"
        " return 0.2126 * a + 0.7152 * b + 0.0722 * c; })"
    )
    values, light = result.matrix().ravel(), np.reshape(lightness, (30, 31))[:, 1:].ravel()
    order = np.argsort(values)
    assert (np.diff(light[order]) >= -1.5).all()  # of 255: viridis rises evenly
    assert light.max() - light.min() > 100


def test_first_order_side_by_side(browser, page, result):
    browser.open(page)
    heads = [text.split()[0] for text in browser.texts("#sides thead th")]
    assert heads == ["feature", *CMS]

    def shown():
        cells = np.array(browser.texts("#sides tbody td")).reshape(30, -1)
        return {row[0]: numbers(row[1:]) for row in cells.tolist()}

    def check(columns):
        table = shown()
        assert set(table) == set(HIGGS)
        for k, (output, group) in enumerate(columns):
            wanted = result.vector(output, group)
            found = [table[name][k] for name in HIGGS]
            np.testing.assert_allclose(found, wanted, rtol=0.05)

    check([(output, "all") for output in CMS])
    browser.choose("#view", 1)
    check([(output, output) for output in CMS])
    browser.choose("#output", 2)
    browser.choose("#view", 2)
    check([(2, group) for group in ("all", *CMS)])
    heading = browser.all("#sides thead th")[3]
    browser.click(heading)
    browser.wait(lambda: heading.get_attribute("aria-sort") == "descending")
    column = numbers(browser.texts("#sides tbody td:nth-child(4)"))
    assert column == sorted(column, reverse=True)


# ---- for everybody


def test_keys_alone_reach_everything(browser, page):
    from tests.report.browser import TAB

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


def test_one_response_without_classes_asks_for_no_choice(browser, make_result):
    browser.open(html(make_result(3, order=1)))
    assert not browser.one("#choice").is_displayed()
    assert browser.all("#matrix, #cells") == []
    assert browser.messages() == []
    assert len(browser.column(1)) == 3


def test_values_that_are_undefined_or_negative(browser, make_result):
    result = make_result(4, ("y",), ("s",), bootstrap=False)
    score = result.score.copy()
    score[0, 0, 2], score[0, 0, 3] = np.nan, -0.5
    browser.open(html(replace(result, score=score, numerical_error=score * np.nan)))
    assert browser.messages() == []
    browser.wait(lambda: browser.all("#curve svg path[transform]"))
    assert "unknown" in browser.column(4)
    browser.choose("#group", 1)
    assert browser.messages() == []
