"""Gathers of single places as one Split: the same tensors, and fewer numbers in the adjoints."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser
from onnx.reference import ReferenceEvaluator

from onnxtaylor.graph.normalize import split_places

HEAD = '<ir_version: 10, opset_import: ["": 21]>\n'


def known_of(sizes):
    """Values of constants, and the shape of x."""

    def known(proto: onnx.ModelProto):
        values = {t.name: numpy_helper.to_array(t) for t in proto.graph.initializer}
        return values, {"x": sizes}

    return known


def gathers(places, *, shape: str = "", axis: int = 1) -> onnx.ModelProto:
    """The sum of (k + 1) times place k of x (N, 6, 2), over a list of places."""
    stored = ", ".join(f"int64{shape} i{k} = {{{p}}}" for k, p in enumerate(places))
    terms = "\n".join(
        f"g{k} = Gather<axis = {axis}>(x, i{k})  m{k} = Mul(g{k}, f{k})" for k in range(len(places))
    )
    factors = ", ".join(f"float f{k} = {{{k + 1}.0}}" for k in range(len(places)))
    total = "y = Sum(" + ", ".join(f"m{k}" for k in range(len(places))) + ")"
    text = f"g (float[N, 6, 2] x) => (float[N, 2] y) <{stored}, {factors}> {{ {terms} {total} }}"
    if shape:
        text = text.replace("float[N, 2] y", "float[N, 1, 2] y")
    return parser.parse_model(HEAD + text)


@pytest.mark.parametrize("shape", ["", "[1]"])
@pytest.mark.parametrize("axis", [1, -2])
@pytest.mark.parametrize("places", [[0, 1, 2, 3, 4, 5], [4, -1, 1, 1], [5, 4, 2, 0, -6]])
def test_one_split_gives_the_same_places(places, axis, shape):
    proto = gathers(places, shape=shape, axis=axis)
    found = split_places(proto, known_of((-1, 6, 2)))
    kinds = [node.op_type for node in found.graph.node]
    assert kinds.count("Split") == 1
    assert "Gather" not in kinds
    x = np.random.default_rng(1).normal(size=(3, 6, 2)).astype("f4")
    for model in (proto, found):
        onnx.checker.check_model(model, full_check=True)
    expected, same = (ReferenceEvaluator(m).run(None, {"x": x})[0] for m in (proto, found))
    np.testing.assert_array_equal(same, expected)
    factors = np.arange(1, len(places) + 1, dtype="f4")
    np.testing.assert_allclose(
        same.reshape(3, 2), np.einsum("k,nkj->nj", factors, x[:, places]), rtol=1e-5, atol=1e-6
    )


def test_few_gathers_and_unknown_sizes_stay():
    few = gathers([0, 1, 2])
    assert split_places(few, known_of((-1, 6, 2))) is few
    events = gathers([0, 1, 2, 3], axis=0)
    assert split_places(events, known_of((-1, 6, 2))) is events
