"""What ``onnxtaylor.graph.limits`` states is refused in one line, before anything runs a model."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from onnxtaylor.errors import ModelError, OptionError
from onnxtaylor.graph import read_model
from onnxtaylor.graph.limits.einsum import largest_product
from tests.graph.graphs import F32, I64, model, net, op, port

X, Y = port("x", ["N", 4]), port("y", ["N", None])
HUGE, LEAST = 2**62, -(2**63)


def simple(*nodes, constants=None, x=X, **options):
    return model(list(nodes), [x], [Y], constants, **options)


def refused(proto, says):
    with pytest.raises(ModelError, match=says) as error:
        read_model(proto)
    text = str(error.value)
    assert "\n" not in text
    assert text.startswith("<model in memory>: ")
    assert len(text) < 600


# what would take far more memory than there is, by the shapes that follow from the file
BOMBS = {
    "expand": ([op("Expand", ["x", "k"], ["big"])], {"k": np.array([2**20, 2**10, 4])}),
    "tile": ([op("Tile", ["x", "k"], ["big"])], {"k": np.array([2**40, 1])}),
    "fill": ([op("ConstantOfShape", ["k"], ["big"])], {"k": np.array([HUGE])}),
    "range": (
        [op("Range", ["a", "k", "b"], ["big"])],
        {"a": np.int64(0), "k": np.int64(2**40), "b": np.int64(1)},
    ),
    "pad": ([op("Pad", ["x", "k"], ["big"])], {"k": np.array([0, 0, 0, 2**40])}),
    "one-hot": (
        [op("OneHot", ["i", "k", "v"], ["big"])],
        {"i": np.arange(3), "k": np.int64(2**40), "v": np.array([0.0, 1.0], np.float32)},
    ),
    "resize": (
        [op("Resize", ["x", "", "k"], ["big"])],
        {"k": np.array([1.0, 1e9], np.float32)},
    ),
    "multinomial": ([op("Multinomial", ["x"], ["big"], sample_size=2**31 - 1)], {}),
    "broadcast": (
        [op("Add", ["u", "v"], ["big"])],
        {"u": np.zeros((2**16, 1), np.float32), "v": np.zeros((1, 2**16), np.float32)},
    ),
    "product": (
        [op("MatMul", ["u", "v"], ["big"])],
        {"u": np.zeros((2**16, 1), np.float32), "v": np.zeros((1, 2**16), np.float32)},
    ),
    "computed size": (
        [
            op("Shape", ["x"], ["s"]),
            op("Gather", ["s", "one"], ["four"]),
            op("Mul", ["four", "k"], ["many"]),
            op("Concat", ["many", "many"], ["shape"], axis=0),
            op("ConstantOfShape", ["shape"], ["big"]),
        ],
        {"one": np.array([1]), "k": np.array([2**20])},
    ),
    "doubled": (
        [op("Concat", [f"t{k}", f"t{k}"], [f"t{k + 1}"], axis=1) for k in range(40)],
        {"t0": np.zeros((1, 4), np.float32)},
    ),
    "on the way of a product": (
        [op("Einsum", ["a", "b", "c", "d"], ["small"], equation="i,j,i,j->i")],
        {k: np.zeros(30_000, np.float32) for k in "abcd"},
    ),
}


@pytest.mark.parametrize(("nodes", "constants"), BOMBS.values(), ids=BOMBS)
def test_tensors_that_fill_the_memory(nodes, constants):
    proto = simple(*nodes, op("Tanh", ["x"], ["y"]), constants=constants)
    refused(proto, r"node '.*' \(\w+\): (its output '.*' is|a product inside has) .* GiB for one")


def test_an_input_of_impossible_length():
    proto = simple(op("Tanh", ["x"], ["y"]), x=port("x", [HUGE, 4]))
    refused(proto, r"input 'x' is \[4611686018427387904, 4\] and takes .* GiB")


def collecting(turns, width=10_000):
    body = helper.make_graph(
        [
            op("Tanh", ["s"], ["t"]),
            op("Identity", ["goes"], ["on"]),
            op("Expand", ["s", "k"], ["e"]),
        ],
        "body",
        [port("i", [], I64), port("goes", [], TensorProto.BOOL), port("s", ["N", 4])],
        [port("on", [], TensorProto.BOOL), port("t", None), port("e", None)],
        [numpy_helper.from_array(np.array([width, 1, 4]), "k")],
    )
    return simple(
        op("Loop", ["count", "", "x"], ["y", "all"], body=body),
        constants={"count": np.int64(turns)},
    )


def test_what_a_loop_collects():
    refused(collecting(1_000_000), r"\(Loop\): its output 'all' is \[1000000, 10000, 1, 4\]")
    read_model(collecting(3))


def test_the_limit_on_sizes_is_raised_by_the_environment(monkeypatch):
    proto = simple(op("Expand", ["x", "k"], ["y"]), constants={"k": np.array([2**26, 4])})
    with pytest.raises(ModelError, match="ONNXTAYLOR_LIMITS=2"):
        read_model(proto)
    monkeypatch.setenv("ONNXTAYLOR_LIMITS", "2")
    read_model(proto)
    for text in ("lots", "nan", "0.5", "-1"):
        monkeypatch.setenv("ONNXTAYLOR_LIMITS", text)
        with pytest.raises(OptionError, match="ONNXTAYLOR_LIMITS must be a number from 1 on"):
            read_model(proto)


def test_free_sizes_are_no_reason_to_refuse():
    """N − 1 objects, divided by N − 1: both are 0 for one event, and neither is known."""
    proto = simple(
        op("Shape", ["x"], ["s"]),
        op("Gather", ["s", "zero"], ["n"]),
        op("Sub", ["n", "one"], ["less"]),
        op("Div", ["n", "less"], ["q"]),
        op("Cast", ["q"], ["f"], to=F32),
        op("Add", ["x", "f"], ["y"]),
        constants={"zero": np.array([0]), "one": np.array([1])},
    )
    read_model(proto)


@pytest.mark.parametrize("dtype", [np.int64, np.int32])
def test_divisions_that_end_a_process(dtype):
    def divided(above, below, kind="Div"):
        return simple(
            op("Neg", ["a"], ["m"]),
            op(kind, ["m", "b"], ["q"]),
            op("Cast", ["q"], ["f"], to=F32),
            op("Add", ["x", "f"], ["y"]),
            constants={"a": np.asarray(above, dtype), "b": np.asarray(below, dtype)},
        )

    least = np.iinfo(dtype).min  # its own negative
    refused(divided(least, -1), r"node 'q' \(Div\) divides -\d+ by -1")
    refused(divided([3, least], [2, -1], "Mod"), r"\(Mod\) divides -\d+ by -1")
    refused(divided(1, [3, 0]), r"\(Div\) divides whole numbers by 0")
    read_model(divided([least, 4], [3, -1]))


def nested_functions(depth, width, last="Tanh"):
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    functions = []
    for k in range(depth):
        own = k + 1 < depth or last != "Tanh"
        called = f"F{k + 1}" if k + 1 < depth else last
        names = ["a", *(f"t{j}" for j in range(1, width)), "b"]
        domain = "own" if own else ""
        calls = [op(called, [names[j]], [names[j + 1]], domain=domain) for j in range(width)]
        functions.append(helper.make_function("own", f"F{k}", ["a"], ["b"], calls, sets))
    call = op("F0", ["x"], ["y"], domain="own")
    return simple(call, domains={"own": 1}, functions=functions)


def test_functions_are_counted_not_written_out():
    refused(nested_functions(9, 10), "with its functions written out the model has 1e.09 nodes")
    refused(nested_functions(3, 2, "F0"), "function 'F0' calls itself")
    refused(nested_functions(2000, 1), "more than 64 deep")
    read_model(nested_functions(3, 10))


def test_more_nodes_than_can_be_analyzed():
    nodes = [op("Tanh", [f"t{k}"], [f"t{k + 1}"]) for k in range(100_001)]
    nodes[0].input[0], nodes[-1].output[0] = "x", "y"
    refused(simple(*nodes), "the model has 100001 nodes, which is more than 100000")


NAMES = {
    "tensor": lambda p: p.graph.node[0].output[0],
    "node": lambda p: p.graph.node[0].name,
    "input": lambda p: p.graph.input[0].name,
    "metadata": lambda p: p.metadata_props[0].value,
    "producer": lambda p: p.producer_name,
    "symbol": lambda p: p.graph.input[0].type.tensor_type.shape.dim[0].dim_param,
}


@pytest.mark.parametrize("read", NAMES.values(), ids=NAMES)
def test_names_that_are_no_text(read):
    proto = simple(
        op("Tanh", ["x"], ["qqqq"], name="qqqq"), op("Neg", ["qqqq"], ["y"]), metadata={"k": "qqqq"}
    )
    proto.producer_name = "qqqq"
    proto.graph.input[0].name = "qqqq" if read is NAMES["input"] else "x"
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "qqqq"
    assert read(proto) == "qqqq"
    content = proto.SerializeToString()
    places = [k for k in range(len(content)) if content.startswith(b"qqqq", k)]
    for place in places:
        changed = content[:place] + b"\xac" + content[place + 1 :]
        with pytest.raises(ModelError, match=r"the name '\\xacqqq' is no text in UTF-8"):
            read_model(changed)


def test_tensors_without_one_origin():
    a, b = op("Add", ["x", "b"], ["a"]), op("Tanh", ["a"], ["b"])
    refused(simple(a, b, op("Neg", ["b"], ["y"])), "is computed from its own output")
    refused(simple(op("Add", ["x", "y"], ["y"])), r"node 'y' \(Add\) is computed from its own")
    twice = [op("Tanh", ["x"], ["y"]), op("Neg", ["x"], ["y"])]
    refused(simple(*twice), r"node 'y' \(Neg\) computes 'y', which another node computes")
    silent = op("Tanh", ["x"], [""])
    refused(simple(silent, op("Neg", ["x"], ["y"])), r"\(Tanh\) has no output")


def test_nodes_may_stand_in_any_order():
    chain = [op("Tanh", [f"t{k}"], [f"t{k + 1}"]) for k in range(2000)]
    chain[0].input[0], chain[-1].output[0] = "x", "y"
    read_model(simple(*chain[::-1]))


ATTRIBUTES = {
    "p": (op("LpPool", ["x"], ["y"], kernel_shape=[1], p=0), "attribute 'p' is 0"),
    "stride": (
        op("MaxPool", ["x"], ["y"], kernel_shape=[1], strides=[0]),
        "attribute 'strides' is 0, but must be from 1",
    ),
    "pads": (op("MaxPool", ["x"], ["y"], kernel_shape=[1], pads=[0, HUGE]), "'pads' is 46116"),
    "outputs": (op("Split", ["x"], ["y"], num_outputs=2**31 - 1), "is to have 2147483647 outputs"),
    "heads": (
        op("Attention", ["x", "x", "x"], ["y"], num_heads=0, domain="com.microsoft"),
        "attribute 'num_heads' is 0",
    ),
    "scale": (op("Upsample", ["x"], ["y"], scales=[1.0, np.inf]), "attribute 'scales' is inf"),
    "type": (op("Softmax", ["x"], ["y"], axis="one"), "attribute 'axis' is a text, where"),
    "missing": (op("Cast", ["x"], ["y"]), "lacks its attribute 'to'"),
    "inputs": (op("Tanh", ["x", "x"], ["y"]), "has 2 inputs, where its operator has 1"),
    "left out": (op("Add", ["x", ""], ["y"]), "lacks its input 2"),
}


@pytest.mark.parametrize(("node", "says"), ATTRIBUTES.values(), ids=ATTRIBUTES)
def test_nodes_that_break_their_definition(node, says):
    opset = 18 if node.op_type == "Split" else 7 if node.op_type == "Upsample" else 17
    refused(simple(node, opset=opset, domains={"com.microsoft": 1}), says)


def test_versions_that_cannot_be():
    for version in (0, -1, HUGE):
        refused(simple(op("Tanh", ["x"], ["y"]), opset=version), f"version {version} of the opera")
    for version in (-1, HUGE):
        refused(net(ir=version), f"version {version} of ONNX's file format")


def damaged(**changes):
    proto = net()
    tensor = proto.graph.initializer[0]
    for name, value in changes.items():
        if name == "dims":
            del tensor.dims[:]
            tensor.dims.extend(value)
        elif name == "segment":
            tensor.segment.begin = value
        else:
            setattr(tensor, name, value)
    return proto


def test_constants_that_do_not_fill_their_shape():
    refused(damaged(dims=[3, 5]), r"constant 'W1' \[3, 5\] has 48 bytes, where .* needs 60")
    refused(damaged(dims=[3, HUGE]), "has 48 bytes, where its shape needs")
    refused(damaged(dims=[-3, -4]), "has a negative size")
    refused(damaged(dims=[1] * 65), "more than 64 axes")
    refused(damaged(segment=0), "one of several pieces")
    refused(damaged(data_type=77), "type 77, which does not exist")
    refused(damaged(raw_data=b"12"), "has 2 bytes")
    proto = net()
    proto.graph.initializer[0].ClearField("raw_data")
    proto.graph.initializer[0].float_data.extend([1.0] * 11)
    refused(proto, "has 11 values, where its shape needs 12")


@pytest.mark.parametrize("kind", sorted(TensorProto.DataType.values()))
def test_sound_constants_of_every_type_pass(kind):
    if kind == TensorProto.UNDEFINED:
        return
    values = ["a", "b", "c"] if kind == TensorProto.STRING else [0, 1, 1]
    for raw in (False, True):
        if raw and kind == TensorProto.STRING:
            continue
        dtype = helper.tensor_dtype_to_np_dtype(kind)
        stored = (
            numpy_helper.from_array(np.array(values).astype(dtype), "c")
            if raw
            else helper.make_tensor("c", kind, [3], values)
        )
        proto = net()
        proto.graph.initializer.append(stored)
        read_model(proto)


def ensemble(**changes):
    columns = {
        "nodes_treeids": [0, 0, 0], "nodes_nodeids": [0, 1, 2], "nodes_featureids": [0, 0, 0],
        "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"], "nodes_values": [0.1, 0.0, 0.0],
        "nodes_truenodeids": [1, 0, 0], "nodes_falsenodeids": [2, 0, 0],
        "target_treeids": [0, 0], "target_nodeids": [1, 2], "target_ids": [0, 0],
        "target_weights": [0.1, -0.3], "n_targets": 1,
    }  # fmt: skip
    node = op("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", **columns | changes)
    return simple(node, domains={"ai.onnx.ml": 3})


TREES = {
    "responses": ({"n_targets": 2**31}, "n_targets is 2147483648"),
    "length": ({"nodes_values": [0.1]}, "nodes_values has 1 entries for 3 nodes"),
    "child": ({"nodes_truenodeids": [7, 0, 0]}, "leads to one that its tree does not have"),
    "circle": (
        {"nodes_modes": ["BRANCH_LEQ", "BRANCH_LEQ", "LEAF"], "nodes_falsenodeids": [2, 0, 0]},
        "leads back to itself",
    ),
    "same number": ({"nodes_nodeids": [0, 1, 1]}, "two nodes of a tree have one number"),
    "feature": ({"nodes_featureids": [-1, 0, 0]}, "a feature below 0"),
    "mode": ({"nodes_modes": ["BRANCH", "LEAF", "LEAF"]}, "a mode that does not exist"),
    "target": ({"target_ids": [0, 5]}, "target_ids is not within 0 to 0"),
    "no leaf": ({"target_nodeids": [1, 0]}, "names a node that is no leaf"),
    "weights": ({"target_weights": [1.0]}, "columns of target have different lengths"),
    "base": ({"base_values": [1.0, 2.0, 3.0]}, "base_values has 3 numbers for 1 responses"),
}


@pytest.mark.parametrize(("changes", "says"), TREES.values(), ids=TREES)
def test_tables_that_describe_no_trees(changes, says):
    read_model(ensemble())
    refused(ensemble(**changes), rf"node 'y' \(TreeEnsembleRegressor\): .*{says}")


def test_attributes_of_a_function_may_be_passed_to_it():
    """A reference stands for a value that the call gives: its own is empty."""
    inner = op("LeakyRelu", ["a"], ["b"])
    inner.attribute.append(
        AttributeProto(name="alpha", ref_attr_name="slope", type=AttributeProto.FLOAT)
    )
    sets = [helper.make_opsetid("", 17)]
    function = helper.make_function("own", "F", ["a"], ["b"], [inner], sets, attributes=["slope"])
    call = op("F", ["x"], ["y"], domain="own", slope=0.1)
    assert read_model(simple(call, domains={"own": 1}, functions=[function]))


def test_the_largest_product_on_the_way():
    assert largest_product("ij,jk->ik", [(2, 3), (3, 4)]) == 8
    assert largest_product("i,j,k->ijk", [(2,), (3,), (4,)]) == 24
    assert largest_product("...i,...i->...", [(5, 2, 3), (2, 3)]) == 10
    assert largest_product("ii", [(3, 3)]) == 1
    assert largest_product("ab,bc,cd->ad", [(9, 1), (1, 9), (9, 1)]) == 81
