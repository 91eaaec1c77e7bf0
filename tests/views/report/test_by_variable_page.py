"""The page of a result by variable."""

from __future__ import annotations

import pytest

from onnxtaylor.text.uncertainty import plus_minus
from tests.run.test_by_variable import GROUPS, small_result
from tests.views.report.pages import Page


@pytest.fixture(scope="module")
def result():
    return small_result()


def test_the_page_says_what_is_ranked(result):
    page = Page(result.to_html())
    assert "By variable: 5 variables of 14 features, each the sum over its features" in page.text
    assert "Ranked are variables" in page.text
    assert "pf.pt[0], pf.pt[1], pf.pt[2], pf.pt[3]" in page.text
    assert "pf.pt, pf.eta (same object)" in page.text
    assert "Signed mean The same mean" not in page.text
    assert "so there is no signed mean (–)" in page.text
    data = page.data
    assert {mean for row in data["blocks"] for block in row for mean in block["mean"]} == {"–"}
    assert (data["features"], data["noun"]) == (GROUPS, "variable")
    assert [data["relations"][r] for r in data["relation"]] == [
        row["relation"] or "" for row in result.rows() if row["output"] == result.outputs[0]
    ]
    assert data["told"] == [int(bool(words)) for words in result.indices.suffixes]


@pytest.mark.slow
def test_the_matrix_changes_with_the_relation(result, browser):
    browser.open(result.to_html())
    read = """
        const label = (alpha) => [...document.querySelectorAll('#cells td')]
            .find((td) => td.alpha && td.alpha.join() === alpha).getAttribute('aria-label');
        return [label('0,1'), label('3,4'), label('0')];
    """
    numbers = {row["label"]: plus_minus(row["score"], row["sem"]) for row in result.top(26)}
    pair, jet, alone = browser.driver.execute_script(read)
    assert numbers["pf.pt, pf.eta (same object)"] in pair
    assert "(same object)" in pair
    assert numbers["jet.m, jet.pt"] in jet
    assert numbers["pf.pt"] in alone
    browser.driver.execute_script("""
        const select = document.querySelector('#relation select');
        select.value = '2';
        select.dispatchEvent(new Event('change'));
    """)
    pair, jet, again = browser.driver.execute_script(read)
    assert numbers["pf.pt, pf.eta (different objects)"] in pair
    assert "(different objects)" in pair
    assert "no such pair" in jet
    assert again == alone
    assert browser.messages() == []
