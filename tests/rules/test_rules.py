"""Every rule at every sample: ``samples.py`` is the table, ``generic.py`` the comparison."""

from __future__ import annotations

from functools import cache

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import defs, helper, inliner

from onnxtaylor.compiler import TERMS, missing_rules
from onnxtaylor.rules import RULES
from tests.rules.generic import check, dtype_of
from tests.rules.reference import Array, Evaluator, compiled, distance, function_of, terms
from tests.rules.sample import FEATURES, Sample
from tests.rules.samples import SAMPLES, by_kind

EVERY = pytest.mark.parametrize("s", SAMPLES, ids=str)
DOUBLE = pytest.mark.parametrize("s", [s for s in SAMPLES if not s.single], ids=str)


@cache
def made(s: Sample) -> tuple[Evaluator, Array]:
    """The compiled graph of a sample, which several tests look at, and its coefficients."""
    x = s.events().astype(dtype_of(s))
    _, graph = compiled(s.model(dtype_of(s)), x)
    ask = Evaluator(graph.proto)
    return ask, ask(x)[TERMS]


def test_every_rule_has_a_sample_and_every_sample_a_rule():
    assert set(by_kind()) == set(RULES)


@EVERY
@pytest.mark.parametrize("smooth", [False, True], ids=["linear", "smooth"])
def test_derivatives_agree_with_differences_of_the_original_graph(s: Sample, smooth: bool):
    check(s, smooth)


@EVERY
def test_hessian_is_symmetric(s: Sample):
    """The features in reverse order turn the upper triangle into the lower one."""
    x = s.events().astype(dtype_of(s))
    _, upper = made(s)
    _, lower = terms(s.model(dtype_of(s), turned=True), np.ascontiguousarray(x[:, ::-1]))
    i, j = np.triu_indices(FEATURES)
    square = np.zeros((*upper.shape[:2], FEATURES, FEATURES))
    square[..., FEATURES - 1 - i, FEATURES - 1 - j] = lower[..., FEATURES:]
    limit = 1e-5 if s.single else 1e-13
    assert distance(square[..., j, i], upper[..., FEATURES:]) < limit
    assert distance(lower[..., FEATURES - 1 :: -1], upper[..., :FEATURES]) < limit


@EVERY
def test_one_event_alone_equals_the_event_in_a_batch(s: Sample):
    x = s.events().astype(dtype_of(s))
    ask, whole = made(s)
    for k in range(len(x)):
        alone = ask(x[k : k + 1])[TERMS]
        assert distance(alone, whole[k : k + 1]) < (1e-5 if s.single else 1e-13)


@DOUBLE
def test_single_precision_on_onnxruntime_agrees_with_double(s: Sample):
    """The graph passes ONNX's checker and runs on onnxruntime, optimized as it likes."""
    x = s.events()
    _, wanted = made(s)
    function, graph = compiled(s.model(np.float32), x.astype(np.float32))
    onnx.checker.check_model(graph.proto)
    session = onnxruntime.InferenceSession(
        graph.proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (found,) = session.run([TERMS], {function.feed: x.astype(np.float32)})
    scale = np.linalg.norm(wanted)
    assert np.linalg.norm(found - wanted) <= 1e-5 * scale + 1e-6


def _bodies() -> list[Sample]:
    found = []
    for s in SAMPLES:
        domain, _, name = s.kind.rpartition(".")
        if s.single or not defs.has(name, domain):
            continue
        schema = defs.get_schema(name, s.opset, domain)
        if schema.has_function or schema.has_context_dependent_function:
            found.append(s)
    return found


@pytest.mark.parametrize("s", _bodies(), ids=str)
def test_derivatives_are_those_of_the_official_function_body(s: Sample):
    x = s.events()
    proto = s.model(np.float64)
    domain, _, name = s.kind.rpartition(".")
    typed = onnx.shape_inference.infer_shapes(proto)
    node = next(n for n in typed.graph.node if n.op_type == name)
    if "" in node.input:
        pytest.skip("the inliner does not take an input that is left out")
    # nor does it fill in what an attribute is by default
    given = {a.name for a in node.attribute}
    schema = defs.get_schema(name, s.opset, domain)
    defaults = [a.default_value for k, a in schema.attributes.items() if k not in given]
    node.attribute.extend(a for a in defaults if a.type)
    for constant in proto.graph.initializer:
        info = helper.make_tensor_value_info(constant.name, constant.data_type, constant.dims)
        typed.graph.value_info.append(info)
    body = inliner.inline_selected_functions(
        typed, [(domain, name)], exclude=False, inline_schema_functions=True
    )
    if any(node.op_type == name for node in body.graph.node):
        pytest.skip("the inliner leaves this node as it is")
    missing = missing_rules(function_of(body))
    if missing:
        pytest.skip(f"no rule for {missing[0][0]}, of which the body is made")
    _, wanted = terms(body, x)
    _, found = made(s)
    assert distance(found, wanted) < 1e-12


def test_custom_operators_are_called_by_their_domain():
    from onnxtaylor.rules.rule import Node

    assert Node.of(helper.make_node("Op", ["x"], ["y"], domain="my.domain")).kind == "my.domain.Op"
