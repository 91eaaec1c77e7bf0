"""Derivatives by simple means: graphs evaluated, central differences, and the compiler's own terms.

Nothing here is shared with the engines but the compiler under test.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx.reference import ReferenceEvaluator

from onnxtaylor.compiler import TERMS, DerivativeGraph, Observation, compile_terms
from onnxtaylor.graph import GraphFunction, build_function, choose, read_model
from onnxtaylor.indices import MultiIndices
from tests.rules.legacy import LEGACY
from validation.evaluators import Erf, Gelu, Mean

Array = npt.NDArray[Any]

# sixth order of accuracy, for derivatives 1 and 2 at points -3 … 3
FIRST = np.array([-1, 9, -45, 0, 45, -9, 1]) / 60
SECOND = np.array([2, -27, 270, -490, 270, -27, 2]) / 180


# ONNX's own Erf, and with it Gelu, rounds to single precision, its Mean does not broadcast
REPAIRED = [Erf, Gelu, Mean]


class Evaluator:
    """A graph on onnxruntime, or by ONNX's reference where that has no kernel in this precision,
    or none for so old an operator set.
    """

    def __init__(self, proto: onnx.ModelProto, outputs: Sequence[str] = ()) -> None:
        if outputs:
            copy = onnx.ModelProto()
            copy.CopyFrom(proto)
            del copy.graph.output[:]
            copy.graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)
            proto = copy
        self.names = [o.name for o in proto.graph.output]
        self._feed = proto.graph.input[0].name
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.graph_optimization_level = level
        self.reference = False
        ancient = any(e.version < 7 for e in proto.opset_import if e.domain == "")
        lacking: Any = onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented
        lacking = Exception if ancient else lacking
        try:
            self._session: Any = onnxruntime.InferenceSession(
                proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except lacking:
            self._session = ReferenceEvaluator(proto, new_ops=REPAIRED + LEGACY * ancient)
            self.reference = True

    def __call__(self, x: Array) -> dict[str, Array]:
        with np.errstate(all="ignore"):
            return dict(zip(self.names, self._session.run(None, {self._feed: x}), strict=True))


def evaluate(proto: onnx.ModelProto, x: Array, outputs: Sequence[str] = ()) -> dict[str, Array]:
    return Evaluator(proto, outputs)(x)


def function_of(proto: onnx.ModelProto) -> GraphFunction:
    model = read_model(proto)
    return build_function(model, choose(model))


def observed(function: GraphFunction, x: Array) -> Observation:
    names = [o for node in function.proto.graph.node for o in node.output if o]
    ask = Evaluator(function.proto, names)
    rows = np.ascontiguousarray(x, dtype=function.dtype)
    two, three = ({function.feed: rows[:k], **ask(rows[:k])} for k in (2, 3))
    return Observation(two, three)


def compiled(
    proto: onnx.ModelProto, x: Array, indices: MultiIndices | int = 2
) -> tuple[GraphFunction, DerivativeGraph]:
    """The graph of all Taylor coefficients up to an order, or of chosen ones."""
    function = function_of(proto)
    if isinstance(indices, int):
        indices = MultiIndices.full(function.n_features, indices)
    opset = next(o.version for o in proto.opset_import if o.domain in ("", "ai.onnx"))
    return function, compile_terms(function, indices, observed(function, x), opset)


def terms(proto: onnx.ModelProto, x: Array, indices: MultiIndices | int = 2) -> tuple[Array, Array]:
    """Responses (N, C) and coefficients (N, C, K) by the compiled graph."""
    function, graph = compiled(proto, x, indices)
    found = Evaluator(graph.proto)(np.ascontiguousarray(x, dtype=function.dtype))
    return found[function.response], found[TERMS]


def response_of(proto: onnx.ModelProto) -> Callable[[Array], Array]:
    """f of the original graph, for rows of any number."""
    ask, name = Evaluator(proto), proto.graph.output[0].name
    return lambda x: ask(x)[name].reshape(len(x), -1)


def differences(f: Callable[[Array], Array], x: Array, step: float = 0.01) -> Array:
    """All coefficients up to second order (N, C, K) by central differences of sixth order."""
    events, n = x.shape
    places = np.arange(-3, 4)
    points: list[Array] = [np.zeros((1, n))]
    for i in range(n):
        points.append(np.outer(places, np.eye(n)[i]))
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    for i, j in pairs:
        a, b = np.meshgrid(places, places, indexing="ij")
        points.append(np.outer(a.ravel(), np.eye(n)[i]) + np.outer(b.ravel(), np.eye(n)[j]))
    moves = np.concatenate(points) * step
    rows = (x[:, None, :] + moves).reshape(-1, n)
    values = f(rows.astype(x.dtype)).astype(np.float64).reshape(events, len(moves), -1)
    lines = values[:, 1 : 1 + 7 * n].reshape(events, n, 7, -1)
    grids = values[:, 1 + 7 * n :].reshape(events, len(pairs), 7, 7, values.shape[-1])
    first = np.einsum("eikc,k->eci", lines, FIRST) / step
    diagonal = np.einsum("eikc,k->eci", lines, SECOND) / step**2 / 2
    mixed = np.einsum("epklc,k,l->ecp", grids, FIRST, FIRST) / step**2
    second = []
    for i in range(n):
        for j in range(i, n):
            second.append(diagonal[..., i] if i == j else mixed[..., pairs.index((i, j))])
    return np.concatenate([first, np.stack(second, axis=-1)], axis=-1)


def distance(found: Array, wanted: Array, floor: float = 1e-3) -> float:
    """The largest deviation relative to the largest coefficient."""
    if not np.isfinite(found).all():
        return np.inf
    return float(np.abs(found - wanted).max() / max(np.abs(wanted).max(), floor))
