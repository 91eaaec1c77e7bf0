"""Second order of chosen pairs alone: the numbers of the full run, and those of the closed form."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import onnxtaylor as ot
from onnxtaylor.cli.summary import summary
from onnxtaylor.errors import OptionError
from onnxtaylor.run.pairs import named_pairs

NAMES = ["pt", "eta", "mjj", "deta", "met"]
OPTIONS = {"feature_names": NAMES, "bootstrap": 0, "check": 16, "scale": "unit"}


def weights(seed=3):
    random = np.random.default_rng(seed)
    return random.normal(0, 0.6, (5, 7)), random.normal(0, 0.3, 7), random.normal(0, 0.5, (7, 2))


def net(activation="Tanh"):
    """f = φ(x W + b) V in double precision."""
    values = dict(zip(("W", "b", "V"), weights(), strict=True))
    nodes = [
        helper.make_node("Gemm", ["x", "W", "b"], ["h"]),
        helper.make_node(activation, ["h"], ["a"]),
        helper.make_node("MatMul", ["a", "V"], ["y"]),
    ]
    double = onnx.TensorProto.DOUBLE
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", double, ["N", 5])],
        [helper.make_tensor_value_info("y", double, ["N", 2])],
        [numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=9)


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(5).normal(size=(400, 5))


def second_order(x):
    """⟨t_ij⟩ by hand, (2, 5, 5): t_ij = Σ_k W_ik W_jk φ″(h_k) V_kc, half of it for i = j."""
    w, b, v = weights()
    t = np.tanh(x @ w + b)
    curved = -2 * t * (1 - t**2)
    terms = np.einsum("ik,jk,nk,kc->ncij", w, w, curved, v)
    return np.abs(terms * (1 - 0.5 * np.eye(5))).mean(axis=0)


@pytest.mark.parametrize("engine", ["exact", "differences"])
def test_chosen_pairs_have_the_numbers_of_the_closed_form_and_of_all_pairs(x, engine):
    result = ot.analyze(net(), x, engine=engine, pairs="mjj:deta,eta:pt,met:met", **OPTIONS)
    everything = ot.analyze(net(), x, engine=engine, **OPTIONS)
    assert result.indices.tuples() == [*((i,) for i in range(5)), (0, 1), (2, 3), (4, 4)]
    places = [everything.indices.tuples().index(alpha) for alpha in result.indices.tuples()]
    np.testing.assert_allclose(result.score, everything.score[..., places], rtol=1e-6)
    np.testing.assert_allclose(result.sem, everything.sem[..., places], rtol=1e-5)
    wanted = second_order(x)
    for k, (i, j) in enumerate([(0, 1), (2, 3), (4, 4)], start=5):
        np.testing.assert_allclose(result.score[:, 0, k], wanted[:, i, j], rtol=1e-6)
    assert result.rank.max() <= 8
    assert result.check["verdict"] == "agrees"


def test_the_first_n_are_the_best_ranked_of_any_response_at_the_sample(x):
    few = x[:200]  # fewer than the sample: then it is all events
    result = ot.analyze(net(), few, pairs="top:4", **OPTIONS)
    wanted = second_order(few)
    i, j = np.triu_indices(5)
    ranks = np.argsort(np.argsort(-wanted[:, i, j], axis=1), axis=1)
    best = np.argsort(ranks.min(axis=0), kind="stable")[:4]
    assert result.indices.tuples()[5:] == sorted((int(i[k]), int(j[k])) for k in best)
    told = {"asked": "top:4", "computed": 4, "of": 15, "sample_events": 200}
    assert result.options["pairs"] == told
    assert "second order of 4 of 15 pairs alone, 'top:4'" in summary(result)
    assert "sample of 200 events; ranks are among the computed" in summary(result)


def test_the_sample_is_at_most_256_events_and_results_keep_the_choice(x):
    result = ot.analyze(net(), x, pairs="top:2", **OPTIONS)
    assert result.options["pairs"]["sample_events"] == 256
    again = ot.TaylorResult.from_json(result.to_json())
    assert again.options["pairs"] == result.options["pairs"]
    assert "highest ranked at a sample of 256 events" in again.to_html()


def test_more_pairs_than_there_are_means_all(x):
    result = ot.analyze(net(), x[:50], pairs="top:99", **OPTIONS)
    everything = ot.analyze(net(), x[:50], **OPTIONS)
    np.testing.assert_array_equal(result.indices.table, everything.indices.table)


def test_averaged_second_order_keeps_the_chosen_pairs_of_all(x):
    options = {**OPTIONS, "curvature": "averaged"}
    result = ot.analyze(net("Relu"), x, pairs="mjj:deta,pt:*", **options)
    everything = ot.analyze(net("Relu"), x, **options)
    assert result.method == "averaged"
    places = [everything.indices.tuples().index(alpha) for alpha in result.indices.tuples()]
    assert len(places) == 5 + 6
    np.testing.assert_allclose(result.score, everything.score[..., places], rtol=1e-12)


def test_whether_kinks_matter_is_not_guessed_from_some_pairs(x):
    with pytest.raises(OptionError, match=r'Relu.*choose curvature="averaged"') as caught:
        ot.analyze(net("Relu"), x, pairs="pt:eta", **OPTIONS)
    assert caught.value.option == "pairs"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"order": 1}, "use order=2"),
        ({"order": 3}, "use order=2"),
        ({"finite_step": "0.5sigma", "scale": "sigma"}, "leave finite_step"),
        ({"by": "variable"}, 'by="feature"'),
        ({"pairs": "top:0"}, "at least 1"),
        ({"pairs": "pt"}, "top:N, or pairs of names"),
        ({"pairs": "pt:etta"}, "no feature matches 'etta' of 'pt:etta'.*did you mean 'eta'"),
    ],
)
def test_what_makes_no_sense_is_refused(x, options, words):
    with pytest.raises(OptionError, match=words) as caught:
        ot.analyze(net(), x, **{"pairs": "pt:eta", **OPTIONS, **options})
    assert caught.value.option == "pairs"


def test_names_with_colons_are_read_where_one_reading_is_left():
    assert named_pairs("a:b:c", ["a:b", "c"]) == ((0, 1),)
    with pytest.raises(OptionError, match="in 2 ways"):
        named_pairs("a:b:c", ["a:b", "c", "a", "b:c"])
    assert named_pairs("a?b:c", ["a:b", "c", "a", "b:c"]) == ((0, 1),)
