"""A result comes back from its file as it was, and a damaged file says so in one line."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from onnxtaylor.crosscheck.result import not_run
from onnxtaylor.errors import OptionError, ResultError
from onnxtaylor.files.whole import write_whole
from onnxtaylor.indices import MultiIndices
from onnxtaylor.results.taylor import Notice, TaylorResult
from onnxtaylor.statistics.ranks import ranks

COLUMNS = [
    "method", "output", "group", "order", "label", "features", "score", "sem", "numerical_error",
    "signed_mean", "rms", "rank", "rank_low", "rank_high",
]  # fmt: skip
CHECK = not_run("no rule for Foo").to_dict()
ARRAYS = ["score", "sem", "numerical_error", "signed_mean", "rms", "rank", "rank_low", "rank_high"]
HOSTILE = ["$m_{vis}$", "a\nb\x1b[31m", "x" * 300, "名前", "\u202eabc", '"],', "", " ", "\udc80"]


@pytest.fixture(scope="module")
def result(make_result):
    return make_result(["m_vis", "p_T", "eta"], ("ggh", "qqh"), ("ggh", "qqh"))


def assert_same(one: TaylorResult, two: TaylorResult) -> None:
    for name in ("model", "data", "options", "check", "version", "warnings"):
        assert getattr(one, name) == getattr(two, name), name
    assert one.indices.tuples() == two.indices.tuples()
    for name in ARRAYS:
        a, b = getattr(one, name), getattr(two, name)
        assert (a is None) == (b is None), name
        if a is not None:
            assert a.dtype == b.dtype, name
            np.testing.assert_array_equal(a, b, strict=True, err_msg=name)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("bootstrap", [True, False])
def test_a_saved_result_is_loaded_with_equal_values_and_saved_with_equal_bytes(
    make_result, tmp_path, order, bootstrap
):
    one = make_result(4, ("a", "b"), ("s",), order=order, bootstrap=bootstrap)
    one = replace(one, check=CHECK)
    one.save(tmp_path / "one.json")
    two = TaylorResult.load(tmp_path / "one.json")
    assert_same(one, two)
    two.save(tmp_path / "two.json")
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_numerical_errors_come_back(make_result, tmp_path):
    one = make_result(3, ("a", "b"))
    errors = 1e-6 * one.score
    errors[0, 0, 1] = np.nan  # not known of this one
    one = replace(one, numerical_error=errors)
    one.save(tmp_path / "r.json")
    two = TaylorResult.load(tmp_path / "r.json")
    assert_same(one, two)
    assert two.top(1)[0]["numerical_error"] == 1e-6 * two.top(1)[0]["score"]
    assert make_result(3).top(1)[0]["numerical_error"] is None


def test_chosen_coefficients_come_back(make_result, tmp_path):
    chosen = MultiIndices.of(5, [(4,), (1, 3), (2, 2)])
    one = make_result(5, indices=chosen)
    one.save(tmp_path / "r.json")
    assert_same(one, TaylorResult.load(tmp_path / "r.json"))


def test_extreme_numbers_come_back_exactly(make_result, tmp_path):
    one = make_result(3)
    score = one.score.copy()
    score[0, 0, :4] = [5e-324, 1.7976931348623157e308, 0.1 + 0.2, -0.0]
    one = replace(one, score=score, rank=ranks(score))
    one.save(tmp_path / "r.json")
    two = TaylorResult.load(tmp_path / "r.json")
    assert two.score.tobytes() == one.score.tobytes()


def test_what_is_undefined_comes_back_as_nan(make_result, tmp_path):
    one = make_result(2)
    undefined = dict.fromkeys(("mean", "std", "min", "max"), float("nan"))
    feature = replace(one.data.features[0], **undefined)
    one = replace(
        one,
        rms=np.where(one.rank == 1, np.nan, one.rms),
        data=replace(one.data, features=(feature, one.data.features[1])),
    )
    one.save(tmp_path / "r.json")
    assert "NaN" not in (tmp_path / "r.json").read_text()
    two = TaylorResult.load(tmp_path / "r.json")
    np.testing.assert_array_equal(two.rms, one.rms)
    assert np.isnan(two.data.features[0].mean)


def test_warnings_come_back(make_result, tmp_path):
    findings = (Notice("constant", "a\n", "…"), Notice("weights", None, "N_eff = 3"))
    one = replace(make_result(3), warnings=findings)
    one.save(tmp_path / "r.json")
    assert TaylorResult.load(tmp_path / "r.json").warnings == findings


@pytest.mark.parametrize(
    ("engine", "method"), [("exact", "finite-step"), ("finite-step", "derivative")]
)
def test_the_method_is_that_of_the_engine(make_result, tmp_path, engine, method):
    one = make_result(3)
    one = replace(one, model=replace(one.model, engine=engine))
    text = one.to_json().replace(f'"method": "{one.method}"', f'"method": "{method}"', 1)
    with pytest.raises(ResultError, match="the result is damaged: method must be "):
        TaylorResult.from_json(text)


def test_hostile_names_come_back(make_result, tmp_path):
    one = make_result(HOSTILE, ("$\\alpha$\n", "\x00"), ("c\td",))
    one.save(tmp_path / "r.json")
    two = TaylorResult.load(tmp_path / "r.json")
    assert_same(one, two)
    assert two.features == tuple(HOSTILE)


def test_the_file_names_its_schema_first(result, tmp_path):
    result.save(tmp_path / "r.json")
    document = json.loads((tmp_path / "r.json").read_bytes())
    assert next(iter(document.items())) == ("schema", "onnxtaylor.result/1")
    assert [list(row) for row in document["coefficients"]] == [COLUMNS] * (2 * 3 * 9)


def test_the_table_has_the_tidy_columns_and_values(result):
    table = result.to_arrow()
    assert table.column_names == COLUMNS
    assert table.to_pylist() == list(result.rows())
    frame = result.to_pandas()
    assert list(frame.columns) == COLUMNS
    assert len(frame) == 2 * 3 * 9
    assert frame["score"].to_numpy().tobytes() == result.score.tobytes()
    assert frame["rank"].dtype == np.int64


def test_rows_stand_in_the_order_of_the_convention(result):
    rows = list(result.rows())
    assert [row["label"] for row in rows[:9]] == [
        "m_vis", "p_T", "eta",
        "m_vis, m_vis", "m_vis, p_T", "m_vis, eta", "p_T, p_T", "p_T, eta", "eta, eta",
    ]  # fmt: skip
    assert [(row["output"], row["group"]) for row in rows[::9]] == [
        (c, g) for c in ("ggh", "qqh") for g in ("all", "ggh", "qqh")
    ]
    assert rows[9 + 4]["score"] == result.score[0, 1, 4]


def test_a_result_without_bootstrap_has_empty_intervals(make_result):
    table = make_result(2, bootstrap=False).to_arrow()
    assert table["rank_low"].null_count == table["rank_high"].null_count == len(table)
    assert str(table["rank_low"].type) == "int64"


def test_vector_and_matrix_hold_the_scores_of_their_coefficients(result):
    vector, matrix = result.vector("qqh", "ggh"), result.matrix("qqh", "ggh")
    for k, alpha in enumerate(result.indices.tuples()):
        if len(alpha) == 1:
            assert vector[alpha] == result.score[1, 1, k]
        else:
            assert matrix[alpha] == matrix[alpha[::-1]] == result.score[1, 1, k]
    assert vector.shape == (3,)
    assert matrix.shape == (3, 3)


def test_coefficients_that_were_not_computed_are_nan(make_result):
    result = make_result(3, indices=MultiIndices.of(3, [(1,), (0, 2)]))
    assert np.isnan(result.vector()).tolist() == [True, False, True]
    assert np.argwhere(~np.isnan(result.matrix())).tolist() == [[0, 2], [2, 0]]


def test_a_result_of_first_order_has_no_matrix(make_result):
    with pytest.raises(OptionError, match="analyze with order=2"):
        make_result(3, order=1).matrix()


def test_top_is_the_falling_start_of_the_ranking(result):
    rows = result.top(4, "qqh", "qqh")
    assert [row["rank"] for row in rows] == [1, 2, 3, 4]
    assert [row["score"] for row in rows] == sorted(result.score[1, 2], reverse=True)[:4]
    assert len(result.top(1000)) == 9
    with pytest.raises(OptionError, match="rows must be at least 1, got 0"):
        result.top(0)


@pytest.mark.parametrize("wanted", ["ztt", "", 2, -1, True, "g\ngh"])
def test_an_unknown_output_is_refused_with_those_there_are(result, wanted):
    with pytest.raises(OptionError, match=r"it has ggh, qqh$") as caught:
        result.position(output=wanted)
    assert "\n" not in str(caught.value)


# Damage: each entry changes the document in place.
DAMAGE = {
    "no model": lambda d: d.pop("model"),
    "no coefficients": lambda d: d.pop("coefficients"),
    "empty coefficients": lambda d: d["coefficients"].clear(),
    "row missing": lambda d: d["coefficients"].pop(),
    "row repeated": lambda d: d["coefficients"].append(d["coefficients"][0]),
    "block missing": lambda d: d["coefficients"].__delitem__(slice(0, 9)),
    "rows swapped": lambda d: d["coefficients"].insert(10, d["coefficients"].pop()),
    "rows of the first block swapped": lambda d: d["coefficients"].insert(
        0, d["coefficients"].pop(3)
    ),
    "other output": lambda d: d["coefficients"][3].update(output="zzz"),
    "other label": lambda d: d["coefficients"][3].update(label="zzz"),
    "unknown feature": lambda d: d["coefficients"][0].update(features=["zzz"]),
    "four features": lambda d: d["coefficients"][0].update(features=["eta"] * 4),
    "score is text": lambda d: d["coefficients"][0].update(score="much"),
    "score is null": lambda d: d["coefficients"][0].update(score=None),
    "sem is null": lambda d: d["coefficients"][8].update(sem=None),
    "signed mean is null": lambda d: d["coefficients"][-1].update(signed_mean=None),
    "group events are true": lambda d: d["data"]["groups"][0].update(events=True),
    "score missing": lambda d: d["coefficients"][5].pop("score"),
    "score too large": lambda d: d["coefficients"][5].update(score=10**400),
    "rank too large": lambda d: d["coefficients"][0].update(rank=10**30),
    "rank missing": lambda d: d["coefficients"][0].update(rank=None),
    "interval missing": lambda d: d["coefficients"][7].update(rank_low=None),
    "row is a number": lambda d: d["coefficients"].__setitem__(2, 7),
    "coefficients are a number": lambda d: d.update(coefficients=7),
    "coefficients are a table": lambda d: d.update(coefficients={"a": 1}),
    "no outputs": lambda d: d["model"].update(output=[]),
    "no groups": lambda d: d["data"].update(groups=[]),
    "output is a number": lambda d: d["model"].update(output=7),
    "outputs alike": lambda d: d["model"].update(output=["ggh", "ggh"]),
    "features alike": lambda d: d["data"]["features"][1].update(name="m_vis"),
    "feature name is a list": lambda d: d["data"]["features"][0].update(name=["m_vis"]),
    "feature name is null": lambda d: d["data"]["features"][0].update(name=None),
    "mean is text": lambda d: d["data"]["features"][0].update(mean="much"),
    "group events is null": lambda d: d["data"]["groups"][0].update(events=None),
    "extra member": lambda d: d["model"].update(surprise=1),
    "model is null": lambda d: d.update(model=None),
    "options are a number": lambda d: d.update(options=3),
    "check is a text": lambda d: d.update(check="fine"),
    "version is null": lambda d: d.update(version=None),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_document_is_refused_in_one_line(result, tmp_path, damage):
    document = json.loads(result.to_json())
    damage(document)
    path = tmp_path / "r.json"
    path.write_text(json.dumps(document))
    with pytest.raises(ResultError, match=r"r\.json: the result is damaged: ") as caught:
        TaylorResult.load(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250 + len(str(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no JSON document"),
        (b"{", "no JSON document"),
        (b"[" * 100_000, "no JSON document"),
        (b"1" * 10_000, "a number of 10000 digits is too large"),
        (b"\xff\xfe{}", "cannot be read: "),
        (b"[]", "its schema is 'None'"),
        (b"null", "its schema is 'None'"),
        (b'{"schema": "onnxtaylor.result/2"}', "its schema is 'onnxtaylor.result/2', not"),
        (b'{"schema": "\\u001b[31m%s"}' % (b"x" * 9999), "its schema is "),
        (b'{"schema": ["onnxtaylor.result/1"]}', "its schema is "),
    ],
)  # fmt: skip
def test_a_file_that_is_no_result_is_refused_in_one_line(tmp_path, content, message):
    path = tmp_path / "r.json"
    path.write_bytes(content)
    with pytest.raises(ResultError, match=message) as caught:
        TaylorResult.load(path)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 250 + len(str(path))


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e999", "null"])
def test_a_score_that_is_no_number_is_refused(result, word):
    row = next(result.rows())
    text = result.to_json().replace(f'"score": {row["score"]!r}', f'"score": {word}', 1)
    assert f'"score": {word}' in text
    with pytest.raises(ResultError, match=r"^r: (no JSON document|the result is damaged)"):
        TaylorResult.from_json(text, "r")


def test_every_truncation_of_a_result_is_refused(make_result):
    text = make_result(1, order=1).to_json()
    for end in range(0, len(text.rstrip()), 7):
        with pytest.raises(ResultError):
            TaylorResult.from_json(text[:end])


@pytest.mark.parametrize("name", ["missing.json", "a\0b", "."])
def test_a_path_that_cannot_be_read_is_named(tmp_path, name):
    with pytest.raises(ResultError, match=r"no such file|cannot be read") as caught:
        TaylorResult.load(tmp_path / name)
    assert str(caught.value).isprintable()


def test_an_existing_file_is_replaced_and_keeps_nothing_of_the_old(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"a much longer content than the new one")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_is_as_readable_as_any_other(tmp_path):
    write_whole(tmp_path / "ours", b"")
    (tmp_path / "usual").touch()
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("ours", "usual")}
    assert len(modes) == 1


@pytest.mark.parametrize("failing", ["replace", "chmod"])
def test_a_failure_leaves_the_old_file_and_no_temporary_one(tmp_path, monkeypatch, failing):
    path = tmp_path / "f"
    path.write_bytes(b"old")

    def fail(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, failing, fail)
    with pytest.raises(ResultError, match="f: cannot be written: No space left on device"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interruption_leaves_no_temporary_file(tmp_path, monkeypatch):
    def interrupt(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "f", b"new")
    assert list(tmp_path.iterdir()) == []


def test_a_target_that_is_a_directory_is_refused(tmp_path):
    (tmp_path / "d").mkdir()
    with pytest.raises(ResultError, match="d: cannot be written: it is a directory"):
        write_whole(tmp_path / "d", b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["d"]


@pytest.mark.parametrize("name", ["missing/f", "file/f", "a\0b"])
def test_a_place_where_no_file_can_be_is_refused(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(ResultError, match="cannot be written") as caught:
        write_whole(tmp_path / name, b"new")
    assert str(caught.value).isprintable()
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ResultError, match="cannot be written: Permission denied"):
            write_whole(tmp_path / "f", b"new")
        assert list(tmp_path.iterdir()) == []
    finally:
        tmp_path.chmod(0o700)


def test_a_pipe_is_written_into_and_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(pipe, b"content")
        assert os.read(reader, 100) == b"content"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
