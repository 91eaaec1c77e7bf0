"""Figures of averaged second order say so, on labels that lie inside the figure."""

from __future__ import annotations

import pytest
from matplotlib import pyplot
from matplotlib.text import Text

import onnxtaylor as ot
from onnxtaylor.views.plot.comparison import plot_comparison
from onnxtaylor.views.plot.curve import plot_curve
from onnxtaylor.views.plot.matrix import plot_matrix
from onnxtaylor.views.plot.scores import plot_scores
from tests.engine.averaged.test_averaged import events, net


@pytest.fixture(scope="module")
def drawn():
    model, x = net("Relu", widths=(24, 1)), events(count=200)
    result = ot.analyze(model, x, bootstrap=0, check=0)
    progress = ot.LearningProgress(x)
    for step in range(2):
        progress.record(step, net("Relu", widths=(24, 1), seed=step))
    return {
        "scores": lambda: plot_scores(result),
        "curve": lambda: plot_curve(result),
        "matrix": lambda: plot_matrix(result),
        "comparison": lambda: plot_comparison(ot.compare_results(result, result)),
        "progress": progress.plot,
    }


@pytest.mark.parametrize("kind", ["scores", "curve", "matrix", "comparison", "progress"])
def test_the_width_of_the_steps_is_read_whole(drawn, kind):
    figure = drawn[kind]().figure
    figure.canvas.draw()
    texts = figure.findobj(Text)
    told = [text for text in texts if "second order averaged over ±0.35σ" in text.get_text()]
    assert len(told) == 1
    box, whole = told[0].get_window_extent(), figure.bbox
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 <= whole.width
    assert box.y1 <= whole.height
    pyplot.close(figure)
