"""Which response belongs to which class is said by somebody, or refused."""

import json
from importlib.resources import files
from itertools import permutations

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from onnx import TensorProto, helper, numpy_helper

from onnxtaylor import TaylorResult, analyze, compare_models
from onnxtaylor.errors import OptionError
from onnxtaylor.results.classes import ResponseNode, agree_with_labels, classes_of, name_nodes
from onnxtaylor.results.ranking import class_groups, ranked_columns
from onnxtaylor.results.selection import select
from onnxtaylor.tracking import LearningProgress

LABELS = ("bkg", "ggh", "tth")  # in the order of the alphabet
CLASSES = ("tth", "ggh", "bkg")  # in that of the responses
EVENTS = 300


def diagonal(count=3, **metadata):
    """Responses tanh(x_c): what ⟨t⟩ of response c is over any events, is known."""
    weights = numpy_helper.from_array(np.eye(3, count, dtype=np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["z"]), helper.make_node("Tanh", ["z"], ["p"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info("p", TensorProto.FLOAT, ["N", count])],
        [weights],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    for key, value in metadata.items():
        proto.metadata_props.add(key=key, value=value)
    return proto


@pytest.fixture(scope="module")
def events():
    x = np.random.default_rng(0).normal(size=(EVENTS, 3)).astype(np.float32)
    return x, np.argmax(x, axis=1)


@pytest.fixture(scope="module")
def run(events):
    def run(proto=None, labels=CLASSES, **options):
        x, k = events
        names = None if labels is None else np.array(labels)[k % len(labels)]
        defaults = {
            "order": 1,
            "bootstrap": 0,
            "check": 0,
            "scale": "unit",
            "feature_names": ["f0", "f1", "f2"],
        }
        return analyze(proto or diagonal(), x, labels=names, **(defaults | options))

    return run


def per_class(events, c, k):
    """⟨t_c⟩ of response c over the events of class k: the mean of 1 − tanh²."""
    x, classes = events
    return (1 - np.tanh(x[classes == k, c].astype(np.float64)) ** 2).mean()


def test_the_alphabet_is_no_statement(run):
    """Labels in the alphabet are bkg, ggh, tth; the responses are tth, ggh, bkg."""
    result = run()
    assert result.groups == ("all", *LABELS)
    with pytest.raises(OptionError, match=r"p\[0\], p\[1\], p\[2\] .* bkg, ggh, tth: .* classes="):
        class_groups(result)
    with pytest.raises(OptionError, match="classes="):
        select(result, per_class=True)
    with pytest.raises(OptionError, match="classes="):
        result.plot.outputs(per_class=True)
    with pytest.raises(OptionError, match="classes="):
        run(per_class=True)


@pytest.mark.parametrize(
    ("proto", "options"),
    [
        (diagonal(), {"classes": CLASSES}),
        (diagonal(), {"output_names": CLASSES}),
        (diagonal(class_names="tth,ggh,bkg"), {}),
        (diagonal(class_names="tth,ggh,bkg"), {"classes": CLASSES}),
        (diagonal(output_names=json.dumps(CLASSES)), {}),
        (diagonal(), {"output_names": ["A", "B", "C"], "classes": CLASSES}),
        (diagonal(), {"labels": ("0", "1", "2")}),
        (diagonal(class_names="tth,ggh,bkg"), {"labels": ("0", "1", "2")}),
        (diagonal(), {"labels": ("0", "1", "2"), "output_names": ["A", "B", "C"]}),
        (diagonal(), {"labels": (3, 1, 2), "classes": [3.0, 1, 2]}),
    ],
)
def test_each_response_is_ranked_over_its_own_class(run, events, proto, options, tmp_path):
    result = run(proto, per_class=True, **options)
    result.save(tmp_path / "r.json")
    for found in (result, TaylorResult.load(tmp_path / "r.json")):
        columns = ranked_columns(found, count=1, per_class=True)
        assert [column.rows[0]["features"] for column in columns] == [["f0"], ["f1"], ["f2"]]
        for c, column in enumerate(columns):
            assert column.rows[0]["score"] == pytest.approx(per_class(events, c, c), rel=1e-5)
            # over any other class it is something else
            assert column.rows[0]["score"] != pytest.approx(
                per_class(events, c, (c + 1) % 3), rel=0.01
            )
    document = json.loads((tmp_path / "r.json").read_text())
    schema = json.loads((files("onnxtaylor") / "schemas" / "result-1.json").read_text())
    Draft202012Validator(schema).validate(document)


def test_names_are_those_of_the_tables(run):
    assert run(classes=CLASSES).outputs == CLASSES
    named = run(output_names=["A", "B", "C"], classes=CLASSES)
    assert named.outputs == ("A", "B", "C")
    assert named.nodes[2] == ResponseNode("p[2]", "C", "bkg")
    assert class_groups(named) == list(CLASSES)


@pytest.mark.parametrize("chosen", [["bkg"], ["p[2]"], ["p[2]", "tth"], ["ggh", "p[0]", "bkg"]])
def test_nodes_that_are_chosen_keep_their_class(run, events, chosen):
    result = run(classes=CLASSES, output=chosen, per_class=True)
    places = [
        {"p[2]": 2, "p[0]": 0}.get(n, CLASSES.index(n) if n in CLASSES else 0) for n in chosen
    ]
    assert result.outputs == tuple(CLASSES[k] for k in places)
    columns = ranked_columns(result, count=1, per_class=True)
    for column, c in zip(columns, places, strict=True):
        assert column.group == CLASSES[c]
        assert column.rows[0]["score"] == pytest.approx(per_class(events, c, c), rel=1e-5)


def test_a_number_is_that_of_the_node_also_where_some_are_chosen(run, events):
    result = run(labels=("0", "1", "2"), output=["p[2]", "p[1]"])
    assert class_groups(result) == ["2", "1"]


@pytest.mark.parametrize(
    ("labels", "group"), [(("0", "1"), "1"), ((1, 0), "1"), (("s", "b"), None), (("-1", "1"), None)]
)
def test_a_single_node_is_the_score_of_class_1(run, labels, group):
    result = run(diagonal(1), labels=labels)
    if group is None:
        with pytest.raises(OptionError, match=r"which class the response p is .* classes="):
            class_groups(result)
    else:
        assert class_groups(result) == [group]
    # and the way out is one
    name = str(labels[0])
    assert class_groups(run(diagonal(1), labels=labels, classes=[name])) == [name]
    assert class_groups(result.renamed(classes=[name])) == [name]


@pytest.mark.parametrize(
    "labels",
    [("1", "2", "3"), ("0", "1", "3"), ("0", "1"), ("0", "1", "2", "x"), ("a", "b", "c")],
)
def test_other_labels_do_not_count_the_nodes(run, labels):
    if len(labels) == 4:
        nodes = [ResponseNode(f"p[{k}]", f"p[{k}]") for k in range(3)]
        with pytest.raises(OptionError, match=r"^per_class is not possible: "):
            classes_of(nodes, ["p[0]"], labels)
        return
    with pytest.raises(OptionError, match=r"^per_class is not possible: "):
        class_groups(run(labels=labels))


def test_numbers_that_the_model_gives_its_classes_come_first(run):
    """Class 1 is the first node, whatever the labels look like."""
    result = run(diagonal(classes="[2, 0, 1]"), labels=("0", "1", "2"))
    assert class_groups(result) == ["2", "0", "1"]
    result = run(diagonal(classes="[5, 6, 7]"), labels=("0", "1", "2"))
    with pytest.raises(OptionError, match="nothing says"):
        class_groups(result)


@pytest.mark.parametrize("order", [order for order in permutations(CLASSES) if order != CLASSES])
def test_what_the_model_says_is_not_contradicted(run, order):
    with pytest.raises(OptionError, match=r"tth, ggh, bkg in this order.* leave it out"):
        run(diagonal(class_names="tth,ggh,bkg"), classes=order)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"classes": ["tth", "ggh", "bgk"]},
            "^classes must be labels of the data, .* called 'bgk': .* 'bkg'",
        ),
        ({"classes": ["x", "ggh", "y"]}, "no label of the data is called 'x' or 'y'"),
        ({"classes": ["tth", "ggh"]}, r"2 names for 3 response nodes \(p\[0\], p\[1\], p\[2\]\)"),
        (
            {"classes": ["tth"] * 3},
            "^classes must be different names, got 'tth' twice: tth,tth,tth",
        ),
        ({"output_names": ["A", "B", ""]}, "^output_names must not have an empty name, got A,B,"),
        (
            {"output_names": ["A"]},
            "^output_names must name each node, .* got 1 name for 3 response nodes",
        ),
        ({"labels": ("tth", "ggh", "bkg", "ttz"), "classes": CLASSES}, "events of 'ttz', which"),
    ],
)
def test_names_that_do_not_fit_are_refused_in_one_line(run, events, options, message):
    x, _ = events
    if (labels := options.get("labels")) and len(labels) == 4:
        names = np.array(labels)[np.arange(EVENTS) % 4]
        with pytest.raises(OptionError, match=message):
            analyze(diagonal(), x, labels=names, classes=CLASSES, order=1)
        return
    with pytest.raises(OptionError, match=message) as error:
        run(**options)
    assert "\n" not in str(error.value)


def test_without_labels_classes_are_names(run):
    result = run(labels=None, classes=CLASSES)
    assert result.outputs == CLASSES
    with pytest.raises(
        OptionError, match=r"^per_class needs the classes of the events: analyze with labels="
    ):
        class_groups(result)


def test_results_of_earlier_versions_load(run, events):
    """They have no nodes: numbers are paired only where all nodes are there."""
    document = json.loads(run(labels=("0", "1", "2")).to_json())
    del document["model"]["nodes"]
    old = TaylorResult.from_json(json.dumps(document))
    assert old.model.nodes == ()
    assert class_groups(old) == ["0", "1", "2"]
    named = old.renamed(output_names=["A", "B", "C"])
    assert named.outputs == ("A", "B", "C")
    document = json.loads(run(labels=("0", "1"), output=["p[2]", "p[0]"]).to_json())
    del document["model"]["nodes"]
    with pytest.raises(OptionError, match="nothing says"):
        class_groups(TaylorResult.from_json(json.dumps(document)))


def test_damaged_nodes_are_told(run):
    document = json.loads(run(classes=CLASSES).to_json())
    for damage in ({"node": 3}, {"name": "other"}, {"label": 1}, {"more": "x"}):
        broken = json.loads(json.dumps(document))
        broken["model"]["nodes"][0] |= damage
        with pytest.raises(Exception, match="damaged") as error:
            TaylorResult.from_json(json.dumps(broken))
        assert "\n" not in str(error.value)


def test_models_that_are_compared_or_tracked_have_the_names(events):
    x, k = events
    labels = np.array(CLASSES)[k]
    found = compare_models(diagonal(), diagonal(), x, labels=labels, classes=CLASSES, order=1)
    assert found.a.outputs == found.b.outputs == CLASSES
    assert class_groups(found.a) == list(CLASSES)
    progress = LearningProgress(x, labels=labels, classes=CLASSES, order=1)
    progress.record(0, diagonal())
    assert progress.result().outputs == CLASSES
    with pytest.raises(OptionError, match="no label of the data is called 'x'"):
        LearningProgress(x, labels=labels, classes=["tth", "x", "bkg"]).record(0, diagonal())


def test_several_outputs_each_count_from_0():
    nodes = [ResponseNode(f"{name}[{k}]", f"{name}[{k}]") for name in "pq" for k in range(2)]
    with pytest.raises(OptionError, match="nothing says"):
        classes_of(nodes, [node.name for node in nodes], ["0", "1", "2", "3"])


def test_agreement_needs_both_sides():
    nodes = name_nodes(["p[0]", "p[1]"], ["p[0]", "p[1]"], classes=["a", "b"])
    agree_with_labels(nodes, [])
    agree_with_labels(name_nodes(["p"], ["p"], classes=["a"]), ["a", "b"])
    with pytest.raises(OptionError, match="no label of the data is called 'a'"):
        agree_with_labels(nodes, ["b", "c"])
