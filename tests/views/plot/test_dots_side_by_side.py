"""Equal responses: no dot hides another."""

from __future__ import annotations

import numpy as np

from onnxtaylor.views.plot import plot_outputs


def test_dots_of_outputs_stand_at_their_own_heights(make_result):
    ax = plot_outputs(make_result(2, ("sig", "bkg")))
    heights = [np.asarray(dots.lines[0].get_ydata()) for dots in ax.containers]
    assert len(heights) == 2
    assert (heights[0] < heights[1]).all()
    assert np.array_equal(np.rint(heights[0]), np.rint(heights[1]))  # in the same rows
