"""The bars of the highest scores."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from onnxtaylor.errors import OptionError
from onnxtaylor.views.plot import (
    plot_scores,
)
from onnxtaylor.views.plot.style import KINDS, offscreen
from tests.views.plot.figures import drawn, own_axes, scored


def test_the_bars_are_the_highest_ranked_scores(result):
    ax = plot_scores(result, own_axes(), output="qqh", group="ggh", top=5)
    best = result.top(5, "qqh", "ggh")
    bars, errors = ax.containers
    assert [bar.get_width() for bar in bars] == [row["score"] for row in best]
    assert [t.get_text() for t in ax.get_yticklabels()] == [row["label"] for row in best]
    segments = errors[2][0].get_segments()
    np.testing.assert_allclose(
        [(right - left) / 2 for (left, _), (right, _) in segments], [row["sem"] for row in best]
    )


def test_the_largest_bar_is_at_the_top(result):
    bars = plot_scores(result, own_axes()).containers[0]
    heights = [bar.get_window_extent().y0 for bar in bars]
    assert heights == sorted(heights, reverse=True)
    assert len(bars) == 9  # top=30 of 9


def test_kinds_differ_by_colour_and_by_hatch(make_result):
    result = make_result(3, order=3)
    ax = plot_scores(result, own_axes(), top=100)
    order = np.argsort(result.rank[0, 0])
    for k, bar in zip(order, ax.containers[0], strict=True):
        alpha = result.indices.tuples()[k]
        name = (
            "first order" if len(alpha) == 1
            else "third order" if len(alpha) == 3
            else "auto-correlation" if alpha[0] == alpha[1] else "pair"
        )  # fmt: skip
        (kind,) = (kind for kind in KINDS if kind.name.startswith(name))
        assert bar.get_facecolor() == to_rgba(kind.color)
        assert (bar.get_hatch() or "") == kind.hatch
    for aspect in ("color", "hatch", "marker"):
        assert len({getattr(kind, aspect) for kind in KINDS}) == len(KINDS)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == [kind.name for kind in KINDS[:4]]


def test_the_legend_names_only_what_is_drawn(make_result):
    ax = plot_scores(make_result(3, order=1), own_axes())
    assert [t.get_text() for t in ax.get_legend().get_texts()] == [KINDS[0].name]


def test_the_legend_covers_no_bar_even_where_all_are_equal(make_result):
    with offscreen():
        ax = plot_scores(scored(make_result(8), 1.0))
    box = ax.get_legend().get_window_extent(drawn(ax))
    assert not any(box.overlaps(bar.get_window_extent()) for bar in ax.containers[0])


def test_the_figure_grows_with_the_bars_up_to_a_limit(make_result):
    result = make_result(40)
    with offscreen():
        heights = [plot_scores(result, top=t).figure.get_figheight() for t in (5, 50, 500)]
    assert heights[0] < heights[1] < heights[2] <= 60
    with pytest.raises(OptionError, match="top must be at least 1"):
        plot_scores(result, top=0)


def test_one_order_alone_is_shown_with_its_ranks_and_its_name(make_result):
    result = make_result(5)
    ax = plot_scores(result, own_axes(), order=1, top=4)
    first = [row["label"] for row in result.top(20) if row["order"] == 1][:4]
    assert [t.get_text() for t in ax.get_yticklabels()] == first
    assert ax.get_title(loc="left").startswith("First-order Taylor coefficients of y")
    assert ax.get_legend() is None
    assert result.plot.scores(own_axes(), order=2).get_title(loc="left").startswith("Second-order ")
    for missing in (0, 3):
        with pytest.raises(OptionError, match=f"no coefficient of order {missing}"):
            plot_scores(result, own_axes(), order=missing)
