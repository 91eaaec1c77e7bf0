"""Which inputs become features, which are held, which outputs are responses."""

import ast
import re

import numpy as np
import pytest
from onnx import helper

from onnxtaylor.errors import ModelError, OptionError
from onnxtaylor.graph import choose, read_model
from onnxtaylor.options import ModelOptions
from tests.graph.graphs import BF16, F32, F64, I64, STRING, model, model_options, net, op, port


def total(*ports, outputs=("y",)):
    """y depends on every input; only the graph's interface matters here."""
    names = [p.name for p in ports]
    nodes = [op("Sum", names, ["y"]), op("Neg", ["y"], ["z"]), op("Identity", names[:1], ["alone"])]
    return model(nodes, ports, [port(name, None) for name in outputs])


def chosen(proto, **request):
    choice = choose(read_model(proto), model_options(**request))
    return [p.name for p in choice.features], [p.name for p, _ in choice.held]


def refused(kind, says, proto, **request):
    with pytest.raises(kind, match=says) as error:
        choose(read_model(proto), model_options(**request))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_inputs_of_one_column_each_are_features_in_order():
    ports = [port("b", ["N", 1]), port("a", ["N", 1]), port("c", ["N"])]
    assert chosen(total(*ports)) == (["b", "a", "c"], [])


def test_the_widest_input_is_the_features():
    ports = [port("s", ["N"]), port("x", ["N", 3, 4]), port("w", ["N", 11])]
    assert chosen(total(*ports), fix={"s": 0, "w": 1}) == (["x"], ["s", "w"])


def test_a_free_size_counts_as_wide():
    ports = [port("w", ["N", 512]), port("x", ["N", "T"])]
    assert chosen(total(*ports), fix={"w": 0})[0] == ["x"]


def test_a_single_number_is_no_feature():
    ports = [port("temperature", []), port("x", ["N", 3])]
    assert chosen(total(*ports), fix={"temperature": 1}) == (["x"], ["temperature"])
    columns = [port("t", []), port("a", ["N", 1]), port("b", ["N", 1])]
    refused(OptionError, "input 't'", total(*columns))


def test_a_lost_constant_is_no_feature():
    ports = [port("mean", [1, 30]), port("x", ["N", 30])]
    text = refused(OptionError, "'mean'", total(*ports))
    assert 'fix={"mean": VALUE}' in text
    assert "lost a constant" in text
    assert "with Rescaling(1/σ, −μ/σ) in its place" in text
    assert chosen(total(*ports), fix={"mean": np.zeros(30)}) == (["x"], ["mean"])


def test_named_inputs_are_features_in_their_order():
    ports = [port("a", ["N", 2]), port("b", ["N", 3])]
    assert chosen(total(*ports), inputs=("b", "a", "b")) == (["b", "a"], [])


def test_missing_values_are_named_all_at_once_with_both_ways_out():
    ports = [port("x", ["N", 9]), port("v", ["N", 8]), port("k", [], I64)]
    text = refused(OptionError, "'v'", total(*ports))
    assert 'fix={"v": VALUE, "k": VALUE}' in text
    assert 'input=["x", "v"]' in text
    assert "(int64 [])" in text
    many = [port(f"v{i}", ["N", 2]) for i in range(9)]
    assert "and 5 more" in refused(OptionError, "'v1'", total(*many))


def test_an_input_that_the_output_does_not_need_needs_no_value():
    ports = [port("x", ["N", 3]), port("k", [], I64)]
    assert chosen(total(*ports, outputs=("alone", "y"))) == (["x"], [])


def test_names_that_do_not_exist_are_refused_with_the_nearest():
    assert "did you mean 'obs'?" in refused(
        OptionError, "'ob' is not an input", total(port("obs", ["N", 3])), inputs=("ob",)
    )
    refused(OptionError, "'q' is not an input", net(), fix={"q": 1})


def test_an_input_cannot_be_held_and_be_features():
    says = "is also held at a value: an input has one role"
    refused(OptionError, says, net(), inputs=("x",), fix={"x": 0})


@pytest.mark.parametrize(
    ("info", "says"),
    [
        (port("k", ["N", 5], I64), "whole numbers.*extract_model"),
        (port("k", ["N", 5], STRING), "text"),
        (port("k", ["N", 5], BF16), "bfloat16"),
        (port("k", []), "single number"),
        (helper.make_tensor_sequence_value_info("k", F32, None), "not a tensor"),
    ],
)
def test_inputs_without_derivatives_are_refused(info, says):
    assert "'k'" in refused(ModelError, says, total(info))


def test_a_response_without_free_inputs_is_refused():
    refused(ModelError, "depends on no input", net(), fix={"x": 0})


def test_without_a_float_output_there_is_no_response():
    proto = model([op("ArgMax", ["x"], ["y"])], [port("x", ["N", 3])], [port("y", ["N"], I64)])
    refused(ModelError, r"y \(int64\).*output=", proto)
    refused(OptionError, "holds int64", proto, outputs=("y",))
    refused(OptionError, "'p'", proto, outputs=("p",))


def test_labels_are_passed_over():
    proto = net()
    proto.graph.node.append(op("ArgMax", ["y"], ["label"], axis=1))
    proto.graph.output.insert(0, port("label", ["N", 1], I64))
    choice = choose(read_model(proto))
    assert (choice.outputs, choice.others) == (("y",), ())
    assert "choose y" in refused(OptionError, "int64", proto, outputs=("label",))


def test_outputs_inner_tensors_and_nodes():
    model_ = read_model(net())
    assert choose(model_, ModelOptions(output=("h",))).outputs == ("h",)
    assert choose(model_, ModelOptions(output=("h[2]",))).outputs == ("h",)
    assert choose(model_, ModelOptions(output=("ggh",))).outputs == ("y",)
    both = choose(model_, ModelOptions(output=("h[1]", "y")))
    assert (both.outputs, both.picks) == (("h", "y"), ("h[1]", "y"))


def test_the_number_of_features():
    def count(*ports, **request):
        return choose(read_model(total(*ports)), model_options(**request)).n_features

    assert count(port("x", ["N", 2, 3])) == 6
    assert count(port("x", ["N"], F64)) == 1
    assert count(port("x", [5])) == 5
    assert count(port("x", ["N", "T"])) is None
    assert count(port("x", None)) is None
    assert count(port("a", ["N", 2]), port("b", ["N", 3]), inputs=("a", "b")) == 5


def advised(text, option):
    """The names that a message proposes for an option."""
    value = re.search(rf"{option}=(\{{.*?\}}|\[.*?\])", text)
    return list(ast.literal_eval(value[1].replace("VALUE", "0"))) if value else []


def test_the_advice_names_every_input():
    ports = [port(f"in{k}", ["N", 2]) for k in range(9)]
    text = refused(OptionError, "'in3'.* and 5 more need a value", total(*ports))
    assert advised(text, "fix") == [f"in{k}" for k in range(1, 9)]
    names = advised(text, "input")
    assert names == [f"in{k}" for k in range(9)]
    assert chosen(total(*ports), inputs=names) == (names, [])
    held = dict.fromkeys(advised(text, "fix"), 0)
    assert chosen(total(*ports), fix=held)[0] == ["in0"]


def test_the_advice_to_take_features_holds_the_others():
    ports = [port("x", ["N", 3]), port("y1", ["N", 2]), port("name", ["N", 1], STRING)]
    ports += [port("n", ["N"], I64), port("t", [])]
    text = refused(OptionError, "need a value", total(*ports))
    both = text.split("or take as features with ")[1]
    inputs, held = advised(both, "input"), advised(both, "fix")
    assert (inputs, held) == (["x", "y1"], ["name", "n", "t"])
    values = {"name": "a", "n": 1, "t": 0.5}
    assert chosen(total(*ports), inputs=inputs, fix=values) == (inputs, held)


def test_names_in_advice_can_be_typed():
    ports = [port("x", ["N", 3]), port("my input; rm", ["N", 2])]
    text = refused(OptionError, "need", total(*ports))
    assert advised(text, "fix") == ["my input; rm"]
    assert advised(text, "input") == ["x", "my input; rm"]


@pytest.mark.parametrize(
    "other",
    [
        port("v", [2, 3]),  # another fixed batch
        port("v", [1, "N"]),  # the batch on another axis
        port("v", [1, 3], BF16),
    ],
)
def test_what_cannot_be_features_is_not_advised_as_such(other):
    ports = [port("x", [1, 5]), other]
    assert "input=" not in refused(OptionError, r'fix=\{"[vx]": VALUE', total(*ports))


def test_two_free_sizes_are_not_advised_as_features():
    ports = [port("x", ["N", "T"]), port("v", ["N", "S"])]
    assert "input=" not in refused(OptionError, "'v'.*fix={\"v\": VALUE}", total(*ports))
    same = [port("x", ["N", "T"]), port("v", ["N", "T"])]
    assert 'input=["x", "v"]' in refused(OptionError, "'v'", total(*same))


def test_a_call_of_hundreds_of_options_is_not_proposed():
    ports = [port(f"feature_number_{k}", ["N", 2]) for k in range(300)]
    text = refused(OptionError, "and 296 more need a value: give it with fix={\"NAME\": VALUE}, or",
                   total(*ports))  # fmt: skip
    assert len(text) < 600


def test_what_cannot_be_fed_is_not_advised_to_be_held():
    sequence = helper.make_tensor_sequence_value_info("s", F32, None)
    nodes = [op("ConcatFromSequence", ["s"], ["c"], axis=1), op("Add", ["x", "c"], ["y"])]
    proto = model(nodes, [port("x", ["N", 3]), sequence], [port("y", None)])
    assert "fix=" not in refused(ModelError, "'s' holds no tensor, which cannot be fed", proto)
