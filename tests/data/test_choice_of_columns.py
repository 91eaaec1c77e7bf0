"""Which columns become features, label and weight, and what is said where that fails."""

from __future__ import annotations

import shlex

import numpy as np
import pytest

from onnxtaylor.cli.flags import as_flags
from onnxtaylor.data import ColumnRequest, open_source
from onnxtaylor.data.columns import advise_exclusion
from onnxtaylor.errors import DataError, OptionError

NAMES = ("pt", "eta", "phi", "mass", "label", "weight")


@pytest.fixture
def path(write):
    return write("csv", {name: np.array([float(i), 1.0]) for i, name in enumerate(NAMES)})


def says(paths, request, *words):
    with pytest.raises(DataError) as caught:
        open_source(paths, request=request)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message


def test_all_other_columns_are_counted_as_features(path):
    request = ColumnRequest(3, label="label", weight="weight", exclude=("phi",))
    assert open_source([path], request=request).feature_names == ("pt", "eta", "mass")


def test_too_many_columns_say_the_way_out(path):
    request = ColumnRequest(2, label="label")
    says(
        [path],
        request,
        "events.csv has 5 columns left",
        "the model has 2 inputs",
        "feature_names=…",
        'exclude=["NAME"]',
        "or labels=…, weights=…; columns left: pt, eta, phi, mass, weight",
    )


def test_a_long_list_of_columns_is_cut(write):
    path = write("csv", {f"c{i}": np.zeros(1) for i in range(40)})
    says(
        [path],
        ColumnRequest(2),
        "40 columns left",
        "c0, c1, c2",
        "c26, … (+10 more), c37, c38, c39",
    )


def test_too_few_columns(path):
    says([path], ColumnRequest(7), "6 columns left", "7 inputs", "right file")


def test_offered_names_are_used_if_all_are_columns(path):
    request = ColumnRequest(2, offered=("mass", "pt"))
    assert open_source([path], request=request).feature_names == ("mass", "pt")


def test_offered_names_give_way_to_counting(path):
    request = ColumnRequest(4, label="label", weight="weight", offered=("x", "pt", "eta", "phi"))
    assert open_source([path], request=request).feature_names == NAMES[:4]


def test_offered_names_do_not_take_the_label(path):
    request = ColumnRequest(5, label="label", offered=("pt", "eta", "phi", "mass", "label"))
    assert "label" not in open_source([path], request=request).feature_names


@pytest.mark.parametrize("role", ["features", "label", "weight", "exclude"])
def test_a_column_that_does_not_exist_brings_the_nearest_names(path, role):
    name = "weigth"
    value = (name,) if role in ("features", "exclude") else name
    says([path], ColumnRequest(1, **{role: value}), "no column 'weigth'", "did you mean 'weight'")


def test_a_name_in_other_case_is_suggested(path):
    says([path], ColumnRequest(1, features=("PT",)), "no column 'PT'", "did you mean 'pt'")


def test_a_name_like_no_other_brings_the_list(path):
    says([path], ColumnRequest(1, features=("zzzzzz",)), "no column 'zzzzzz': it has pt, eta")


@pytest.mark.parametrize("role", ["label", "weight", "exclude"])
def test_a_column_has_one_role(path, role):
    value = ("pt",) if role == "exclude" else "pt"
    says([path], ColumnRequest(1, features=("pt",), **{role: value}), "'pt'", "only one")


def test_label_and_weight_differ(path):
    says([path], ColumnRequest(5, label="pt", weight="pt"), "'pt'", "both")


def test_a_feature_is_named_once(path):
    says([path], ColumnRequest(2, features=("pt", "pt")), "'pt' is named twice")


def test_the_names_are_as_many_as_the_inputs(path):
    says([path], ColumnRequest(2, features=("pt",)), "feature_names has 1 name", "2 inputs")


def test_a_name_twice_in_the_file_is_an_error_only_if_needed(tmp_path):
    path = tmp_path / "twice.csv"
    path.write_text("a,b,a\n1,2,3\n")
    says([path], ColumnRequest(3), "twice.csv", "'a'", "columns 1, 3")
    source = open_source([path], request=ColumnRequest(1, features=("b",)))
    assert next(source.batches(1)).x.tolist() == [[2.0]]


def test_a_column_missing_in_a_later_file_names_both(path, write):
    later = write("parquet", {name: np.zeros(1) for name in NAMES if name != "eta"}, "later")
    says([path, later], ColumnRequest(6), "later.parquet", "'eta'")


def test_a_later_file_without_names_is_told(path, tmp_path):
    later = tmp_path / "part2.csv"
    later.write_text("1,2,3,4,5,6\n")
    says([path, later], ColumnRequest(6), "part2.csv", "'pt'", "line of names missing")


@pytest.mark.parametrize("kind", ["csv", "npy", "npz"])
def test_columns_without_names_are_called_by_position(kind, tmp_path):
    x = np.arange(1.0, 13).reshape(3, 4)
    path = tmp_path / f"bare.{kind}"
    if kind == "csv":
        np.savetxt(path, x, delimiter=",")
    elif kind == "npy":
        np.save(path, x)
    else:
        np.savez(path, whatever=x)
    bare = open_source([path], request=ColumnRequest(4))
    assert bare.feature_names is None
    np.testing.assert_array_equal(next(bare.batches(5)).x, x)
    part = open_source([path], request=ColumnRequest(2, label="0", weight="3"))
    assert part.feature_names == ("1", "2")
    batch = next(part.batches(5))
    np.testing.assert_array_equal(batch.x, x[:, 1:3])
    np.testing.assert_array_equal(batch.weights, x[:, 3])
    assert batch.labels.tolist() == ["1", "5", "9"]
    named = open_source([path], request=ColumnRequest(2, features=("2", "0")))
    assert named.feature_names == ("2", "0")
    np.testing.assert_array_equal(next(named.batches(5)).x, x[:, [2, 0]])
    offered = open_source([path], request=ColumnRequest(2, exclude=("0", "1"), offered=("p", "q")))
    assert offered.feature_names == ("p", "q")


def test_a_block_of_features_has_names_and_columns_beside_it(tmp_path, whole):
    x = np.arange(6.0).reshape(3, 2)
    path = tmp_path / "block.npz"
    beside = {"y": np.array(["s", "b", "s"]), "w": np.array([1, 2, 3]), "id": np.arange(3)}
    np.savez(path, X=x, other=np.zeros((7, 7)), feature_names=np.array(["p", "q"]), **beside)
    source = open_source([path], request=ColumnRequest(2, label="y", weight="w"))
    assert source.feature_names == ("p", "q")
    batch = whole(source)
    np.testing.assert_array_equal(batch.x, x)
    assert batch.weights.tolist() == [1, 2, 3]
    assert batch.labels.tolist() == ["s", "b", "s"]
    named = open_source([path], request=ColumnRequest(2, features=("id", "q")))
    np.testing.assert_array_equal(whole(named).x, [[0, 1], [1, 3], [2, 5]])


def test_no_files_at_all():
    with pytest.raises(OptionError, match="one file"):
        open_source([], request=ColumnRequest(1))


@pytest.mark.parametrize("name", ["b", "b c", "x[0]", "it's", "-1", "mass [GeV]", "µ=2, ν"])
def test_advice_to_leave_a_column_out_can_be_copied(name):
    advice = advise_exclusion(name)
    assert advice == f'exclude=["{name}"]'
    assert shlex.split(as_flags(advice)) == ["--exclude", name]


@pytest.mark.parametrize("name", ['say "x"', "a\\b", "two\nlines", "x" * 99])
def test_a_name_that_cannot_be_copied_is_left_to_the_user(name):
    assert advise_exclusion(name) == "exclude=…"
