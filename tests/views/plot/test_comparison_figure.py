"""The figure of a comparison shows the numbers of the comparison."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from onnxtaylor.comparison import compare_results
from onnxtaylor.errors import OptionError
from onnxtaylor.views.plot.comparison import plot_comparison


@pytest.fixture
def comparison(make_result):
    a = make_result(["m_vis", "p$_T$", "<b>"])
    return compare_results(a, replace(a, score=a.score * np.linspace(0.5, 1.0, 9)))


def test_points_are_the_scores_and_moved_ones_come_first(comparison):
    ax = plot_comparison(comparison)
    a, b = (c.get_offsets() for c in ax.collections if len(c.get_offsets()) == 9)
    moved = comparison.moved[0, 0]
    order = np.lexsort((-abs(comparison.change[0, 0]), ~moved))
    np.testing.assert_allclose(a[:, 0], comparison.score_a[0, 0, order])
    np.testing.assert_allclose(b[:, 0], comparison.score_b[0, 0, order])
    assert moved[order][: moved.sum()].all()
    labels = [text.get_text() for text in ax.get_yticklabels()]
    names = comparison.indices.names(("m_vis", r"p\$_T\$", "<b>"))
    assert labels == [", ".join(names[k]) for k in order]
    z = comparison.change[0, 0, order] / comparison.sigma[0, 0, order]
    shown = [text.get_text().replace("−", "-") for text in ax.texts]
    assert shown == [f"{value:+.1f} σ" if abs(value) > 0 else "+0.0 σ" for value in z]


def test_only_the_largest_changes_are_drawn(comparison):
    ax = plot_comparison(comparison, top=2)
    assert len(ax.get_yticks()) == 2
    with pytest.raises(OptionError, match="top must be at least 1"):
        plot_comparison(comparison, top=0)


def test_two_names_of_an_output_are_both_said(make_result):
    a = make_result(2)
    b = replace(a, model=replace(a.model, output=("probability",)))
    assert "y → probability" in plot_comparison(compare_results(a, b)).get_title(loc="left")
