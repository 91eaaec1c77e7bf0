"""The page in a browser says what the result says, whatever is sorted, searched and chosen."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from onnxtaylor.views.report import html
from tests.views.plot.figures import CMS, HIGGS
from tests.views.report.pages import labels, numbers

pytestmark = pytest.mark.slow


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
        from tests.views.report.browser import ENTER

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

    from tests.views.report.browser import DOWN, END, RIGHT

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
