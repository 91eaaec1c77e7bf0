"""Observed and expected events from files: the columns that both have."""

from __future__ import annotations

import numpy as np
import pytest

from onnxtaylor.errors import DataError, OptionError
from onnxtaylor.gof import Sample, read_samples


@pytest.fixture
def files(tmp_path):
    def write(name, text):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return [tmp_path / name]

    data = write("data.csv", "b,run,a\n1,7,10\n2,7,-999\n")
    mc = write("mc.csv", "a,w,b,truth\n11,0.5,3,1\n12,-0.1,4,0\n13,1,5,1\n")
    return data, mc


def test_the_columns_that_both_have_in_the_order_of_the_expectation(files):
    data, mc = read_samples(*files, expected_weight="w", missing=-999)
    assert data.names == mc.names == ("a", "b")
    np.testing.assert_array_equal(data.x, [[10, 1], [-999, 2]])
    np.testing.assert_array_equal(mc.weights, [0.5, -0.1, 1])
    assert data.weights is None
    np.testing.assert_array_equal(data.w, [1, 1])
    assert mc.n_eff == pytest.approx(1.4**2 / 1.26)


def test_named_features_and_excluded_columns(files):
    data, _ = read_samples(*files, features=["b"], expected_weight="w")
    assert data.names == ("b",)
    data, _ = read_samples(*files, exclude=["a", "truth"], expected_weight="w")
    assert data.names == ("b",)
    data, _ = read_samples(*files, observed_weight="run")
    np.testing.assert_array_equal(data.weights, [7, 7])


def test_further_files_are_the_same_events(files):
    data, mc = files
    both, _ = read_samples([*data, *data], mc, expected_weight="w")
    assert len(both.x) == 4


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"features": ["c"]}, DataError, "has no column 'c'"),
        ({"exclude": ["a", "b"]}, DataError, "share no column"),
        ({"exclude": ["q"]}, DataError, "no column 'q' to exclude"),
        ({"features": ["a"], "exclude": ["a"]}, OptionError, "asked for and excluded"),
        ({"features": ["a"], "exclude": ["tru"]}, DataError, "'tru' to exclude: did you mean 'tr"),
        ({"expected_weight": "v"}, DataError, "has no column 'v'"),
    ],
)
def test_columns_that_do_not_fit_are_named(files, options, error, words):
    with pytest.raises(error, match=words):
        read_samples(*files, **options)


@pytest.mark.parametrize(
    ("x", "weights", "words"),
    [
        (np.ones((3, 2)), None, "shape 3×2 for 1 names"),
        (np.ones((0, 1)), None, "one row is needed"),
        (np.array([["much"]]), None, "values are no numbers: .*much"),
        (np.array([[1.0], [None]], object), None, "values are no numbers|'a', event 1"),
        (np.ones((1, 1)), ["heavy"], "weights are no numbers: .*heavy"),
        (np.array([[np.inf]]), None, "'a', event 0"),
        (np.array([[np.nan]]), None, "'a', event 0"),
        (np.ones((2, 1)), np.ones(3), "3 weights for 2 events"),
        (np.ones((2, 1)), np.array([1, np.nan]), "weight of event 1"),
        (np.ones((2, 1)), np.array([1.0, -1.0]), "add up to 0"),
    ],
)
def test_arrays_that_make_no_sense_are_refused(x, weights, words):
    with pytest.raises(DataError, match=words):
        Sample(x, weights, ("a",))


def test_two_columns_of_one_name_are_refused():
    with pytest.raises(DataError, match="two columns are called 'b'"):
        Sample(np.ones((2, 3)), None, ("a", "b", "b"))


def test_an_excluded_column_beside_named_features(files):
    data, _ = read_samples(*files, features=["b"], exclude=["truth", "run"], expected_weight="w")
    assert data.names == ("b",)
