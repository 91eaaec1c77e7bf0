"""A model is probed before it is trusted, and its responses have names."""

import json
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import helper

from onnxtaylor.errors import ModelError, OptionError, ProbeError
from onnxtaylor.runtime.session import Session
from tests.graph.graphs import (
    BF16,
    F16,
    F32,
    F64,
    I64,
    STRING,
    ask,
    events,
    model,
    net,
    op,
    opened,
    port,
    respond,
)

ML = {"ai.onnx.ml": 1}


def refused(kind, says, proto, x=None, **request):
    with pytest.raises(kind, match=says) as error:
        opened(proto, events() if x is None else x, **request)
    text = str(error.value)
    assert "\n" not in text
    assert len(text) < 600
    return text


def applied(*nodes, shape=("N", 3), out=None, constants=None, kind=F32, **options):
    return model(
        nodes, [port("x", shape, kind)], [port("y", out, kind)], constants or {}, **options
    )


# probes


@pytest.mark.parametrize("place", ["inside", "last"])
@pytest.mark.parametrize("training", [True, False])
def test_dropout_left_on_is_random(place, training):
    """onnxruntime drops any Dropout inside a graph, and keeps the last one."""
    proto = net(metadata={})
    constants = {"half": np.float32(0.5), "on": np.array(training)}
    proto.graph.initializer.extend(onnx.numpy_helper.from_array(v, k) for k, v in constants.items())
    proto.graph.node.append(op("Dropout", ["y", "half", "on"], ["d"]))
    proto.graph.node.append(op("Exp", ["d"], ["e"]))
    proto.graph.output[0].name = "e" if place == "inside" else "d"
    if training:
        refused(ProbeError, "random.*inference mode", proto)
    else:
        x = events()
        assert respond(proto, x) == pytest.approx(ask(proto, x=x)[proto.graph.output[0].name])


@pytest.mark.parametrize("seeded", [{}, {"seed": 1.0}])
def test_noise_is_random(seeded):
    refused(
        ProbeError,
        "random",
        applied(op("RandomNormalLike", ["x"], ["r"], **seeded), op("Add", ["x", "r"], ["y"])),
    )


def test_small_noise_is_random():
    noise = op("RandomNormalLike", ["x"], ["r"], scale=1e-3)
    refused(ProbeError, "random", applied(noise, op("Add", ["x", "r"], ["y"])))


def test_batch_normalization_in_training_mode_is_refused():
    """It mixes events; onnxruntime's is random as well, unless its statistics are outputs."""
    constants = {k: np.ones(3, np.float32) for k in ("s", "b", "m", "v")}
    node = op("BatchNormalization", ["x", "s", "b", "m", "v"], ["y", "m2", "v2"], training_mode=1)
    refused(ProbeError, "export it in inference mode", applied(node, constants=constants))


@pytest.mark.parametrize("batch", ["N", 2, 3])
def test_a_mean_over_the_batch_mixes_events_even_where_all_are_equal(batch):
    nodes = [op("ReduceMean", ["x"], ["m"], axes=[0]), op("Sub", ["x", "m"], ["y"])]
    proto = applied(*nodes, shape=(batch, 3))
    refused(ProbeError, "mixes events", proto)
    refused(ProbeError, "mixes events", proto, x=np.ones((5, 3)))
    refused(ProbeError, "mixes events", proto, x=np.ones((1, 3)))


def test_mixing_shows_in_small_responses_too():
    scale = {"c": np.array(1e-9, np.float32)}
    nodes = [op("ReduceMean", ["x"], ["m"], axes=[0]), op("Sub", ["x", "m"], ["d"])]
    refused(ProbeError, "mixes", applied(*nodes, op("Mul", ["d", "c"], ["y"]), constants=scale))


@pytest.mark.parametrize(("kind", "says"), [("Log", "nan"), ("Reciprocal", "inf")])
def test_responses_must_be_finite(kind, says):
    x = np.array([[1.0, 1.0, 1.0], [2.0, 0.0, -1.0]]) if kind == "Reciprocal" else -np.ones((2, 3))
    event = 1 if kind == "Reciprocal" else 0
    text = refused(ProbeError, says, applied(op(kind, ["x"], ["y"])), x=x)
    assert f"at event {event} (counted from 0)" in text
    assert f"'y[{event}]'" in text


def test_a_link_of_what_is_no_probability_is_refused():
    assert 'link="identity"' in refused(ProbeError, "nan", net(), link="logit")


@pytest.mark.parametrize("batch", ["N", 1, 3])
def test_round_off_of_saturated_links_is_no_mixing(batch):
    """1 − p has one digit left, and its logarithm all of its round-off."""
    random = np.random.default_rng(2)
    constants = {
        "w": random.normal(size=(64, 3)).astype(np.float32),
        "b": np.array([13.0, 0.0, 0.0], np.float32),
    }
    nodes = [
        op("MatMul", ["x", "w"], ["a"]),
        op("Add", ["a", "b"], ["z"]),
        op("Softmax", ["z"], ["y"]),
    ]
    proto = applied(*nodes, shape=(batch, 64), constants=constants)
    x = events(64, 8) / 20
    found = opened(proto, x, link="logit")
    logit = Session(found.function)(x)
    p = Session(opened(proto, x).function)(x).astype(float)
    assert found.function.fixed_batch == 0
    assert logit[:, 1:] == pytest.approx(np.log(p / (1 - p))[:, 1:], rel=1e-5)


@pytest.mark.parametrize("kind", [F16, F32, F64])
def test_round_off_is_no_mixing(kind):
    """Wide sums come out differently in a batch and alone."""
    random = np.random.default_rng(0)
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    constants = {
        f"w{k}": (random.normal(size=s) / 8).astype(dtype)
        for k, s in enumerate([(64, 300), (300, 3)])
    }
    nodes = [
        op("MatMul", ["x", "w0"], ["a"]),
        op("Tanh", ["a"], ["h"]),
        op("MatMul", ["h", "w1"], ["y"]),
    ]
    proto = applied(*nodes, shape=("N", 64), constants=constants, kind=kind)
    assert opened(proto, 3 * events(64, 8)).batch == "free"


# steps and dependence


@pytest.mark.parametrize(
    ("nodes", "way_out"),
    [
        ([op("Floor", ["x"], ["y"])], 'output="x"'),
        (
            [op("Exp", ["x"], ["e"]), op("Round", ["e"], ["r"]), op("Neg", ["r"], ["y"])],
            'output="e"',
        ),
        ([op("ArgMax", ["x"], ["a"]), op("Cast", ["a"], ["y"], to=F32)], "ArgMax"),
        (
            [op("QuantizeLinear", ["x", "s"], ["q"]), op("DequantizeLinear", ["q", "s"], ["y"])],
            "before quantization",
        ),
    ],
    ids=["Floor", "Round", "ArgMax", "QuantizeLinear"],
)
def test_step_functions_are_refused(nodes, way_out):
    proto = applied(*nodes, constants={"s": np.array(0.1, np.float32)})
    assert way_out in refused(ModelError, "step function", proto)


def test_responses_without_features_are_refused():
    nodes = [op("Shape", ["x"], ["s"]), op("Cast", ["s"], ["y"], to=F32)]
    refused(ModelError, "does not depend", applied(*nodes))
    refused(
        ModelError,
        "depends on no input",
        applied(op("Exp", ["c"], ["y"]), constants={"c": np.ones((1, 2), np.float32)}),
    )


# what onnxruntime refuses


def test_unknown_operators_are_named_with_their_domain():
    node = op("Swirl", ["x"], ["y"], domain="my.company")
    text = refused(ModelError, "'Swirl'", applied(node, domains={"my.company": 1}))
    assert "'my.company'" in text
    assert "standard operators" in text
    assert "'Swirl'" in refused(ModelError, "'my.company'", applied(node))
    assert "'ai.onnx' 17" in refused(ModelError, "'Swirl'", applied(op("Swirl", ["x"], ["y"])))


def test_operators_without_a_kernel_for_the_format_are_named():
    nodes = [
        op("Cast", ["x"], ["h"], to=BF16),
        op("Relu", ["h"], ["k"]),
        op("Cast", ["k"], ["y"], to=F32),
    ]
    assert "export the model in float32" in refused(ModelError, "'Relu'", applied(*nodes))


@pytest.mark.parametrize(
    ("proto", "says"),
    [
        (applied(op("Exp", ["z"], ["h"]), op("Add", ["x", "h"], ["y"])), "'z'"),
        (applied(op("Exp", ["x"], ["y"]), opset=99), "[Oo]pset 99"),
        (applied(op("Exp", ["x"], ["y"]), ir=99), "IR version"),
        (
            applied(op("MatMul", ["x", "w"], ["y"]), constants={"w": np.ones((4, 2), np.float32)}),
            "MatMul|dimension",
        ),
        (
            applied(op("Flatten", ["x"], ["f"], axis=0), op("Exp", ["f"], ["y"])),
            "first axis is not the batch",
        ),
        (applied(op("SequenceConstruct", ["x", "x"], ["y"])), "[Tt]ype"),
        (applied(op("Optional", ["x"], ["y"])), "[Tt]ype"),
    ],
    ids=["undefined input", "operator set", "IR", "shapes", "batch", "sequence", "optional"],
)
def test_graphs_that_onnxruntime_refuses_give_one_line(proto, says, capfd):
    text = refused(ModelError, says, proto)
    assert text.startswith("<model in memory>: ")
    assert "onnxruntime_src" not in text
    assert capfd.readouterr() == ("", "")


def test_a_wrong_number_of_columns_is_refused():
    assert "4" in refused(ModelError, "takes 3 features", net(), x=events(4))


def test_sequence_outputs_are_passed_over_and_refused_by_name():
    proto = net()
    proto.graph.node.append(op("SequenceConstruct", ["y", "h"], ["seq"]))
    proto.graph.output.insert(0, helper.make_tensor_sequence_value_info("seq", F32, None))
    assert opened(proto, events()).choice.outputs == ("y",)
    refused(OptionError, "no tensor", proto, outputs=("seq",))


# names of responses


def classifier(**labels):
    nodes = [
        op(
            "LinearClassifier",
            ["x"],
            ["label", "scores"],
            domain="ai.onnx.ml",
            coefficients=np.random.default_rng(0).normal(size=9).tolist(),
            intercepts=[0.0, 0.5, -0.5],
            post_transform="SOFTMAX",
            classlabels_ints=[0, 1, 2],
        ),
        op("ZipMap", ["scores"], ["probabilities"], domain="ai.onnx.ml", **labels),
    ]
    key = STRING if "classlabels_strings" in labels else I64
    entry = helper.make_map_type_proto(key, helper.make_tensor_type_proto(F32, []))
    maps = helper.make_value_info("probabilities", helper.make_sequence_type_proto(entry))
    outputs = [port("label", ["N"], I64), maps]
    return model(nodes, [port("x", ["N", 3])], outputs, opset=17, domains=ML)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ({"classlabels_strings": ["ggh", "qqh", "ztt"]}, ("ggh", "qqh", "ztt")),
        ({"classlabels_int64s": [0, 1, 7]}, ("0", "1", "7")),
    ],
)
def test_zipmap_labels_are_names(labels, names):
    x, proto = events(), classifier(**labels)
    found = opened(proto, x)
    assert found.response_names == names
    maps = ask(proto, x=x)["probabilities"]
    expected = [list(row.values()) for row in maps]
    assert Session(found.function)(x) == pytest.approx(np.array(expected), rel=1e-6)
    one = opened(proto, x, outputs=(names[2],))
    assert one.response_names == (names[2],)
    assert Session(one.function)(x)[:, 0] == pytest.approx(np.array(expected)[:, 2], rel=1e-6)


def test_a_zipmap_may_be_named_by_its_own_output():
    proto = classifier(classlabels_strings=["a", "b", "c"])
    assert opened(proto, events(), outputs=("probabilities",)).response_names == ("a", "b", "c")
    assert opened(proto, events(), outputs=("probabilities[1]",)).response_names == ("b",)


def test_labels_of_text_are_passed_over():
    proto = classifier(classlabels_strings=["a", "b", "c"])
    proto.graph.output.insert(0, port("name", ["N"], STRING))
    proto.graph.node.append(
        op(
            "LabelEncoder",
            ["label"],
            ["name"],
            domain="ai.onnx.ml",
            keys_int64s=[0],
            values_strings=["a"],
        )
    )
    proto.opset_import[1].version = 2
    assert opened(proto, events()).response_names == ("a", "b", "c")
    refused(OptionError, "holds string", proto, outputs=("name",))


@pytest.mark.parametrize("key", ["output_names", "class_names", "classes", "labels", "Class_Names"])
def test_names_in_the_metadata(key):
    proto = net(metadata={key: json.dumps(["signal", "background"])})
    assert opened(proto, events()).response_names == ("signal", "background")


@pytest.mark.parametrize("names", [["a"], ["a", "b", "c"], ["a", "a"]])
def test_names_that_do_not_fit_are_not_used(names):
    proto = net(metadata={"classes": json.dumps(names)})
    assert opened(proto, events()).response_names == ("y[0]", "y[1]")


def test_a_response_alone_is_called_as_its_output():
    assert opened(net(outputs=1), events()).response_names == ("y",)


@pytest.mark.parametrize(
    ("wanted", "names", "columns"),
    [
        (("y[1]",), ("y[1]",), [1]),
        (("y[1]", "y[0]"), ("y[1]", "y[0]"), [1, 0]),
        (("y", "h[3]"), ("y[0]", "y[1]", "h[3]"), [0, 1, 5]),
        (("h[3]", "y"), ("h[3]", "y[0]", "y[1]"), [5, 0, 1]),
        (("h[1]",), ("h[1]",), [3]),
        (("y[0]", "y"), ("y[0]", "y[1]"), [0, 1]),
    ],
)
def test_nodes_come_in_the_order_they_are_asked_for(wanted, names, columns):
    x, proto = events(), net()
    everything = respond(proto, x, outputs=("y", "h"))
    found = opened(proto, x, outputs=wanted)
    assert found.response_names == names
    assert Session(found.function)(x) == pytest.approx(everything[:, columns], rel=1e-6)


def test_numbered_names_hold_beside_class_names():
    proto = net(metadata={"classes": "s,b"})
    for name in ("b", "y[1]"):
        found = opened(proto, events(), outputs=(name,))
        assert found.response_names == ("b",)
    assert opened(net(outputs=1), events(), outputs=("y[0]",)).response_names == ("y",)


def test_a_name_that_does_not_exist_is_refused_with_the_nearest():
    proto = net(metadata={"classes": "signal,background"})
    assert "did you mean 'signal'?" in refused(OptionError, "'signl'", proto, outputs=("signl",))
    refused(OptionError, r"'y\[2\]'", proto, outputs=("y[2]",))


def test_links_of_single_nodes():
    proto = net()
    proto.graph.node.append(op("Sigmoid", ["y"], ["p"]))
    proto.graph.output[0].name = "p"
    x = events()
    logit = respond(proto, x, outputs=("p[1]",), link="logit")
    assert (logit == ask(net(), x=x)["y"][:, 1:]).all()


def test_a_damaged_name_prints_nothing(tmp_path):
    """onnxruntime itself would print on stdout: it does not see such a file."""
    content = net().SerializeToString().replace(b"MatMul", b"Mat\xff\xfel")
    path = tmp_path / "damaged.onnx"
    path.write_bytes(content)
    command = [sys.executable, "-m", "onnxtaylor", "inspect", str(path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "is no text in UTF-8" in done.stderr
