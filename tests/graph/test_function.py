"""The rewritten function has the values of the original graph, whatever its inputs look like."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from onnxtaylor.engine.session import Session
from onnxtaylor.errors import ModelError, OptionError
from onnxtaylor.graph import ModelRequest, build_function, choose, read_model
from tests.graph.graphs import (
    F16,
    F32,
    F64,
    I64,
    ask,
    events,
    model,
    net,
    op,
    opened,
    port,
    respond,
)


def function_of(proto, n_columns=None, link="identity", **request):
    loaded = read_model(proto)
    return build_function(
        loaded, choose(loaded, ModelRequest(**request)), n_columns=n_columns, link=link
    )


def projected(shape, kind=F32, **options):
    """y (N, 2) from an input [N, …] of any rank: flattened, then a matrix."""
    n = int(np.prod([d for d in shape[1:] if isinstance(d, int)]))
    w = np.random.default_rng(5).normal(size=(n, 2)).astype(helper.tensor_dtype_to_np_dtype(kind))
    nodes = [
        op("Flatten", ["x"], ["f"], axis=1),
        op("MatMul", ["f", "w"], ["m"]),
        op("Tanh", ["m"], ["y"]),
    ]
    return model(nodes, [port("x", shape, kind)], [port("y", ["N", 2], kind)], {"w": w}, **options)


@pytest.mark.parametrize(
    "shape", [("N", 6), ("N", 1, 1, 6), ("N", 2, 3), (None, 3, 2, 1), ("N", 6, 1)]
)
def test_features_fill_an_input_of_any_rank(shape):
    x = events(6)
    proto = projected(shape)
    expected = ask(proto, x=x.reshape(-1, *shape[1:]))["y"]
    assert respond(proto, x) == pytest.approx(expected, rel=1e-6)


def test_an_input_without_an_axis_of_features_is_one_column():
    proto = model([op("Sin", ["x"], ["y"])], [port("x", ["N"])], [port("y", ["N"])])
    x = events(1)
    assert (respond(proto, x) == ask(proto, x=x[:, 0])["y"][:, None]).all()
    assert opened(proto, x).response_names == ("y",)


def test_an_event_without_a_batch_axis():
    """[5] → [2]: exported from one event."""
    w = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    nodes = [op("MatMul", ["x", "w"], ["a"]), op("Tanh", ["a"], ["y"])]
    proto = model(nodes, [port("x", [5])], [port("y", [2])], {"w": w})
    x = events(5)
    expected = np.stack([ask(proto, x=row)["y"] for row in x])
    assert respond(proto, x) == pytest.approx(expected, rel=1e-6)
    assert opened(proto, x).batch == "fixed in the file, made free and verified"


def test_a_single_number_as_response():
    proto = model(
        [op("ReduceSum", ["x"], ["s"], keepdims=0), op("Exp", ["s"], ["y"])],
        [port("x", [1, 3])],
        [port("y", [])],
    )
    x = events()
    expected = np.array([ask(proto, x=row[None])["y"] for row in x])[:, None]
    assert respond(proto, x) == pytest.approx(expected, rel=1e-6)
    assert opened(proto, x).function.fixed_batch == 1


def test_an_input_of_unknown_rank_has_a_column_per_feature():
    proto = net()
    proto.graph.input[0].type.tensor_type.ClearField("shape")
    x = events()
    assert (respond(proto, x) == ask(net(), x=x)["y"]).all()


@pytest.mark.parametrize(
    ("shape", "columns"),
    [(("N", "T"), 7), (("N", 3, "T"), 12), (("N", "T", 4), 8), ((None, None), 5)],
)
def test_a_free_size_is_told_by_the_columns(shape, columns):
    nodes = [op("Sin", ["x"], ["s"]), op("ReduceSum", ["s", "axes"], ["y"], keepdims=0)]
    axes = np.arange(1, len(shape))
    proto = model(nodes, [port("x", shape)], [port("y", ["N"])], {"axes": axes})
    x = events(columns)
    assert respond(proto, x)[:, 0] == pytest.approx(np.sin(x).sum(axis=1), abs=1e-5)
    with pytest.raises(ModelError, match="only data can tell"):
        function_of(proto)


@pytest.mark.parametrize(
    ("ports", "columns", "says"),
    [
        ([port("x", ["N", 3, "T"])], 7, "a multiple of 3 columns.*have 7"),
        ([port("x", ["N", "H", "W"])], 12, "more than one size"),
        ([port("x", ["N", None, None])], 12, "more than one size"),
        ([port("x", ["N", "T"]), port("z", ["N", 4])], 4, "beside the 4 of the other"),
        ([port("x", [2, 3]), port("z", [3, 3])], 6, "different batches"),
        ([port("x", [10, "batch", 4])], 40, "first axis"),
    ],
)
def test_layouts_that_columns_cannot_fill_are_refused(ports, columns, says):
    names = tuple(p.name for p in ports)
    proto = model([op("Sum", names, ["y"])], ports, [port("y", None)])
    with pytest.raises(ModelError, match=says) as error:
        function_of(proto, columns, inputs=names)
    assert "\n" not in str(error.value)


def test_two_inputs_that_share_a_free_size():
    nodes = [op("Mul", ["a", "b"], ["m"]), op("ReduceSum", ["m", "axis"], ["y"])]
    ports = [port("a", ["N", "T"]), port("b", ["N", "T"])]
    proto = model(nodes, ports, [port("y", ["N", 1])], {"axis": np.array([1])})
    x = events(10)
    expected = ask(proto, a=x[:, :5], b=x[:, 5:])["y"]
    assert respond(proto, x, inputs=("a", "b")) == pytest.approx(expected, rel=1e-6)


def test_several_inputs_are_cut_out_of_one_row():
    nodes = [
        op("Concat", ["a", "b", "c"], ["all"], axis=1),
        op("MatMul", ["all", "w"], ["m"]),
        op("Tanh", ["m"], ["y"]),
    ]
    w = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    ports = [port("a", ["N", 2]), port("b", ["N", 1]), port("c", ["N", 3])]
    proto = model(nodes, ports, [port("y", ["N", 2])], {"w": w})
    x = events(6)
    straight = ask(proto, a=x[:, :2], b=x[:, 2:3], c=x[:, 3:])["y"]
    assert (respond(proto, x, inputs=("a", "b", "c")) == straight).all()
    turned = ask(proto, c=x[:, :3], a=x[:, 3:5], b=x[:, 5:])["y"]
    assert (respond(proto, x, inputs=("c", "a", "b")) == turned).all()


def test_columns_as_inputs_of_their_own():
    ports = [port(name, ["N", 1]) for name in "abc"]
    proto = model(
        [op("Concat", ["a", "b", "c"], ["k"], axis=1), op("Exp", ["k"], ["y"])],
        ports,
        [port("y", ["N", 3])],
    )
    x = events()
    assert respond(proto, x) == pytest.approx(np.exp(x), rel=1e-6)


def test_an_asked_for_input_without_influence_keeps_its_columns():
    proto = model(
        [op("Exp", ["b"], ["y"]), op("Neg", ["features"], ["z"])],
        [port("features", ["N", 2]), port("b", ["N", 2])],
        [port("y", None), port("z", None)],
    )
    x = events(4)
    assert respond(proto, x, inputs=("features", "b")) == pytest.approx(np.exp(x[:, 2:]), rel=1e-6)


def test_initializers_listed_as_inputs_are_constants():
    proto = net(ir=3)
    proto.graph.input.extend([port("W1", [3, 4]), port("W2", [4, 2])])
    x = events()
    assert (respond(proto, x) == ask(net(), x=x)["y"]).all()


def test_an_output_of_higher_rank_is_flattened():
    proto = model(
        [op("Reshape", ["x", "s"], ["r"]), op("Exp", ["r"], ["y"])],
        [port("x", ["N", 12])],
        [port("y", ["N", 3, 4])],
        {"s": np.array([-1, 3, 4])},
    )
    x = events(12)
    assert respond(proto, x) == pytest.approx(np.exp(x), rel=1e-6)
    assert opened(proto, x).response_names == tuple(f"y[{k}]" for k in range(12))


def test_inner_tensors_and_several_outputs():
    x, proto = events(), net()
    original = ask(proto, x=x)["y"]
    inner = respond(proto, x, outputs=("h",))
    assert inner.shape == (6, 4)
    assert (respond(proto, x, outputs=("y", "h")) == np.hstack([original, inner])).all()
    assert (respond(proto, x, outputs=("h", "y")) == np.hstack([inner, original])).all()


@pytest.mark.parametrize(
    ("kind", "precision", "fed"),
    [(F16, "float16", "float32"), (F32, "float32", "float32"), (F64, "float64", "float64")],
)
def test_precision_is_that_of_the_file(kind, precision, fed):
    x = events()
    proto = net(kind=kind)
    function = function_of(proto)
    assert (function.precision, function.dtype) == (precision, np.dtype(fed))
    # onnxruntime's CPU computes half precision in single and rounds only what leaves the graph
    tolerance = 2e-3 if kind == F16 else 0
    assert Session(function)(x) == pytest.approx(ask(proto, x=x)["y"], rel=tolerance, abs=tolerance)


def test_precision_is_the_coarsest_on_the_way():
    def through(first, inner, **ports):
        nodes = [
            op("Cast", ["x"], ["a"], to=inner),
            op("Exp", ["a"], ["b"]),
            op("Cast", ["b"], ["y"], to=first),
        ]
        return function_of(model(nodes, [port("x", ["N", 3], first)], [port("y", None, first)]))

    assert through(F64, F32).precision == "float32"
    assert through(F32, F16).precision == "float16"
    assert through(F32, F64).precision == "float32"
    assert through(F64, F32).dtype == np.float64
    scaler = model(
        [op("Scaler", ["x"], ["y"], domain="ai.onnx.ml", offset=[0.0], scale=[1.0])],
        [port("x", ["N", 3], F64)],
        [port("y", ["N", 3])],
        domains={"ai.onnx.ml": 1},
    )
    assert function_of(scaler).precision == "float32"


def test_inputs_of_different_formats_are_fed_in_the_coarser():
    proto = model(
        [op("Cast", ["b"], ["c"], to=F32), op("Add", ["a", "c"], ["s"]), op("Exp", ["s"], ["y"])],
        [port("a", ["N", 2]), port("b", ["N", 2], F64)],
        [port("y", ["N", 2])],
    )
    function = function_of(proto, inputs=("a", "b"))
    assert (function.precision, function.dtype) == ("float32", np.float32)
    x = events(4)
    expected = ask(proto, a=x[:, :2], b=x[:, 2:])["y"]
    assert Session(function)(x) == pytest.approx(expected, rel=1e-6)


def test_names_that_collide_with_those_of_the_rewrite():
    """Analyzing a graph that this program has rewritten already."""
    function = function_of(net())
    x = events()
    again = function_of(function.proto)
    assert (Session(again)(x) == ask(net(), x=x)["y"]).all()
    third = function_of(again.proto, link="identity")
    assert (Session(third)(x) == ask(net(), x=x)["y"]).all()


def test_local_functions_are_kept_and_looked_into():
    def calling(kind):
        body = helper.make_function(
            "own",
            "Act",
            ["a"],
            ["b"],
            [op(kind, ["a"], ["t"]), op("Neg", ["t"], ["b"])],
            [helper.make_opsetid("", 17)],
        )
        return model(
            [op("Act", ["x"], ["y"], domain="own")],
            [port("x", ["N", 3])],
            [port("y", ["N", 3])],
            domains={"own": 1},
            functions=[body],
        )

    x = events()
    assert (respond(calling("Exp"), x) == ask(calling("Exp"), x=x)["y"]).all()
    assert function_of(calling("Exp")).path.smooth
    assert not function_of(calling("Floor")).path.smooth


def test_subgraphs_read_features_held_inputs_and_constants():
    branches = [
        helper.make_graph([op(kind, ["x", "k"], [kind])], kind, [], [port(kind, None)])
        for kind in ("Add", "Mul")
    ]
    nodes = [
        op("Equal", ["mode", "one"], ["is_one"]),
        op("If", ["is_one"], ["r"], then_branch=branches[0], else_branch=branches[1]),
        op("Exp", ["r"], ["y"]),
    ]
    proto = model(
        nodes,
        [port("x", ["N", 3]), port("mode", [], I64), port("k", [1, 3])],
        [port("y", None)],
        {"one": np.array(1)},
    )
    x, k = events(), np.array([[1.0, 2.0, 3.0]])
    for mode in (0, 1):
        expected = ask(proto, x=x, mode=mode, k=k)["y"]
        assert (respond(proto, x, fix={"mode": mode, "k": k}) == expected).all()


def test_a_loop_that_reads_outer_tensors():
    body = helper.make_graph(
        [
            op("Identity", ["going"], ["on"]),
            op("Add", ["sum", "x"], ["s"]),
            op("Tanh", ["s"], ["next"]),
        ],
        "body",
        [port("i", [], I64), port("going", [], onnx.TensorProto.BOOL), port("sum", None)],
        [port("on", [], onnx.TensorProto.BOOL), port("next", None)],
    )
    nodes = [op("Neg", ["x"], ["start"]), op("Loop", ["three", "true", "start"], ["y"], body=body)]
    proto = model(
        nodes,
        [port("x", ["N", 3])],
        [port("y", None)],
        {"three": np.array(3), "true": np.array(True)},
    )
    x = events()
    assert (respond(proto, x) == ask(proto, x=x)["y"]).all()


# links


def probability(kind="Sigmoid", dtype=F32, **attributes):
    proto = net(kind=dtype)
    proto.graph.node.append(op(kind, ["y"], ["p"], **attributes))
    proto.graph.output[0].name = "p"
    return proto


@pytest.mark.parametrize("kind", ["Sigmoid", "Softmax"])
def test_links(kind):
    x = events()
    p = ask(probability(kind, F64), x=x)["p"]
    for link, expected in (("log", np.log(p)), ("logit", np.log(p / (1 - p))), ("identity", p)):
        found = Session(function_of(probability(kind, F64), link=link))(x)
        assert found == pytest.approx(expected, rel=1e-12)


def test_a_link_is_exact_where_its_inverse_was_the_last_step():
    """σ(40) is 1 in single precision; its logit is 40."""
    x = np.array([[40.0, -90.0, 0.5]])
    sigmoid = model([op("Sigmoid", ["x"], ["p"])], [port("x", ["N", 3])], [port("p", ["N", 3])])
    assert (Session(function_of(sigmoid, link="logit"))(x) == x).all()
    softmax = model([op("Softmax", ["x"], ["p"])], [port("x", ["N", 3])], [port("p", ["N", 3])])
    assert Session(function_of(softmax, link="log"))(x) == pytest.approx(x - 40)


def test_an_unknown_link_is_refused():
    with pytest.raises(OptionError, match="identity, logit, log"):
        function_of(net(), link="probit")


# operator sets


@pytest.mark.parametrize("opset", [6, 7, 8, 9, 11, 13, 18, 21])
def test_operator_sets_old_and_new(opset):
    x = events()
    proto = net(opset=opset)
    assert respond(proto, x) == pytest.approx(ask(net(), x=x)["y"], rel=1e-6)
    two = function_of(proto, outputs=("y", "h"))
    assert Session(two)(x).shape == (6, 6)


def test_operators_that_onnxruntime_no_longer_runs_are_converted():
    """Gemm of operator set 6, with its broadcast attribute."""
    weights = {"w": np.ones((3, 2), np.float32), "b": np.ones(2, np.float32)}

    def gemm(batch, opset, **attributes):
        node = op("Gemm", ["x", "w", "b"], ["y"], **attributes)
        ports = [port("x", [batch, 3]), port("w", [3, 2]), port("b", [2])]
        return model([node], ports, [port("y", [batch, 2])], weights, opset=opset, ir=3)

    x = events()
    expected = ask(gemm("N", 9), x=x)["y"]
    assert respond(gemm(2, 6, broadcast=1), x) == pytest.approx(expected, rel=1e-6)
    # the converter of onnx wants sizes
    with pytest.raises(ModelError, match="operator set 6 is older"):
        respond(gemm("N", 6, broadcast=1), x)


def test_a_file_that_imports_only_the_ml_operators():
    node = op(
        "LinearRegressor",
        ["x"],
        ["r"],
        domain="ai.onnx.ml",
        coefficients=[1.0, 2.0, 3.0],
        intercepts=[0.5],
    )
    alone = model(
        [node], [port("x", ["N", 3])], [port("r", ["N", 1])], opset=None, domains={"ai.onnx.ml": 1}
    )
    onnx.checker.check_model(function_of(alone).proto)
    x = events()
    assert respond(alone, x) == pytest.approx(x @ [[1], [2], [3]] + 0.5, rel=1e-5)
    mixed = model(
        [node, op("Exp", ["r"], ["y"])],
        [port("x", ["N", 3])],
        [port("y", ["N", 1])],
        opset=None,
        domains={"ai.onnx.ml": 1},
    )
    assert respond(mixed, x) == pytest.approx(ask(mixed, x=x)["y"], rel=1e-6)


def test_sparse_initializers_are_kept_as_constants():
    values = numpy_helper.from_array(np.array([2.0], np.float32), "w")
    places = numpy_helper.from_array(np.array([1]), "w_places")
    proto = model(
        [op("Mul", ["x", "w"], ["m"]), op("Exp", ["m"], ["y"])],
        [port("x", ["N", 3])],
        [port("y", ["N", 3])],
    )
    proto.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [3]))
    x = events()
    assert (respond(proto, x) == ask(proto, x=x)["y"]).all()


def test_a_circle_of_names_is_an_error_of_one_line():
    proto = model(
        [op("Add", ["x", "b"], ["a"]), op("Neg", ["a"], ["b"])],
        [port("x", ["N", 3])],
        [port("b", ["N"])],
    )
    with pytest.raises(ModelError) as error:
        respond(proto, events())
    assert "\n" not in str(error.value)
