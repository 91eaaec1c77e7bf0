"""Columns of files beside the names of a model's inputs."""

import numpy as np
import pytest

import onnxtaylor as ot
from onnxtaylor.errors import DataError
from onnxtaylor.graph import choose, read_model
from onnxtaylor.problem.events import feature_names_of
from tests.graph.graphs import STRING, model, net, op, port

COLUMNS = {"age": np.arange(20.0) / 10, "fare": np.arange(20.0) ** 2 / 100}
SEX = ["male", "female"] * 10


def pipeline():
    """tanh(age) + fare² + e, with e = 0 or 1 by sex: an input for each column."""
    codes = {"keys_strings": ["male", "female"], "values_floats": [0.0, 1.0]}
    nodes = [
        op("LabelEncoder", ["sex"], ["e"], domain="ai.onnx.ml", **codes),
        op("Tanh", ["age"], ["a"]),
        op("Mul", ["fare", "fare"], ["f"]),
        op("Sum", ["a", "f", "e"], ["y"]),
    ]
    ports = [port("age", ["N", 1]), port("fare", ["N", 1]), port("sex", ["N", 1], STRING)]
    return model(nodes, ports, [port("y", ["N", 1])], domains={"ai.onnx.ml": 3})


@pytest.fixture
def file(tmp_path):
    """``file(order)``: a CSV file with the columns in this order."""

    def write(order):
        columns = COLUMNS | {"sex": SEX, "w": np.ones(20)}
        rows = zip(*(columns[name] for name in order), strict=True)
        path = tmp_path / "events.csv"
        lines = [",".join(order), *(",".join(map(str, row)) for row in rows)]
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


EXPECTED = {
    "age": (1 - np.tanh(COLUMNS["age"]) ** 2).mean(),
    "fare": (2 * COLUMNS["fare"]).mean(),
}


@pytest.mark.parametrize(
    "order", [["age", "fare"], ["fare", "age"], ["sex", "fare", "age"], ["fare", "w", "age", "sex"]]
)
def test_inputs_of_one_column_each_are_fed_by_name(file, order):
    held = {"sex": "male"}
    result = ot.analyze(pipeline(), file(order), fix=held, order=1, check=4, scale="unit")
    found = dict(zip([f.name for f in result.data.features], result.score[0, 0], strict=True))
    assert found == pytest.approx(EXPECTED, rel=1e-5)
    assert result.check["verdict"] == "agrees"


def test_a_held_column_is_no_feature_unless_it_is_asked_for(file):
    x = file(["age", "fare", "sex"])
    ot.analyze(pipeline(), x, fix={"sex": "male"}, order=1, check=0)
    names = ["age", "sex"]
    with pytest.raises(DataError, match="column 'sex' holds text"):
        ot.analyze(pipeline(), x, fix={"sex": "male"}, feature_names=names, order=1, check=0)


def test_names_of_inputs_name_arrays_too():
    x = np.stack(list(COLUMNS.values()), axis=1)
    result = ot.analyze(pipeline(), x, fix={"sex": "female"}, order=1, check=0)
    assert [f.name for f in result.data.features] == ["age", "fare"]


def test_names_of_inputs_that_hold_several_features_name_none():
    loaded = read_model(net())
    assert feature_names_of(loaded, choose(loaded)) is None
    named = read_model(net(metadata={"feature_names": "a,b,c"}))
    assert feature_names_of(named, choose(named)) == ["a", "b", "c"]
