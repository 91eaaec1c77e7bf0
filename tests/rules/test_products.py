"""Products of two factors that both vary: what is constant in them, how much is held."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from onnxtaylor.errors import ModelError
from tests.rules.reference import Evaluator, compiled, differences, distance, response_of, terms
from tests.rules.sample import FEATURES, RESPONSES, Graph, Sample, c, sample, x

KINDS = {
    "MatMul": lambda g, a, b: g.op("MatMul", a, b),
    "Einsum": lambda g, a, b: g.op("Einsum", a, b, equation="nij,njk->nik"),
}
Shapes = tuple[tuple[int, int], tuple[int, int]]
PRODUCT = pytest.mark.parametrize("kind", KINDS)


def factors(g: Graph, shapes: Shapes, curved: tuple[bool, bool]) -> list[str]:
    """Matrices of each event, their elements linear in the features or curved."""
    random, found = np.random.default_rng(5), []
    for shape, bend in zip(shapes, curved, strict=True):
        row = g.op(
            "MatMul", "features", g.constant(random.uniform(-0.5, 0.5, (FEATURES, np.prod(shape))))
        )
        name = g.op("Tanh", row) if bend else row
        found.append(g.op("Reshape", name, g.constant(np.array([-1, *shape]))))
    return found


def product(
    kind: str, shapes: Shapes, curved: tuple[bool, bool], responses: int, *, bend: bool
) -> onnx.ModelProto:
    """Responses that are linear in the product of the factors, or squares of such."""
    random, g = np.random.default_rng(3), Graph(np.dtype(np.float64))
    z = g.op("Flatten", KINDS[kind](g, *factors(g, shapes, curved)), axis=1)
    weight = random.normal(size=(shapes[0][0] * shapes[1][1], responses))
    y = g.op("MatMul", z, g.constant(weight))
    return g.model(g.op("Mul", y, y) if bend else y, 21)


@PRODUCT
@pytest.mark.parametrize("bend", [False, True], ids=["linear", "quadratic"])
@pytest.mark.parametrize("curved", [(False, False), (False, True), (True, False), (True, True)])
@pytest.mark.parametrize("shapes", [((2, 3), (3, 4)), ((4, 3), (3, 2))], ids=["left", "right"])
@pytest.mark.parametrize("responses", [1, 2])
def test_each_part_may_be_the_same_for_all_events(
    kind: str, bend: bool, curved: tuple[bool, bool], shapes: Shapes, responses: int
):
    """Tangents of either factor, and adjoints where the response is linear in the product."""
    proto = product(kind, shapes, curved, responses, bend=bend)
    events = np.random.default_rng(1).uniform(-1, 1, (4, FEATURES))
    wanted = differences(response_of(proto), events)
    _, found = terms(proto, events)
    assert distance(found[..., :FEATURES], wanted[..., :FEATURES]) < 1e-9
    assert distance(found[..., FEATURES:], wanted[..., FEATURES:]) < 2e-8


@PRODUCT
@pytest.mark.parametrize("sizes", [(16, 16, 16), (16, 4, 16), (4, 16, 16), (16, 16, 4)])
def test_no_tensor_has_an_element_for_each_multiplication(kind: str, sizes: tuple[int, int, int]):
    """What is held for an event is C·n times the smaller factor, or n times the product."""
    m, k, n = sizes
    proto = product(kind, ((m, k), (k, n)), (False, False), 2, bend=True)
    events = np.random.default_rng(1).uniform(-1, 1, (4, FEATURES))
    _, graph = compiled(proto, events)
    names = [name for node in graph.proto.graph.node for name in node.output]
    found = Evaluator(graph.proto, names)(events)
    largest = max(value.size for value in found.values()) / len(events)
    assert largest <= max(2 * FEATURES * min(m * k, k * n), FEATURES * m * n) < m * k * n


def test_a_product_of_events_is_refused():
    g = Graph(np.dtype(np.float64))
    rows = g.op("MatMul", "features", g.constant(np.ones((FEATURES, 2))))
    square = g.op("MatMul", rows, g.op("Transpose", rows, perm=[1, 0]))
    proto = g.model(g.op("MatMul", square, rows), 21)
    for order in (1, 2):
        with pytest.raises(ModelError, match=r"\(MatMul\): it mixes the events of a batch"):
            compiled(proto, np.zeros((4, FEATURES)), order)


def test_a_product_with_a_vector_is_refused():
    proto = sample("MatMul", x(2, 3), c(3)).model()
    with pytest.raises(ModelError, match="multiplies a vector"):
        compiled(proto, np.zeros((4, FEATURES)))


@pytest.mark.parametrize(
    "s",
    [
        sample("MatMul", x(3), c(3, 4)),
        sample("MatMul", x(2, 5, 3), c(3, 4)),
        sample("MatMul", x(2, 3), c(1, 3, 4)),
        sample("Gemm", x(3), c(4, 3), transB=1, alpha=0.6),
        sample("Conv", x(2, 5, 5), c(4, 2, 3, 3)),
        sample("ConvTranspose", x(2, 5, 5), c(2, 4, 3, 3)),
    ],
    ids=str,
)
def test_all_tangents_go_through_a_weight_at_once(s: Sample):
    """A plain matrix on the right makes one product of all rows; images share one batch."""
    events = s.events()
    _, graph = compiled(s.model(), events)
    names = [name for node in graph.proto.graph.node for name in node.output]
    found = Evaluator(graph.proto, names)(events)
    fixed = {t.name: tuple(t.dims) for t in graph.proto.graph.initializer}
    images = []
    for node in graph.proto.graph.node:
        if node.op_type == "MatMul":
            assert node.input[0] not in fixed
            assert all(d == 1 for d in fixed.get(node.input[1], ())[:-2])
        elif "Conv" in node.op_type:
            images.append(found[node.output[0]].shape[0])
    rows = [k * len(events) for k in (1, FEATURES, RESPONSES)]
    assert not images or sorted(images) == sorted(rows)


@PRODUCT
@pytest.mark.parametrize("curved", [(False, False), (False, True), (True, False), (True, True)])
def test_sizes_are_those_that_onnx_infers(kind: str, curved: tuple[bool, bool]):
    """onnxruntime rewrites a graph by the inferred sizes, of Einsum those of its first factors."""
    proto = product(kind, ((2, 3), (3, 4)), curved, 2, bend=True)
    events = np.random.default_rng(1).uniform(-1, 1, (5, FEATURES))
    _, graph = compiled(proto, events)
    inferred = onnx.shape_inference.infer_shapes(graph.proto, data_prop=True).graph.value_info
    found = Evaluator(graph.proto, [info.name for info in inferred])(events)
    known = 0
    for info in inferred:
        sizes = info.type.tensor_type.shape.dim
        for size, have in zip(sizes, found[info.name].shape, strict=True):
            assert size.dim_value in (0, have), f"{info.name} {found[info.name].shape}"
            known += size.dim_value > 0
    assert known
