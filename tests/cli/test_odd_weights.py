"""Weights whose squares are no numbers, labels that are no text, names that are there twice."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest

import onnxtaylor as ot
from onnxtaylor.errors import DataError

COLUMNS = ("--weight", "w", "--exclude", "Label")


def weighted(place, size):
    lines = (place / "events.csv").read_text().splitlines()
    head, *rows = [line.split(",") for line in lines]
    rows = [[*row[:-1], size] for row in rows]
    (place / "odd.csv").write_text("\n".join(",".join(row) for row in [head, *rows]) + "\n")


@pytest.mark.parametrize(("size", "says"), [
    ("1e-200", "the weights are too small"), ("1e160", "the weights are too large"),
    ("1e308", "the weights sum to inf"), ("0", "the weights sum to 0"),
])  # fmt: skip
def test_weights_of_which_no_square_is_a_number(place, refused, size, says):
    weighted(place, size)
    assert says in refused("analyze", "model.onnx", "odd.csv", *COLUMNS, "-o", "r.json")


@pytest.mark.parametrize("size", ["1e-100", "1e100"])
def test_weights_of_another_size_change_no_score(place, cli, size):
    """⟨t⟩ is a weighted mean: a factor of all weights drops out."""
    scores = []
    for one in ("1", size):
        weighted(place, one)
        status, _, err = cli("analyze", "model.onnx", "odd.csv", *COLUMNS, "-o", "r.json", "-q")
        assert status == 0, err
        rows = json.loads((place / "r.json").read_text())["coefficients"]
        scores.append([[row["score"], row["sem"], row["rms"]] for row in rows])
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-9)


@pytest.mark.parametrize("size", ["1e-200", "1e160"])
def test_weights_of_which_no_square_is_a_number_in_gof(place, refused, size):
    weighted(place, size)
    words = ("gof", "events.csv", "odd.csv", "--weight", "w", "--exclude", "Label", "-o", "g.json")
    assert "the weights go up to 1e" in refused(*words)


def no_text(events=60):
    labels = np.array(["s", "b"] * (events // 2), "U1")
    labels.view(np.uint32)[3] = 0x110000 + 5
    return labels


def test_labels_beyond_unicode(place, refused):
    x = np.random.default_rng(0).normal(size=(60, 3))
    with pytest.raises(DataError, match="is no text: it has letters beyond Unicode"):
        ot.analyze(place / "model.onnx", x, labels=no_text(), check=0, bootstrap=0)
    columns = {"a": x[:, 0], "b": x[:, 1], "c": x[:, 2]}
    np.savez(place / "e.npz", **columns, Label=no_text())
    line = refused("analyze", "model.onnx", "e.npz", "--label", "Label")
    assert "column 'Label' in row 4 is no text" in line
    records = np.rec.fromarrays([*columns.values(), no_text()], names="a,b,c,Label")
    np.save(place / "e.npy", records)
    assert "row 4 is no text" in refused("analyze", "model.onnx", "e.npy", "--label", "Label")


@pytest.mark.parametrize("names", ['["a", "a", "a"]', "a,a,b", '["a", "b", "a"]'])
def test_equal_names_in_the_metadata_name_nothing(place, names):
    model = onnx.load(place / "model.onnx")
    for key in ("feature_names", "output_names", "class_names"):
        onnx.helper.set_model_props(model, {key: names})
        onnx.save(model, place / "named.onnx")
        x = np.random.default_rng(0).normal(size=(60, 3))
        result = ot.analyze(place / "named.onnx", x, check=0, bootstrap=0)
        assert len(set(result.features)) == 3
        result.save(place / "r.json")
        assert ot.TaylorResult.load(place / "r.json").features == result.features
