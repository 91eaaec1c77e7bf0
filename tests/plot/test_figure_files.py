"""Figures as files: which, the same bytes again, and never half of one."""

from __future__ import annotations

import warnings

import pytest
from matplotlib import pyplot

import onnxtaylor.plot.files as plot_files
from onnxtaylor.errors import OptionError, ResultError
from onnxtaylor.plot import (
    save_figures,
)
from onnxtaylor.plot.files import slugs


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
            "scores-b-c.png", "curve-b-c.png", "matrix-b-c.png", "outputs.png", "table.png",
        ],
        "classes": [
            "scores-a.png", "curve-a.png", "scores-b.png", "curve-b.png",
            "outputs.png", "table.png", "outputs-per-class.png", "table-per-class.png",
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
