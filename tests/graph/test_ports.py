"""What a file says of its inputs, outputs, and names."""

import json

import pytest
from onnx import TensorProto, helper

from onnxtaylor.graph import input_ports, output_ports, stored_names
from tests.graph.graphs import F16, F32, I64, model, net, op, port


def test_a_shape_is_sizes_symbols_and_unknowns():
    graph = model(
        [op("Identity", ["x"], ["y"])],
        [port("x", ["N", 3, None]), port("z", None, F16), port("s", [], I64), port("e", [0, -1])],
        [port("y", None)],
    ).graph
    x, z, s, e = input_ports(graph)
    assert (x.shape, x.type_name, x.shape_text) == (("N", 3, None), "float32", "[N, 3, ?]")
    assert (z.shape, z.type_name, z.shape_text) == (None, "float16", "[?]")
    assert (s.shape, s.type_name, s.is_float) == ((), "int64", False)
    assert e.shape == (None, None)


def test_initializers_listed_as_inputs_are_none():
    proto = net(ir=3)
    proto.graph.input.extend([port("W1", [3, 4]), port("W2", [4, 2])])
    assert [p.name for p in input_ports(proto.graph)] == ["x"]


def test_what_is_no_tensor_and_unknown_types_have_names():
    proto = net()
    sequence = helper.make_tensor_sequence_value_info("s", F32, None)
    proto.graph.output.append(sequence)
    proto.graph.output.append(port("strange", [1], 99))
    assert [p.type_name for p in output_ports(proto.graph)] == ["float32", "no tensor", "type 99"]


def test_a_zipmap_stands_for_the_tensor_that_it_reads():
    proto = net(domains={"ai.onnx.ml": 1})
    proto.graph.node.append(
        op("ZipMap", ["y"], ["maps"], domain="ai.onnx.ml", classlabels_int64s=[7, 9])
    )
    proto.graph.node.append(
        op("ZipMap", [], [], domain="ai.onnx.ml")
    )  # damaged, and no reason to stop
    del proto.graph.output[:]
    proto.graph.output.append(helper.make_tensor_sequence_value_info("maps", F32, None))
    (found,) = output_ports(proto.graph)
    assert (found.name, found.type) == ("y", TensorProto.FLOAT)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('["a", "b"]', ["a", "b"]),
        ("a, b ,c", ["a", "b", "c"]),
        ("['a', 'b']", ["a", "b"]),
        ("('a', 'b')", ["a", "b"]),
        ("[0, 1]", ["0", "1"]),
        ("single", ["single"]),
        ("", None),
        ("[]", None),
        ("a,,b", None),
        ('{"a": 1}', None),
        ('[["a"], ["b"]]', None),
        ("null", None),
        ("[" * 100_000, ["[" * 100_000]),
    ],
)
def test_names_in_the_metadata(text, names):
    assert (
        stored_names(net(metadata={"Feature_Names": text}), ("columns", "feature_names")) == names
    )


def test_the_first_key_with_names_wins():
    proto = net(metadata={"b": "x,y", "a": "", "c": json.dumps(["z"])})
    assert stored_names(proto, ("a", "b", "c")) == ["x", "y"]
