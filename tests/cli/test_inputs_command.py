"""``onnxtaylor inputs``: a specification is guessed, written, read back and held to the model."""

from __future__ import annotations

import json
import tomllib

import onnx
import pytest
from onnx import TensorProto, helper

from onnxtaylor.inputs import read_specification


@pytest.fixture
def tagger(place):
    """A model with a set, its mask and a category; what it computes does not matter here."""
    kinds = {
        "pf": (TensorProto.FLOAT, ["N", 2, "n"]),
        "pf_mask": (TensorProto.FLOAT, ["N", 1, "n"]),
        "era": (TensorProto.STRING, ["N", 1]),
    }
    nodes = [
        helper.make_node("Mul", ["pf", "pf_mask"], ["a"]),
        helper.make_node("ReduceSum", ["a"], ["y"], keepdims=0),
        helper.make_node("Identity", ["era"], ["same"]),
    ]
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, *kind) for name, kind in kinds.items()],
        [
            helper.make_tensor_value_info("y", TensorProto.FLOAT, []),
            helper.make_tensor_value_info("same", TensorProto.STRING, ["N", 1]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, place / "tagger.onnx")
    return place


def test_a_draft_is_printed_and_reads_back(tagger, cli):
    status, out, err = cli("inputs", "tagger.onnx", "--init")
    assert (status, err) == (0, "")
    (tagger / "inputs.toml").write_text(out, encoding="utf-8")
    roles = {row["name"]: row["role"] for row in tomllib.loads(out)["inputs"]}
    assert roles == {"pf": "features", "pf_mask": "mask", "era": "context"}
    assert "# Guess: a mask, by its name. Is it 1 where a slot is filled?" in out
    status, shown, err = cli("inputs", "tagger.onnx", "--inputs", "inputs.toml")
    assert (status, err) == (0, "")
    lines = shown.splitlines()
    assert lines[0] == "from inputs.toml"
    assert "mask of pf, 1 = filled" in next(line for line in lines if line.startswith("pf_mask"))


def test_what_is_guessed_is_said_to_be_a_guess(tagger, cli):
    status, out, err = cli("inputs", "tagger.onnx")
    assert status == 0
    assert out.startswith("from guess\n")
    assert "are a guess" in err
    assert "`onnxtaylor inputs tagger.onnx --init > inputs.toml`" in err


def test_files_of_weaver_are_converted(place, cli):
    info = {"median": 1, "norm_factor": 2, "replace_inf_value": 0}
    info |= {"lower_bound": -5, "upper_bound": 5, "pad": 0}
    document = {
        "output_names": ["y"],
        "input_names": ["x"],
        "x": {
            "var_names": ["a", "b", "c"],
            "var_infos": dict.fromkeys("abc", info),
            "var_length": None,
        },
    }
    (place / "preprocess.json").write_text(json.dumps(document))
    status, out, _ = cli("inputs", "model.onnx", "--inputs", "preprocess.json", "--init")
    assert status == 0
    (place / "inputs.toml").write_text(out, encoding="utf-8")
    converted = read_specification(place / "inputs.toml")
    assert converted == read_specification(place / "preprocess.json")


def test_metadata_are_read(place, cli):
    model = onnx.load("model.onnx")
    entry = model.metadata_props.add()
    entry.key, entry.value = "feature_names_in_", '["pt", "eta", "phi"]'
    onnx.save(model, "named.onnx")
    status, out, err = cli("inputs", "named.onnx")
    assert (status, err) == (0, "")
    assert out.startswith("from metadata of the model\n")
    assert "pt, eta, phi" in out


def test_slips_are_refused(place, refused):
    file = place / "inputs.toml"
    file.write_text('[[inputs]]\nname = "x"\nrol = "features"\n')
    words = ("inputs", "model.onnx", "--inputs", "inputs.toml")
    assert refused(*words) == (
        "inputs.toml: inputs[0] has a key that is not known: 'rol': did you mean 'role'?"
    )
    file.write_text('[[inputs]]\nname = "xx"\nrole = "features"\n')
    assert refused(*words) == (
        "inputs.toml: inputs[0].name is 'xx', which is not an input of the model: did you mean 'x'?"
    )
    file.write_text('[[inputs]]\nname = "x"\nrole = "features"\nvariables = ["a", "b"]\n')
    assert refused(*words) == (
        "inputs.toml: inputs[0].variables of 'x' are 2, but the model's input is [N, 3]: the axis"
        " variable has 3"
    )
    assert refused("inputs", "events.csv").startswith("events.csv: ")
    assert "is no file here" in refused("inputs", "model.onnx", "--inputs", "-")
