"""The figure of the cross-check."""

from __future__ import annotations

from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest

from onnxtaylor.crosscheck.comparisons import Comparisons, Responses
from onnxtaylor.crosscheck.result import CrossCheck, not_run
from onnxtaylor.crosscheck.verdicts import AGREES, DIFFERS, KINK, UNDECIDED
from onnxtaylor.errors import OptionError
from onnxtaylor.indices import MultiIndices
from onnxtaylor.views.plot.check import MARKS, MOST, plot_check
from tests.views.plot.figures import HOSTILE, drawn, own_axes, texts


def made(events: int = 16, model: str = "model.onnx") -> CrossCheck:
    """All four verdicts, four of each at every event."""
    random = np.random.default_rng(0)
    shape = (events, 2, 9)
    exact = random.normal(size=shape)
    budget = 10 ** random.uniform(-8, -3, shape)
    codes = np.broadcast_to(np.arange(18).reshape(2, 9) % 4, shape).astype(np.int8)
    ratio = np.where(codes == DIFFERS, 100.0, 0.1)
    return CrossCheck(
        verdict="differs",
        model=model,
        outputs=("a", "b"),
        features=("x", "y", "z"),
        indices=MultiIndices.full(3),
        asked=events,
        total=1000,
        codes=codes[0],
        comparisons=Comparisons(
            np.arange(events), exact, exact + ratio * budget, budget, ratio, codes
        ),
        responses=Responses(True, 0.1, 1e-8, 3),
    )


def labels(ax) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def points(ax) -> dict[str, np.ndarray]:
    return {c.get_label().split(" ")[0]: c.get_offsets() for c in ax.collections if c.get_label()}


def test_every_comparison_is_a_point_on_its_side_of_the_line():
    check = made()
    ax = plot_check(check, own_axes())
    found = points(ax)
    counts = {name: pair[1] for name, pair in check.counts().items()}
    for name in MARKS:
        assert len(found[name]) == counts[name]
        x, y = found[name].T
        assert ((y > x) == (name == "differs")).all()
    assert ax.get_xscale() == ax.get_yscale() == "log"


def test_verdicts_differ_by_marker_as_well_as_by_colour():
    assert len({mark.marker for mark in MARKS.values()}) == len(MARKS)
    assert len({mark.color for mark in MARKS.values()}) == len(MARKS)
    # in grey the two that matter most are far apart in size and shape
    assert MARKS["differs"].size > 2 * MARKS["agrees"].size


def test_the_legend_counts_and_names_the_line():
    text = " ".join(labels(plot_check(made(), own_axes())))
    for name in (*MARKS, "deviation = allowed error"):
        assert name in text
    assert "differs (80)" in text


def test_no_point_that_differs_is_cut_off():
    ax = plot_check(made(), own_axes())
    x, y = points(ax)["differs"].T
    assert (y <= ax.get_ylim()[1]).all()
    assert (x >= ax.get_xlim()[0]).mean() > 0.99


def test_many_points_are_thinned_and_still_counted():
    check = made(8000)
    ax = plot_check(check, own_axes())
    assert max(len(p) for p in points(ax).values()) <= MOST
    assert "agrees (40\u2009000)" in " ".join(labels(ax))


def test_equal_values_are_drawn_and_said():
    check = made()
    c = check.comparisons
    same = replace(c, differences=c.exact, codes=np.full_like(c.codes, AGREES))
    ax = plot_check(replace(check, comparisons=same), own_axes())
    assert (points(ax)["agrees"][:, 1] > 0).all()
    assert "equal" in [text.get_text() for text in ax.texts]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_show_literally(name):
    ax = plot_check(made(model=name), own_axes())
    with mpl.rc_context({"text.usetex": False}):
        drawn(ax)
    assert "Cross-check of" in texts(ax)


def test_what_did_not_run_has_no_figure():
    with pytest.raises(OptionError, match="no figure: not run: no rule"):
        plot_check(not_run("no rule"))
    check = made()
    c = check.comparisons
    nothing = replace(c, budget=np.full_like(c.budget, np.inf))
    with pytest.raises(OptionError, match="nothing that was compared is finite"):
        plot_check(replace(check, comparisons=nothing))


def test_kinks_and_undecided_ones_are_not_among_the_worst():
    check = made()
    c = check.comparisons
    ratio = np.where(np.isin(c.codes, (KINK, UNDECIDED)), 1e9, c.ratio)
    rows = replace(check, comparisons=replace(c, ratio=ratio)).worst()
    assert {row["verdict"] for row in rows} == {"differs"}
    assert {row["ratio"] for row in rows} == {100.0}
