"""The figure of ⟨t⟩ against the step."""

from __future__ import annotations

import numpy as np
import pytest

from onnxtaylor.errors import OptionError
from onnxtaylor.tracking import LearningProgress
from onnxtaylor.views.plot.style import offscreen
from tests.tracking.networks import checkpoint

X = np.random.default_rng(6).normal(size=(50, 3))


def tracked(steps=(0, 1, 2, 20), names=("a", "$b$", "c\x1b"), **options):
    progress = LearningProgress(X, feature_names=list(names), sample=None, **options)
    for step in steps:
        progress.record(step, checkpoint(int(step)))
    return progress.result()


@pytest.fixture(scope="module")
def result():
    return tracked()


def lines(ax):
    return {line.get_label(): line for line in ax.lines}


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("output", [0, 1])
def test_lines_are_the_scores(result, log, output):
    with offscreen():
        ax = result.plot(log=log, output=output, top=4)
        ax.figure.canvas.draw()
    score = result.score[:, output, 0]
    best = np.argsort(-score.max(axis=0), kind="stable")[:4]
    assert len(ax.lines) == 4
    for line, k in zip(ax.lines, best, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), [0, 1, 2, 20])
        np.testing.assert_array_equal(line.get_ydata(), score[:, k])
    bands = [c.get_datalim(ax.transData) for c in ax.collections]
    for band, k in zip(bands, best, strict=True):
        top = (score + result.sem[:, output, 0])[:, k].max()
        assert band.y1 == pytest.approx(top)
    assert ax.get_xlabel() == "training step"
    assert ax.get_xscale() == ("symlog" if log else "linear")


def test_few_lines_have_labels_at_their_ends_and_many_a_legend(result):
    with offscreen():
        few, many = result.plot(top=8), result.plot(top=9)
        for ax in (few, many):
            ax.figure.canvas.draw()
    assert few.get_legend() is None
    labels = [text for text in few.texts if text.get_text()]
    assert len(labels) == 8
    height = few.get_window_extent().height  # in pixels
    places = sorted(text.xyann[1] * height for text in labels)
    letters = 8 / 72 * few.figure.dpi
    assert min(np.diff(places)) > 1.05 * letters  # they do not lie on one another
    assert many.get_legend() is not None
    assert len(many.get_legend().get_texts()) == 9


def test_names_come_out_literally(result):
    with offscreen():
        ax = result.plot(top=8)
    shown = " ".join(text.get_text() for text in ax.texts)
    assert r"\$b\$" in shown
    assert "\x1b" not in shown
    assert all(not text.get_usetex() for text in ax.texts)


def test_one_step_and_later_steps():
    with offscreen():
        for steps in ((3,), (10, 1000)):
            found = tracked(steps, scale="sigma", link="log")
            for log in (False, True):
                ax = found.plot(log=log)
                ax.figure.canvas.draw()
            assert "standard deviation" in ax.get_ylabel()
            assert "log(h2[0])" in ax.get_title(loc="left")


def test_what_there_is_not(result):
    for options, message in (
        ({"top": 0}, "top must be at least 1"),
        ({"output": "z"}, "no output 'z'"),
    ):
        with pytest.raises(OptionError, match=message):
            result.plot(**options)
