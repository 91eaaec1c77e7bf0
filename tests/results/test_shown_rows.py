"""The highest ranked coefficients show themselves as a table."""

from __future__ import annotations

import json


def test_rows_are_a_list_that_prints_as_a_table(make_result):
    result = make_result(["pt", "<b>eta</b>", "m"])
    rows = result.top(2)
    lines = repr(rows).splitlines()
    assert lines[0].split() == [
        "rank",
        "68",
        "%",
        "coefficient",
        "⟨t⟩",
        "±",
        "SEM",
        "signed",
        "mean",
    ]
    assert len(lines) == 3
    assert rows[0]["label"] in lines[1]
    assert json.loads(json.dumps(rows)) == list(rows)


def test_notebooks_get_escaped_html(make_result):
    html = make_result(["<b>eta</b>"]).top(1)._repr_html_()
    assert html.startswith("<table>")
    assert "<b>" not in html
    assert "&lt;b&gt;eta" in html


def test_rows_that_were_changed_are_shown_as_a_list(make_result):
    rows = make_result().top(1)
    del rows[0]["score"]
    assert repr(rows).startswith("[{")
    assert rows._repr_html_() is None
    rows.clear()
    assert (repr(rows), rows._repr_html_()) == ("[]", None)
