"""Rows made column by column against what ``json.dumps`` makes of the objects."""

from __future__ import annotations

import json
from itertools import islice

import numpy as np
import pytest

from onnxtaylor.indices import MultiIndices
from onnxtaylor.results import json_rows
from onnxtaylor.results.json_rows import coefficient_texts, number_texts, row_texts, text_texts

EXTREME = [0.0, -0.0, 1.0, -2.0, 1e-5, 1e-300, 5e-324, 1e15, 1e16, 1e22, 2.0**53, 1.5e300, 0.1]


def test_numbers_are_read_back_as_the_same_numbers():
    random = np.random.default_rng(0)
    values = np.r_[EXTREME, random.normal(size=500) * 10.0 ** random.integers(-320, 300, 500)]
    read = [json.loads(text) for text in number_texts(values).to_pylist()]
    assert [np.float64(x).tobytes() for x in read] == [x.tobytes() for x in values]
    small = np.abs(values) < 1e15  # these stay floating-point numbers
    assert all(isinstance(x, float) for x, flag in zip(read, small, strict=True) if flag)


def test_what_is_undefined_is_null_and_infinity_is_refused():
    assert number_texts(np.array([np.nan, 0.25])).to_pylist() == ["null", "0.25"]
    with pytest.raises(ValueError, match="JSON"):
        number_texts(np.array([1.0, np.inf]))


def test_whole_numbers_and_flags():
    assert number_texts(np.array([1, -(2**62)])).to_pylist() == ["1", str(-(2**62))]
    assert number_texts(np.array([True, False])).to_pylist() == ["true", "false"]


@pytest.mark.parametrize("block", [1, 2, 7])
def test_rows_are_the_objects_whatever_the_size_of_a_block(monkeypatch, block):
    monkeypatch.setattr(json_rows, "BLOCK", block)
    names = ["a", 'q"\\u', "é\u2028", "\x1b"]
    columns = {
        "first": "null",
        "name": text_texts(names, np.array([0, 3, 2, 1, 1])),
        "é": number_texts(np.arange(5) / 4),
        "last": '"x"',
    }
    expected = [
        {"first": None, "name": names[k], "é": r / 4, "last": "x"}
        for r, k in enumerate([0, 3, 2, 1, 1])
    ]
    assert [json.loads(row) for row in row_texts(columns, 5)] == expected
    assert list(row_texts({"a": "1"}, 2)) == ['{"a": 1}'] * 2


def test_coefficients_are_named_as_by_the_convention():
    indices, features = MultiIndices.full(3, 3), ["x", 'y, "1"', "ü"]
    columns = {
        name: column.to_pylist() for name, column in coefficient_texts(indices, features).items()
    }
    assert [json.loads(x) for x in columns["label"]] == indices.labels(features)
    assert [tuple(json.loads(x)) for x in columns["features"]] == indices.names(features)
    assert [json.loads(x) for x in columns["order"]] == indices.orders.tolist()


def test_a_name_that_is_no_unicode_is_escaped():
    row = next(islice(row_texts({"name": text_texts(["\udc80"], np.array([0]))}, 1), 1))
    assert row.encode()
    assert json.loads(row) == {"name": "\udc80"}
