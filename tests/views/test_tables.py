"""Rankings as tables: the right coefficients in the right cells, in any format."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
from io import StringIO

import pytest
from markdown_it import MarkdownIt

from onnxtaylor.errors import OptionError
from onnxtaylor.results.ranking import class_groups, ranked_columns
from onnxtaylor.views.tables import as_latex, as_markdown, format_table, listing, side_by_side

CLASSES = ("ggh", "qqh", "ztt")
HOSTILE = ["a|b", "50%_of & #1", "x}{\\", "line\nend", "[x](y)", "φ \u202e", ""]


@pytest.fixture(scope="module")
def result(make_result):
    # classes in another order than outputs, as they come from sorted labels
    return make_result(["m_vis", "pt_1", "met", "iso"], CLASSES, ("ztt", "qqh", "ggh"))


def cells_of_markdown(text):
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    rows, inside = [], False
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        inside = token.type in ("th_open", "td_open") or (inside and token.type == "inline")
        if token.type == "inline" and inside:
            rows[-1].append("".join(child.content for child in token.children))
    return rows


def cells_of_latex(text):
    lines = [line for line in text.splitlines() if line.endswith(r"\\")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)&", line[:-2])] for line in lines]


@pytest.mark.parametrize("per_class", [False, True])
def test_columns_are_the_rankings_of_the_responses(result, per_class):
    columns = ranked_columns(result, count=6, per_class=per_class)
    assert [column.output for column in columns] == list(CLASSES)
    for column in columns:
        group = column.output if per_class else "all"
        assert column.group == group
        assert column.rows == result.top(6, column.output, group)


def test_a_cell_is_a_feature_or_features_at_its_rank(result):
    table = side_by_side(ranked_columns(result, count=5, per_class=True))
    assert table.heads == ("rank", *CLASSES)
    assert table.caption == "each response over the events of its class"
    for rank, row in enumerate(table.rows, start=1):
        assert row[0] == str(rank)
        for name, cell in zip(CLASSES, row[1:], strict=True):
            (found,) = [r for r in result.top(5, name, name) if r["rank"] == rank]
            assert cell == ", ".join(found["features"])


def test_scores_stand_behind_their_cells(result):
    table = side_by_side(ranked_columns(result, count=3, group="qqh"), scores=True)
    assert table.heads == ("rank", "ggh", "⟨t⟩", "qqh", "⟨t⟩", "ztt", "⟨t⟩")
    assert table.caption == "each response over the events of qqh"
    for row, found in zip(table.rows, result.top(3, "ztt", "qqh"), strict=True):
        assert float(row[-1]) == pytest.approx(found["score"], abs=found["sem"] / 10)


def test_filters_leave_places_in_place_of_ranks(result):
    columns = ranked_columns(result, feature="pt_1", order=2)
    table = side_by_side(columns)
    assert table.heads[0] == "place"
    assert all("pt_1" in cell for row in table.rows for cell in row[1:])
    assert len(table.rows) == 4


def test_columns_of_other_classes_say_so(make_result):
    result = make_result(2, ("p0", "p1"), ("bkg", "sig")).renamed(classes=["sig", "bkg"])
    assert result.outputs == ("sig", "bkg")
    result = result.renamed(output_names=["p0", "p1"])
    table = side_by_side(ranked_columns(result, per_class=True))
    assert table.heads == ("rank", "p0 over sig", "p1 over bkg")


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ((), "needs the classes of the events: analyze with labels=…"),
        (("s", "c", "d"), "no response is called 'c' or 'd' and no label is called 'b': correct"),
        # by order b would be shown over the events of another class
        (("s", "c"), "no response is called 'c' and no label is called 'b': .* classes=…"),
        (("t", "c"), "nothing says which of the responses s, b belongs to .* labels t, c: "),
        (("t", "c", "d"), r"2 responses \(s, b\) and 3 labels \(t, c, d\) do not agree"),
    ],
)
def test_what_does_not_match_is_named(make_result, classes, message):
    result = make_result(2, ("s", "b"), classes)
    for call in (class_groups, lambda r: ranked_columns(r, per_class=True)):
        with pytest.raises(OptionError, match=message):
            call(result)


def test_per_class_takes_no_group(result):
    with pytest.raises(OptionError, match="leave group"):
        ranked_columns(result, per_class=True, group="qqh")


def test_a_listing_has_what_a_row_knows(make_result):
    result = make_result(["m", "pt"], ("y",))
    rows = result.top(4)
    table = listing(rows, "y")
    assert table.heads == ("rank", "68 %", "coefficient", "⟨t⟩ ± SEM", "signed mean")
    for row, cells in zip(rows, table.rows, strict=True):
        assert cells[0] == str(row["rank"])
        assert cells[1] in (f"{row['rank_low']}–{row['rank_high']}", str(row["rank_low"]))
        assert cells[2] == row["label"]
        value, error = map(float, cells[3].split(" ± "))
        assert value == pytest.approx(row["score"], abs=row["sem"])
        assert error == pytest.approx(row["sem"], rel=0.06)
        assert float(cells[4]) == pytest.approx(row["signed_mean"], abs=row["sem"])
    finite = listing([rows[0] | {"method": "finite-step"}])
    assert finite.heads[2:4] == ("moved", "⟨r⟩ ± SEM")


def test_markdown_reads_back_as_the_table(make_result):
    result = make_result(HOSTILE, ("y|z", "*w*"))
    table = side_by_side(ranked_columns(result, count=40), scores=True)
    shown = cells_of_markdown(as_markdown(table))
    assert len(shown) == 1 + len(table.rows) == 36
    escaped = {"line\nend": r"line\nend", "φ \u202e": r"φ \u202e"}
    for cells, row in zip(shown, (table.heads, *table.rows), strict=True):
        for name, visible in escaped.items():
            row = [cell.replace(name, visible) for cell in row]
        # a space of no width keeps GitHub from taking #1 for a link
        assert [cell.replace("\u200b", "") for cell in cells] == list(row)


def test_latex_has_a_row_for_a_row_and_a_cell_for_a_cell(make_result):
    result = make_result(HOSTILE, ("y|z", "b&c"))
    table = side_by_side(ranked_columns(result, count=40), scores=True)
    text = as_latex(table)
    assert r"\begin{tabular}{rlrlr}" in text
    rows = cells_of_latex(text)
    assert {len(row) for row in rows} == {5}
    assert [row[0] for row in rows] == ["rank", *map(str, range(1, 36))]
    assert rows[0][1:4:2] == [r"y\textbar{}z", r"b\&c"]
    assert text.count(r"\begin{") == text.count(r"\end{") == 1


def test_a_minus_is_no_hyphen_in_latex(make_result):
    text = as_latex(listing(make_result(["a-b", "c"]).top(5)))
    assert re.search(r"& \\ensuremath\{-\}\d\.\d+ \\\\", text)
    assert "a-b" in text


def test_an_unknown_format_is_refused(result):
    with pytest.raises(OptionError, match="format 'Latx' is not offered: did you mean 'latex'"):
        format_table(listing(result.top(1)), "Latx")


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
def test_the_tables_compile(make_result, tmp_path):
    result = make_result(HOSTILE, ("y|z", "b&c"))
    tables = [listing(result.top(35)), side_by_side(ranked_columns(result), scores=True)]
    body = "\n\\newpage\n".join(as_latex(table) for table in tables)
    (tmp_path / "d.tex").write_text(
        r"\documentclass{article}\usepackage{booktabs}\begin{document}\tiny"
        + f"\n{body}\n\\end{{document}}"
    )
    call = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "d.tex"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    if "booktabs.sty' not found" in done.stdout:
        pytest.skip("booktabs is not installed")
    assert done.returncode == 0, done.stdout[-2000:]


def test_cells_hold_names_to_the_letter(make_result):
    """The writers escape: what is made of the cells elsewhere gets the names as they are."""
    table = side_by_side(ranked_columns(make_result(HOSTILE, order=1)))
    stream = StringIO()
    csv.writer(stream).writerows(table.rows)
    assert {row[1] for row in table.rows} == {name or "(no name)" for name in HOSTILE}
