"""Figures as files: which, the same bytes again, and never half of one."""

from __future__ import annotations

import warnings

import matplotlib as mpl
import pytest
from matplotlib import pyplot

import onnxtaylor.views.plot.files as plot_files
from onnxtaylor.errors import OptionError, ResultError
from onnxtaylor.views.plot import (
    save_figures,
)
from onnxtaylor.views.plot.files import slugs

BOTH = ["scores-a", "curve-a", "matrix-a", "scores-b-c", "curve-b-c", "matrix-b-c"]
CASES = [
    ("one", {}, ["scores", "curve", "matrix"]),
    ("one", {"what": "all"}, ["scores", "curve", "matrix"]),
    ("one", {"what": ["matrix", "scores"]}, ["scores", "matrix"]),
    ("first", {}, ["scores", "curve"]),
    ("two", {}, ["outputs", "table"]),
    ("two", {"what": "curve"}, ["curve-a", "curve-b-c"]),
    ("two", {"output": "b c"}, ["scores-b-c", "curve-b-c", "matrix-b-c"]),
    ("two", {"output": 1, "what": "all"}, ["scores-b-c", "curve-b-c", "matrix-b-c"]),
    ("two", {"output": ["b c", "a"], "what": "matrix"}, ["matrix-b-c", "matrix-a"]),
    (
        "two",
        {"what": "all"},
        [*BOTH, "outputs", "table"],
    ),
    ("classes", {"per_class": True}, ["outputs-per-class", "table-per-class"]),
    ("classes", {"per_class": True, "output": "b"}, ["scores-b-per-class", "curve-b-per-class"]),
    ("many", {}, ["outputs"]),  # the table has columns for 12
]


@pytest.mark.parametrize(("kind", "options", "names"), CASES)
def test_what_makes_sense_is_saved(make_result, tmp_path, kind, options, names):
    result = {
        "one": lambda: make_result(2),
        "first": lambda: make_result(2, order=1),
        "two": lambda: make_result(2, ("a", "b c")),
        "classes": lambda: make_result(2, ("a", "b"), ("b", "a"), order=1),
        "many": lambda: make_result(2, [f"y{k}" for k in range(13)], order=1),
    }[kind]()
    found = save_figures(result, tmp_path / "new", formats=["svg"], **options)
    assert [path.name for path in found] == [f"{name}.svg" for name in names]
    assert sorted((tmp_path / "new").iterdir()) == sorted(found)
    assert pyplot.get_fignums() == []


def test_top_is_the_number_of_coefficients_or_features(make_result, tmp_path):
    result = make_result([f"feature{k}" for k in range(9)], ("a", "b"), scale="sigma")
    mpl_text = {"svg.fonttype": "none"}
    with mpl.rc_context(mpl_text):
        save_figures(result, tmp_path, formats=["svg"], what="all", top=4)
    for name in ("scores-a", "table", "outputs", "matrix-a"):
        text = (tmp_path / f"{name}.svg").read_text()
        names = {f"feature{k}" for k in range(9) if f">feature{k}" in text}
        assert 1 <= len(names) <= 8, name
    text = (tmp_path / "matrix-a.svg").read_text()
    assert sum(f">feature{k}<" in text for k in range(9)) == 4
    assert "4 of 9 features" in text


def test_figures_per_class_show_each_response_over_its_own(make_result, tmp_path):
    result = make_result(2, ("a", "b"), ("b", "a"), order=1)
    mpl_text = {"svg.fonttype": "none"}
    with mpl.rc_context(mpl_text):
        save_figures(result, tmp_path, formats=["svg"], what="all", per_class=True)
    for name in "ab":
        assert f"events of {name}" in (tmp_path / f"scores-{name}-per-class.svg").read_text()


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
        ({"formats": ["png", "exe\n"]}, r"format must be png, pdf or svg, got 'exe"),
        ({"prefix": "../"}, "prefix"),
        ({"prefix": "."}, "prefix"),
        ({"group": "none"}, "no group"),
        ({"output": "none"}, "no output"),
        ({"what": "score"}, "what 'score' is no figure: did you mean 'scores'"),
        ({"what": ["table"], "output": "y"}, "what 'table' shows all responses"),
        ({"top": 0}, "top must be at least 1"),
        ({"per_class": True}, "needs the classes of the events"),
        ({"per_class": True, "group": "all"}, "leave group"),
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
    with pytest.raises(ResultError, match=r"file: cannot be created as a folder: File exists"):
        save_figures(make_result(2), tmp_path / "file")


def test_slugs_are_safe_and_differ_whatever_the_names():
    names = ["a", "A", "a-2", "a/2", "../../etc", "", "\n", "x" * 300, "x" * 301, "é", "con.", "a"]
    found = slugs(names)
    assert len({slug.lower() for slug in found}) == len(names)
    assert all(slug.isascii() and len(slug) < 50 and slug.strip("-") for slug in found)
    assert not any(set(slug) & set("./\\\n\0 :") for slug in found)
    assert found[0] == "a"
