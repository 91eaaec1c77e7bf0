"""Figures show the numbers of the result, hold still, and leave nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from dataclasses import replace
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm, to_rgba
from matplotlib.figure import Figure

import onnxtaylor.plot.files as plot_files
from onnxtaylor.errors import OptionError, ResultError
from onnxtaylor.indices import MultiIndices
from onnxtaylor.plot import (
    ResultPlots,
    plot_curve,
    plot_matrix,
    plot_outputs,
    plot_scores,
    save_figures,
)
from onnxtaylor.plot.files import slugs
from onnxtaylor.plot.style import KINDS, kinds, offscreen
from onnxtaylor.plot.text import literal, number, shorten
from onnxtaylor.statistics.ranks import ranks

FIGURES = {
    "scores": plot_scores,
    "curve": plot_curve,
    "matrix": plot_matrix,
    "outputs": plot_outputs,
}
HIGGS = [
    "DER_mass_MMC", "DER_mass_transverse_met_lep", "DER_mass_vis", "DER_pt_h",
    "DER_deltaeta_jet_jet", "DER_mass_jet_jet", "DER_prodeta_jet_jet", "DER_deltar_tau_lep",
    "DER_pt_tot", "DER_sum_pt", "DER_pt_ratio_lep_tau", "DER_met_phi_centrality",
    "DER_lep_eta_centrality", "PRI_tau_pt", "PRI_tau_eta", "PRI_tau_phi", "PRI_lep_pt",
    "PRI_lep_eta", "PRI_lep_phi", "PRI_met", "PRI_met_phi", "PRI_met_sumet", "PRI_jet_num",
    "PRI_jet_leading_pt", "PRI_jet_leading_eta", "PRI_jet_leading_phi", "PRI_jet_subleading_pt",
    "PRI_jet_subleading_eta", "PRI_jet_subleading_phi", "PRI_jet_all_pt",
]  # fmt: skip
CMS = ("ggh", "qqh", "ztt", "noniso", "misc")
HOSTILE = [
    "$m_{vis}$", "a\nb\x1b[31m", "x" * 300, r"\frac{1}{0}$", r"a\$", "\u202eabc", "", "_^{}%&#~",
]  # fmt: skip


@pytest.fixture(scope="module")
def result(make_result):
    return make_result(["m_vis", "p_T", "eta"], ("ggh", "qqh"), ("ggh", "qqh"), scale="sigma")


@pytest.fixture(autouse=True)
def nothing_left_behind():
    """rcParams are as before, and pyplot keeps no figure that a test did not close."""
    before = dict(mpl.rcParams)
    pyplot.close("all")
    yield
    assert dict(mpl.rcParams) == before
    pyplot.close("all")


def scored(result, score):
    """The same result with other scores."""
    score = np.broadcast_to(score, result.score.shape).astype(float)
    return replace(result, score=score, rank=ranks(score), sem=np.abs(score) * 0.05)


def own_axes() -> Axes:
    return Figure().add_subplot()


def drawn(ax: Axes):
    """Draws the figure and returns its renderer."""
    canvas = FigureCanvasAgg(ax.figure)
    canvas.draw()
    return canvas.get_renderer()


def texts(ax: Axes) -> str:
    legend = ax.get_legend()
    parts = [ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel()]
    parts += [t.get_text() for t in (legend.get_texts() if legend else [])]
    return "\n".join(parts)


# --- what every figure does


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
        "import sys; from onnxtaylor.result import TaylorResult;"
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
    if name == "outputs" and "output" in wrong:
        pytest.skip("shows all outputs")
    with pytest.raises(OptionError, match=message):
        FIGURES[name](result, **wrong)
    assert pyplot.get_fignums() == []


@pytest.mark.parametrize("name", FIGURES)
def test_the_axis_says_the_unit(make_result, name):
    for scale, unit in (("unit", "per unit of input"), ("sigma", "per standard deviation")):
        ax = FIGURES[name](make_result(2, scale=scale), own_axes())
        bars = [child.get_ylabel() for child in ax.child_axes]
        assert unit in texts(ax) + "".join(bars)
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


# --- scores


def test_the_bars_are_the_highest_ranked_scores(result):
    ax = plot_scores(result, own_axes(), output="qqh", group="ggh", top=5)
    best = result.top(5, "qqh", "ggh")
    bars, errors = ax.containers
    assert [bar.get_width() for bar in bars] == [row["score"] for row in best]
    assert [t.get_text() for t in ax.get_yticklabels()] == [row["label"] for row in best]
    segments = errors[2][0].get_segments()
    np.testing.assert_allclose(
        [(right - left) / 2 for (left, _), (right, _) in segments], [row["sem"] for row in best]
    )


def test_the_largest_bar_is_at_the_top(result):
    bars = plot_scores(result, own_axes()).containers[0]
    heights = [bar.get_window_extent().y0 for bar in bars]
    assert heights == sorted(heights, reverse=True)
    assert len(bars) == 9  # top=30 of 9


def test_kinds_differ_by_colour_and_by_hatch(make_result):
    result = make_result(3, order=3)
    ax = plot_scores(result, own_axes(), top=100)
    order = np.argsort(result.rank[0, 0])
    for k, bar in zip(order, ax.containers[0], strict=True):
        alpha = result.indices.tuples()[k]
        name = (
            "first order" if len(alpha) == 1
            else "third order" if len(alpha) == 3
            else "auto-correlation" if alpha[0] == alpha[1] else "pair"
        )  # fmt: skip
        (kind,) = (kind for kind in KINDS if kind.name.startswith(name))
        assert bar.get_facecolor() == to_rgba(kind.color)
        assert (bar.get_hatch() or "") == kind.hatch
    for aspect in ("color", "hatch", "marker"):
        assert len({getattr(kind, aspect) for kind in KINDS}) == len(KINDS)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == [kind.name for kind in KINDS]


def test_the_legend_names_only_what_is_drawn(make_result):
    ax = plot_scores(make_result(3, order=1), own_axes())
    assert [t.get_text() for t in ax.get_legend().get_texts()] == [KINDS[0].name]


def test_the_legend_covers_no_bar_even_where_all_are_equal(make_result):
    with offscreen():
        ax = plot_scores(scored(make_result(8), 1.0))
    box = ax.get_legend().get_window_extent(drawn(ax))
    assert not any(box.overlaps(bar.get_window_extent()) for bar in ax.containers[0])


def test_the_figure_grows_with_the_bars_up_to_a_limit(make_result):
    result = make_result(40)
    with offscreen():
        heights = [plot_scores(result, top=t).figure.get_figheight() for t in (5, 50, 500)]
    assert heights[0] < heights[1] < heights[2] <= 60
    with pytest.raises(OptionError, match="top 0"):
        plot_scores(result, top=0)


# --- curve


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


# --- matrix


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
    with pytest.raises(OptionError, match="order 2"):
        plot_matrix(make_result(3, order=1))


# --- outputs


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


def test_classes_of_other_names_match_by_their_order(make_result):
    result = make_result(3, ("p0", "p1"), ("sig", "bkg"))
    shown = dots(plot_outputs(result, own_axes(), per_class=True))
    assert list(shown) == ["p0 over sig", "p1 over bkg"]
    assert shown["p1 over bkg"]["x2"] == result.vector("p1", "bkg")[2]


@pytest.mark.parametrize("classes", [(), ("a",), ("a", "b", "c")])
def test_classes_that_do_not_match_are_refused(make_result, classes):
    with pytest.raises(OptionError, match=f"2 outputs and {len(classes)} classes do not match"):
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
    [({"top": 0}, "top 0"), ({"per_class": True, "group": "all"}, "leave group out")],
)
def test_outputs_refuses_what_makes_no_sense(result, wrong, message):
    with pytest.raises(OptionError, match=message):
        plot_outputs(result, **wrong)
    assert pyplot.get_fignums() == []


def test_without_first_order_there_is_nothing_to_show_side_by_side(make_result):
    with pytest.raises(OptionError, match="no first-order"):
        plot_outputs(make_result(2, indices=MultiIndices.of(2, [(0, 1)])))


# --- files


def test_every_figure_that_makes_sense_is_saved(make_result, tmp_path):
    saved = {
        name: [p.name for p in save_figures(result, tmp_path / name, formats=["png"])]
        for name, result in {
            "one": make_result(2),
            "first": make_result(2, order=1),
            "two": make_result(2, ("a", "b c")),
            "classes": make_result(2, ("a", "b"), ("a", "b"), order=1),
        }.items()
    }
    assert saved == {
        "one": ["scores.png", "curve.png", "matrix.png"],
        "first": ["scores.png", "curve.png"],
        "two": [
            "scores-a.png", "curve-a.png", "matrix-a.png",
            "scores-b-c.png", "curve-b-c.png", "matrix-b-c.png", "outputs.png",
        ],
        "classes": [
            "scores-a.png", "curve-a.png", "scores-b.png", "curve-b.png",
            "outputs.png", "outputs-per-class.png",
        ],
    }  # fmt: skip
    for name, files in saved.items():
        assert sorted(p.name for p in (tmp_path / name).iterdir()) == sorted(files)
    assert pyplot.get_fignums() == []


def test_equal_results_give_equal_bytes(make_result, tmp_path, monkeypatch):
    # the second time as if it were 1970: a date in the file would differ
    first = save_figures(make_result(2), tmp_path / "a", formats=("png", "pdf", "svg"), prefix="r-")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    second = save_figures(make_result(2), tmp_path / "b", formats=("png", "pdf", "svg"))
    starts = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}
    assert len(first) == len(second) == 9
    for one, two in zip(first, second, strict=True):
        assert one.name == f"r-{two.name}"
        assert one.read_bytes() == two.read_bytes()
        assert one.read_bytes().startswith(starts[one.suffix])


def test_a_letter_without_a_glyph_is_no_warning(make_result, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_figures(make_result(["\u540d\U000f0000", "b"], order=1), tmp_path, formats=["png"])


def test_a_failing_figure_leaves_no_partial_file(make_result, tmp_path, monkeypatch):
    rendered = plot_files.rendered

    def fail(figure, name):
        if name == "pdf":
            raise ResultError("disk full")
        return rendered(figure, name)

    monkeypatch.setattr(plot_files, "rendered", fail)
    with pytest.raises(ResultError, match="disk full"):
        save_figures(make_result(2), tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["scores.png"]
    assert pyplot.get_fignums() == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"formats": ["png", "exe\n"]}, r"format 'exe\\\\n' is not offered: choose png, pdf, svg"),
        ({"prefix": "../"}, "prefix"),
        ({"prefix": "."}, "prefix"),
        ({"group": "none"}, "no group"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_written(
    make_result, tmp_path, wrong, message
):
    with pytest.raises(OptionError, match=message):
        save_figures(make_result(2), tmp_path / "new", **wrong)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_refused(make_result, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ResultError, match=r"file: cannot be made a folder: File exists"):
        save_figures(make_result(2), tmp_path / "file")


def test_slugs_are_safe_and_differ_whatever_the_names():
    names = ["a", "A", "a-2", "a/2", "../../etc", "", "\n", "x" * 300, "x" * 301, "é", "con.", "a"]
    found = slugs(names)
    assert len({slug.lower() for slug in found}) == len(names)
    assert all(slug.isascii() and len(slug) < 50 and slug.strip("-") for slug in found)
    assert not any(set(slug) & set("./\\\n\0 :") for slug in found)
    assert found[0] == "a"


# --- text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.31, "0.31"),
        (0.0996, "0.10"),
        (9.96, "10"),
        (1234.0, "1200"),
        (2.5e-7, r"$2.5\times10^{-7}$"),
        (-0.5, "-0.50"),
        (float("nan"), "nan"),
    ],
)
def test_numbers_have_two_digits(value, text):
    assert number(value) == text


def test_names_are_shortened_in_the_middle():
    assert shorten("abcdefghij", 10) == "abcdefghij"
    assert shorten("abcdefghijk", 10) == "abcde…hijk"
    name = "DER_" + "very_" * 100 + "long"
    assert len(literal(name)) == 28
    assert literal(name).startswith("DER_very_")
    assert literal(name).endswith("_long")


@pytest.mark.parametrize("name", HOSTILE)
def test_matplotlib_reads_a_literal_name_back_as_printable_text(name):
    text = Figure().text(0, 0, literal(name, limit=400))
    shown, mathematics = text._preprocess_math(text.get_text())
    assert not mathematics
    assert shown.isprintable()
    assert shown == (
        name.encode("unicode_escape").decode() if not name.isprintable() else name
    ) or (name == "" and shown == "(no name)")
