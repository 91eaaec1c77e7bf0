"""Every figure is drawn where it is told, says what it shows, and cuts nothing off."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise

import matplotlib as mpl
import pytest
from matplotlib import pyplot

from onnxtaylor.errors import OptionError
from onnxtaylor.views.plot import (
    ResultPlots,
)
from onnxtaylor.views.plot.style import offscreen
from tests.views.plot.figures import CMS, FIGURES, HIGGS, HOSTILE, drawn, own_axes, texts


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_drawn_into_the_axes_it_is_given(result, name):
    ax = own_axes()
    assert FIGURES[name](result, ax) is ax
    assert ax.has_data()
    assert getattr(ResultPlots(result), name)(ax=own_axes()).has_data()
    assert getattr(result.plot, name)(ax=ax) is ax
    assert pyplot.get_fignums() == []


@pytest.mark.parametrize("name", FIGURES)
def test_a_new_figure_is_pyplots_where_the_program_uses_pyplot(result, name):
    ax = FIGURES[name](result)
    assert pyplot.get_fignums() == [ax.figure.number]
    with offscreen():
        FIGURES[name](result)
    assert len(pyplot.get_fignums()) == 1


def test_without_pyplot_a_figure_needs_neither_pyplot_nor_display(result, tmp_path):
    result.save(tmp_path / "r.json")
    program = (
        "import sys; from onnxtaylor.results.taylor import TaylorResult;"
        f"ax = TaylorResult.load({str(tmp_path / 'r.json')!r}).plot.curve();"
        f"ax.figure.savefig({str(tmp_path / 'c.png')!r});"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "MPLBACKEND")}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment, timeout=60)
    assert (tmp_path / "c.png").stat().st_size > 1000


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize(
    ("wrong", "message"), [({"output": "ztt"}, "no output"), ({"group": "ztt"}, "no group")]
)
def test_an_unknown_output_or_group_is_refused_before_a_figure_is_made(
    result, name, wrong, message
):
    if name in ("outputs", "table") and "output" in wrong:
        pytest.skip("shows all outputs")
    with pytest.raises(OptionError, match=message):
        FIGURES[name](result, **wrong)
    assert pyplot.get_fignums() == []


@pytest.mark.parametrize("name", FIGURES)
def test_the_axis_says_the_unit(make_result, name):
    for scale, unit in (("unit", "per unit of input"), ("sigma", "per standard deviation")):
        ax = FIGURES[name](make_result(2, scale=scale), own_axes())
        bars = [child.get_ylabel() for child in ax.child_axes]
        assert unit in (texts(ax) + "".join(bars)).replace("\n", " ")  # of a broken line
        assert r"\langle t" in texts(ax) + "".join(bars)


@pytest.mark.parametrize("name", ["scores", "curve", "matrix"])
def test_the_title_says_which_function_and_which_events(make_result, name):
    result = make_result(2, ("sig", "bkg"), ("c1",), link="logit")
    ax = FIGURES[name](result, own_axes(), output="bkg", group="c1")
    assert ax.get_title(loc="left") == "Taylor coefficients of logit(bkg)\nevents of c1"
    assert FIGURES[name](result, own_axes()).get_title(loc="left").endswith("sig)\nall events")


SIZES = {
    "one": (1, ("y",)),
    "three": (["m_vis", "p_T", "eta"], ("y",)),
    "higgs": (HIGGS, CMS),
    "hostile": (HOSTILE, ("$\\alpha$\n" + "o" * 90, "b\x00")),
    "hundred": (100, ("y",)),
}


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("case", SIZES)
def test_nothing_is_cut_and_no_labels_overlap(make_result, name, case):
    with offscreen():
        ax = FIGURES[name](make_result(*SIZES[case], scale="sigma"))
    renderer = drawn(ax)
    page = ax.figure.bbox
    inside = ax.figure.get_tightbbox(renderer)  # in inches
    dpi = ax.figure.dpi
    assert inside.x0 * dpi >= page.x0 - 1
    assert inside.y0 * dpi >= page.y0 - 1
    assert inside.x1 * dpi <= page.x1 + 1
    assert inside.y1 * dpi <= page.y1 + 1
    for labels, low, high in (
        (ax.get_yticklabels(), "y0", "y1"),
        (ax.get_xticklabels(), "x0", "x1"),
    ):
        boxes = [t.get_window_extent(renderer) for t in labels if t.get_text()]
        boxes.sort(key=lambda box: getattr(box, low))
        for one, two in pairwise(boxes):
            assert getattr(one, high) <= getattr(two, low) + 1


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("usetex", [False, True])
def test_hostile_names_are_drawn_as_they_are(make_result, name, usetex):
    result = make_result(HOSTILE, ("$\\alpha$", "\\input{/etc/passwd}"), ("$^{$",))
    with mpl.rc_context({"text.usetex": usetex}), offscreen():
        ax = FIGURES[name](result, **({} if name == "curve" else {"group": "$^{$"}))
        for axis in (ax.xaxis, ax.yaxis):
            named = [t for t in axis.get_ticklabels() if "vis" in t.get_text()]
            for text in named:
                assert r"\$m_{vis}\$" in text.get_text()
        untrusted = [t for t in ax.get_yticklabels() if name in ("scores", "matrix", "outputs")]
        untrusted.append(ax._left_title)
        if name in ("outputs", "curve"):  # "%" would start a comment
            untrusted += ax.get_legend().get_texts()
        assert not any(t.get_usetex() for t in untrusted)
    if not usetex:
        drawn(ax)
