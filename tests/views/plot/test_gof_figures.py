"""Figures of a goodness of fit: what they show is what was found."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from onnxtaylor.errors import OptionError
from onnxtaylor.gof import GofOptions, goodness_of_fit
from onnxtaylor.views.plot.gof import LEVELS, SHADES, plot_feature, plot_p_values, plot_pairs
from tests.gof.fits import fit_of
from tests.gof.populations import expected, observed
from tests.views.plot.figures import HIGGS, HOSTILE, drawn, own_axes, texts

P = {"a": 0.5, "b": 0.03, "c": None}


@pytest.fixture(scope="module")
def real():
    return goodness_of_fit(observed(0), expected(0), GofOptions(toys=50))


def test_the_matrix_shows_each_pair_and_each_feature():
    fit = fit_of(P, {("a", "b"): 0.0005, ("a", "c"): 0.2, ("b", "c"): None})
    ax = plot_pairs(fit)
    drawn(ax)
    matrix, strip = (image.get_array() for image in ax.images[:2])
    assert matrix[0, 1] == matrix[1, 0] == 0.0005
    assert matrix[0, 2] == 0.2
    assert matrix.mask[1, 2]
    assert np.diag(matrix.mask).all()
    assert strip[:2, 0].tolist() == [0.5, 0.03]
    assert strip.mask[2, 0]
    stars = [line.get_xydata() for line in ax.lines]
    assert stars[0].tolist() == [[1, 0], [0, 1]]
    assert stars[1][:, 1].tolist() == [1]
    assert "1 of 2 features (0.1 by chance)" in texts(ax)
    assert "1 of 2 pairs (0.1 by chance)" in texts(ax)


def test_the_shades_of_bad_p_values_are_darker():
    luminance = [np.dot(to_rgb(shade), [0.2126, 0.7152, 0.0722]) for shade in SHADES]
    assert luminance == sorted(luminance)
    assert LEVELS[3] == 0.05
    assert luminance[3] - luminance[2] > 0.25  # 5 % is seen without colour, too


def test_without_pairs_there_is_no_matrix():
    with pytest.raises(OptionError, match="no pair"):
        plot_pairs(fit_of({"a": 0.5}))


def test_p_values_of_all_tests_are_drawn(real):
    ax = plot_p_values(real)
    drawn(ax)
    lines = {line.get_label(): line.get_xdata() for line in ax.lines}
    for k, label in enumerate(("saturated", "KS", "AD")):
        np.testing.assert_array_equal(lines[label], [f.tests[k].p for f in real.features])
    low = ax.get_xlim()[0]
    assert low < min(t.p for f in real.features for t in f.tests)
    assert [t.get_text() for t in ax.get_yticklabels()] == list(real.names)


def test_p_values_that_are_not_there(real):
    drawn(plot_p_values(fit_of(P)))
    drawn(plot_p_values(fit_of({"a": None})))


@pytest.mark.parametrize("name", ["a", "jets", "far"])
def test_the_bins_of_one_feature_and_their_ratio(real, name):
    bins = real.feature(name).bins
    ax = plot_feature(real, name)
    drawn(ax)
    lower = ax.figure.axes[-1]
    n, nu = (np.array([getattr(b, side) for b in bins]) for side in ("observed", "expected"))
    for panel, points in ((ax, n), (lower, n / nu)):
        np.testing.assert_allclose(panel.lines[0].get_ydata(), points)
        low, high = panel.get_ylim()
        assert low < points.min()
        assert points.max() < high
    labels = [t.get_text() for t in lower.get_xticklabels()]
    assert ("missing" in labels) == (name == "far")
    assert len(labels) == len(bins) + 1
    assert "p = " in texts(ax)


def test_a_feature_without_bins_or_subplot_is_refused(real):
    with pytest.raises(OptionError, match="not tested in bins"):
        plot_feature(fit_of(P), "a")
    with pytest.raises(OptionError, match="did you mean 'jets'"):
        plot_feature(real, "jet")
    ax = own_axes()
    with pytest.raises(OptionError, match="add_subplot"):
        plot_feature(real, "a", ax.figure.add_axes((0, 0, 1, 1)))


def test_figures_draw_into_the_callers_axes(real):
    for draw in (plot_p_values, plot_pairs, lambda fit, ax: plot_feature(fit, "a", ax)):
        ax = own_axes()
        assert draw(real, ax) is ax
        drawn(ax)


@pytest.mark.parametrize("names", [HIGGS, HOSTILE])
def test_many_and_hostile_names(names):
    fit = fit_of(dict.fromkeys(names, 0.5), {tuple(names[:2]): 0.001})
    for draw in (plot_p_values, plot_pairs):
        drawn(draw(fit))
