"""Every score at its rank."""

from __future__ import annotations

from itertools import pairwise

import pytest
from matplotlib import pyplot

from onnxtaylor.errors import OptionError
from onnxtaylor.views.plot import curve, plot_curve
from onnxtaylor.views.plot.style import KINDS, kinds
from onnxtaylor.views.plot.text import number
from tests.views.plot.figures import drawn, own_axes, scored


def points(ax):
    """(rank, score) of each kind that the curve shows."""
    return {
        line.get_label(): list(zip(*line.get_data(), strict=True))
        for line in ax.lines
        if line.get_linestyle() == "None"
    }


def test_the_curve_shows_every_score_at_its_rank(result):
    shown = points(plot_curve(result, own_axes(), output=1))
    kind = kinds(result.indices)
    for k, look in enumerate(KINDS[:3]):
        expected = sorted(zip(result.rank[1, 0][kind == k], result.score[1, 0][kind == k]))  # noqa: B905
        assert shown[look.name] == expected
    assert sum(map(len, shown.values())) == 9


@pytest.mark.parametrize(("fraction", "kept"), [(0.05, 1), (0.3, 3), (0.34, 4), (1.0, 9)])
def test_the_cut_stands_behind_the_last_coefficient_kept(result, fraction, kept):
    ax = plot_curve(result, own_axes(), fraction=fraction)
    (cut,) = (line for line in ax.lines if line.get_linestyle() == "--")
    assert list(cut.get_xdata()) == [kept + 0.5] * 2
    lowest = result.top(kept)[-1]["score"]
    assert f"{kept} of 9" in cut.get_label()
    assert cut.get_label().endswith(number(lowest))
    (level,) = (line for line in ax.lines if line.get_linestyle() == ":")
    assert list(level.get_ydata()) == [lowest] * 2


@pytest.mark.parametrize("fraction", [0.0, 1.5])
def test_a_cut_outside_its_range_is_refused(result, fraction):
    with pytest.raises(OptionError, match="fraction"):
        plot_curve(result, fraction=fraction)
    assert pyplot.get_fignums() == []


def test_scores_that_no_logarithm_shows_stand_at_the_lower_edge(make_result):
    result = make_result(3)
    ax = plot_curve(scored(result, [1.0, 0.5, 0.0, 0.2, 0.0, -0.1, 1e-3, 1e-14, 0.3]), own_axes())
    drawn(ax)
    assert ax.get_yscale() == "log"
    shown = points(ax)
    hidden = shown.pop("zero, or below the axis (4)")
    assert [rank for rank, _ in hidden] == [6, 7, 8, 9] or len(hidden) == 4
    assert {y for _, y in hidden} == {ax.get_ylim()[0]}
    assert sorted(y for kind in shown.values() for _, y in kind) == [1e-3, 0.2, 0.3, 0.5, 1.0]


@pytest.mark.parametrize("value", [0.0, -1.0, 1.0])
def test_a_curve_without_slope_is_drawn(make_result, value):
    ax = plot_curve(scored(make_result(3), value), own_axes())
    drawn(ax)
    assert ax.get_yscale() == ("log" if value > 0 else "linear")
    assert sum(map(len, points(ax).values())) == 9


def test_a_long_curve_is_thinned_evenly_and_says_so(make_result, monkeypatch):
    """Of 45 pairs 12 are drawn, the first and the last among them; the others are all there."""
    monkeypatch.setattr(curve, "POINTS", 12)
    result = make_result(10)
    kind = kinds(result.indices)
    shown = points(plot_curve(result, own_axes()))
    assert sum(map(len, shown.values())) == 10 + 10 + 12
    for k, look in enumerate(KINDS[:3]):
        every = sorted(zip(result.rank[0, 0][kind == k], result.score[0, 0][kind == k]))  # noqa: B905
        thinned = len(every) == 45
        found = shown[look.name + " (1 in 3.8)" * thinned]
        assert (found[0], found[-1]) == (every[0], every[-1])
        steps = {b - a for a, b in pairwise(every.index(point) for point in found)}
        assert steps == ({4} if thinned else {1}), look.name  # 45 pairs: 44 = 11 · 4


def test_hidden_scores_are_thinned_but_counted(make_result, monkeypatch):
    monkeypatch.setattr(curve, "POINTS", 5)
    result = make_result(5)
    values = [1.0, *[0.0] * 19]
    shown = points(plot_curve(scored(result, values), own_axes()))
    assert len(shown["zero, or below the axis (19)"]) == 5
