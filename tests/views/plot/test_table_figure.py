"""The drawn table: names at their ranks, bars as long as their scores, columns by class."""

from __future__ import annotations

import pytest
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

from onnxtaylor.errors import OptionError
from onnxtaylor.views.plot import plot_table, save_figures
from onnxtaylor.views.plot.style import KINDS, offscreen
from onnxtaylor.views.plot.table import BAR, MOST
from tests.views.plot.figures import CMS, drawn, own_axes

NAMES = ["m_vis", "p_T", "eta", "njets"]


def columns_of(ax, count):
    """Texts of each column by rank; the first one is that of the numbers."""
    at = {text.get_position(): text for text in ax.texts}
    columns = []
    for place in sorted({x for x, _ in at}):
        here = {y: text for (x, y), text in at.items() if x == place}
        assert sorted(here) == list(range(count + 1))
        columns.append([here[k].get_text() for k in range(count + 1)])
    return columns


@pytest.mark.parametrize("per_class", [False, True])
def test_a_column_is_the_ranking_of_an_output(make_result, per_class):
    result = make_result(NAMES, CMS, tuple(sorted(CMS)), scale="sigma")
    numbers, *columns = columns_of(plot_table(result, own_axes(), top=7, per_class=per_class), 7)
    assert numbers == ["rank", *map(str, range(1, 8))]
    for name, column in zip(CMS, columns, strict=True):
        group = name if per_class else "all"
        assert column == [name, *(row["label"] for row in result.top(7, name, group))]


def test_bars_are_as_long_as_their_scores(make_result):
    result = make_result(NAMES)
    ax = plot_table(result, own_axes(), top=14)
    bars = [p for p in ax.patches if isinstance(p, Rectangle) and p.get_facecolor() == to_rgba(BAR)]
    scores = [row["score"] for row in result.top(14)]
    ratios = [bar.get_width() / score for bar, score in zip(bars, scores, strict=True)]
    assert ratios == pytest.approx([ratios[0]] * len(ratios))


def test_symbols_tell_the_kinds(make_result):
    result = make_result(NAMES, order=3)
    ax = plot_table(result, own_axes(), top=200)
    marks = [line for line in ax.lines if line.get_marker() not in ("None", None, "")]
    assert len(marks) == len(result.indices)
    for mark, row in zip(marks, result.top(200), strict=True):
        features = row["features"]
        number = {1: 0, 3: 3}.get(len(features), 1 if len(set(features)) > 1 else 2)
        assert (mark.get_marker(), mark.get_color()) == (KINDS[number].marker, KINDS[number].color)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == [kind.name for kind in KINDS[:4]]


def test_the_title_says_how_many_and_which_events(make_result):
    result = make_result(NAMES, ("a", "b"), ("b", "a"))
    words = plot_table(result, own_axes(), top=3, per_class=True).get_title(loc="left")
    assert words.startswith("The 3 highest ranked of 14 Taylor coefficients")
    assert "each output over the events of its class" in words.replace("\n", " ")
    assert plot_table(result, own_axes()).get_title(loc="left").startswith("All 14 ")


def test_no_text_reaches_into_the_next_column(make_result):
    with offscreen():
        ax = plot_table(make_result([f"a_long_name_{k}" for k in range(9)], CMS), top=30)
    renderer = drawn(ax)
    starts = sorted({text.get_window_extent(renderer).x0 for text in ax.texts[-31:]})
    for text in ax.texts[31:-31]:  # all columns but the numbers and the last
        assert text.get_window_extent(renderer).x1 < starts[0]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"top": 0}, "top must be at least 1"),
        ({"per_class": True}, "needs the classes of the events"),
        ({"per_class": True, "group": "all"}, "leave group"),
    ],
)
def test_a_table_refuses_what_makes_no_sense(make_result, wrong, message):
    with pytest.raises(OptionError, match=message):
        plot_table(make_result(2, ("a", "b")), **wrong)


def test_more_columns_than_a_page_has_are_left_to_the_command(make_result, tmp_path):
    result = make_result(2, [f"y{k}" for k in range(MOST + 1)], order=1)
    with pytest.raises(OptionError, match=r"at most 12 outputs .* has 13"):
        plot_table(result)
    names = [path.name for path in save_figures(result, tmp_path, formats=["png"])]
    assert "outputs.png" in names
    assert "table.png" not in names
