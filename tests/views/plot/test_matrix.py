"""The scores of pairs as a matrix, those of first order beside it."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import LogNorm

from onnxtaylor.errors import OptionError
from onnxtaylor.indices import MultiIndices
from onnxtaylor.views.plot import (
    plot_matrix,
)
from onnxtaylor.views.plot.text import number
from tests.views.plot.figures import drawn, own_axes, scored


def test_the_matrix_is_the_result_s_and_the_strip_its_vector(result):
    ax = plot_matrix(result, own_axes(), output="qqh", group="ggh")
    matrix, strip = (np.asarray(image.get_array()) for image in ax.images)
    np.testing.assert_array_equal(matrix, result.matrix("qqh", "ggh"))
    np.testing.assert_array_equal(matrix, matrix.T)
    np.testing.assert_array_equal(strip[:, 0], result.vector("qqh", "ggh"))
    assert ax.images[0].norm is ax.images[1].norm


def test_a_cell_lies_where_its_names_say(result):
    ax = plot_matrix(result, own_axes())
    for axis, image_axis in ((ax.yaxis, 0), (ax.xaxis, 1)):
        where = {
            t.get_text(): place
            for t, place in zip(axis.get_ticklabels(), axis.get_ticklocs(), strict=True)
        }
        for i, feature in enumerate(result.features):
            left, right, bottom, top = ax.images[0].get_extent()
            start, end = (top, bottom) if image_axis == 0 else (left, right)
            assert int((where[feature] - start) / (end - start) * 3) == i


def test_coefficients_not_computed_are_masked_and_named(make_result):
    indices = MultiIndices.of(3, [(0,), (0, 0), (0, 1)])
    ax = plot_matrix(make_result(3, indices=indices), own_axes())
    assert ax.images[0].get_array().mask.sum() == 9 - 3
    assert ax.images[1].get_array().mask.ravel().tolist() == [False, True, True]
    assert "grey: not computed" in ax.get_title(loc="left")
    assert "grey" not in plot_matrix(make_result(3), own_axes()).get_title(loc="left")


@pytest.mark.parametrize(
    ("decades", "logarithmic"), [(0.0, False), (1.0, False), (3.0, True), (40.0, True)]
)
def test_the_colour_scale_is_logarithmic_only_where_scores_spread(
    make_result, decades, logarithmic
):
    result = make_result(6)
    score = 10 ** (-decades * np.linspace(0, 1, len(result.indices)))
    ax = plot_matrix(scored(result, score), own_axes())
    norm = ax.images[0].norm
    assert isinstance(norm, LogNorm) == logarithmic
    assert norm.vmax == 1.0
    assert norm.vmin >= (1e-4 if logarithmic else 0.0)
    drawn(ax)


@pytest.mark.parametrize("value", [0.0, -1.0, 1e-300, 1e300])
def test_any_scores_have_a_colour(make_result, value):
    drawn(plot_matrix(scored(make_result(3), value), own_axes()))


def test_few_cells_hold_their_numbers(make_result):
    result = make_result(3)
    written = [t.get_text() for t in plot_matrix(result, own_axes()).texts]
    assert written == [number(v) for v in (*result.matrix().ravel(), *result.vector())]
    assert not plot_matrix(make_result(9), own_axes()).texts


@pytest.mark.parametrize(("n", "labels"), [(3, 3), (60, 60), (61, 31), (150, 50)])
def test_labels_thin_out_above_sixty_features(make_result, n, labels):
    ax = plot_matrix(make_result(n), own_axes())
    names = [t.get_text() for t in ax.get_yticklabels()]
    step = -(-n // 60)
    assert names == [f"x{i}" for i in range(0, n, step)]
    assert len(names) == labels
    assert [t.get_text() for t in ax.get_xticklabels()] == ["first order", *names]


def test_a_result_of_first_order_has_no_matrix_figure(make_result):
    with pytest.raises(OptionError, match="order=2"):
        plot_matrix(make_result(3, order=1))
