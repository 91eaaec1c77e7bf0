"""The responses side by side."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import pyplot

from onnxtaylor.errors import OptionError
from onnxtaylor.indices import MultiIndices
from onnxtaylor.views.plot import outputs, plot_outputs
from tests.views.plot.figures import own_axes


def dots(ax):
    """label → {feature: score}."""
    names = [t.get_text() for t in ax.get_yticklabels()]
    lines = [container.lines[0] for container in ax.containers]
    labels = [t.get_text() for t in ax.get_legend().get_texts()]
    return {
        label: dict(zip(names, line.get_xdata(), strict=True))
        for label, line in zip(labels, lines, strict=True)
    }


@pytest.mark.parametrize("group", [None, "qqh"])
def test_each_output_is_a_series_of_its_first_order_scores(result, group):
    shown = dots(plot_outputs(result, own_axes(), group=group))
    assert list(shown) == ["ggh", "qqh"]
    for output, values in shown.items():
        assert values == dict(zip(result.features, result.vector(output, group), strict=True))


def test_per_class_shows_each_output_over_its_own_class(make_result):
    result = make_result(3, ("b", "a"), ("a", "b", "c"))
    for output, values in dots(plot_outputs(result, own_axes(), per_class=True)).items():
        assert list(values.values()) == [result.vector(output, output)[int(f[1])] for f in values]


def test_classes_of_other_names_are_those_that_the_user_says(make_result):
    result = make_result(3, ("p0", "p1"), ("bkg", "sig")).renamed(
        classes=["sig", "bkg"], output_names=["p0", "p1"]
    )
    shown = dots(plot_outputs(result, own_axes(), per_class=True))
    assert list(shown) == ["p0 over sig", "p1 over bkg"]
    assert shown["p1 over bkg"]["x2"] == result.vector("p1", "bkg")[2]


@pytest.mark.parametrize("classes", [(), ("a",), ("a", "b"), ("a", "b", "c")])
def test_classes_that_do_not_match_are_refused(make_result, classes):
    with pytest.raises(OptionError, match=r"^per_class "):
        plot_outputs(make_result(3, ("p0", "p1"), classes), per_class=True)


def test_features_fall_by_their_largest_score(make_result):
    result = make_result(8, ("a", "b"))
    shown = dots(plot_outputs(result, own_axes(), top=5))
    largest = np.maximum(result.vector("a"), result.vector("b"))
    assert list(shown["a"]) == [f"x{i}" for i in np.argsort(-largest)[:5]]


def test_outputs_differ_by_more_than_colour(make_result):
    ax = plot_outputs(make_result(3, [f"y{i}" for i in range(20)]), own_axes())
    looks = {(c.lines[0].get_marker(), c.lines[0].get_color()) for c in ax.containers}
    assert len(looks) == 20
    markers = [c.lines[0].get_marker() for c in ax.containers[:8]]
    assert len(set(markers)) == 8


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"top": 0}, "top must be at least 1"), ({"per_class": True, "group": "all"}, "leave group")],
)
def test_outputs_refuses_what_makes_no_sense(result, wrong, message):
    with pytest.raises(OptionError, match=message):
        plot_outputs(result, **wrong)
    assert pyplot.get_fignums() == []


def test_without_first_order_there_is_nothing_to_show_side_by_side(make_result):
    with pytest.raises(OptionError, match="no first-order"):
        plot_outputs(make_result(2, indices=MultiIndices.of(2, [(0, 1)])))


def test_the_axis_says_how_many_features_are_left_out(make_result, monkeypatch):
    result = make_result(7)
    assert plot_outputs(result, own_axes()).get_ylabel() == ""
    ax = plot_outputs(result, own_axes(), top=3)
    assert ax.get_ylabel() == "the first 3 of 7; 4 are not shown"
    assert len(next(iter(dots(ax).values()))) == 3
    monkeypatch.setattr(outputs, "MOST", 5)
    assert plot_outputs(result, own_axes()).get_ylabel() == "the first 5 of 7; 2 are not shown"
